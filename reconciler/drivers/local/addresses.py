"""host:port, taken apart and put together."""

from __future__ import annotations

import ipaddress

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where one reaches a listener that listens everywhere


def host_and_port(address: str) -> tuple[str, int]:
    """`127.0.0.1:80` or `[::1]:80`. Raises ValueError saying what was expected."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"'{address}' is no address, expected host:port such as 127.0.0.1:8080")
    return host, int(port)


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def url(host: str, port: int, scheme: str = "http") -> str:
    """How a client on this machine reaches a listener."""
    host = EVERYWHERE.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
