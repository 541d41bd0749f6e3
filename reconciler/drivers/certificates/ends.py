"""When certificates end that nobody here renews: one that another server shows, and one that we show to a server."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import NamedTuple

from reconciler.drivers.certificates.pair import NO_CHECK_TIME, handshake
from reconciler.drivers.certificates.pem import leaf
from reconciler.drivers.examining import Finding, failed, ok, warning
from reconciler.drivers.lookup import addresses
from reconciler.errors import Refused
from reconciler.wording import ending

SOON = 30 * 86400.0  # seconds before its end from which on it is warned of
PATIENCE = 5.0  # seconds for the name service, for a connection, and for its handshake, each


class Seen(NamedTuple):
    """A certificate that was shown."""

    serial: str  # hexadecimal
    ends: float  # seconds since 1970


def shown(host: str, port: int, context: ssl.SSLContext, patience: float = PATIENCE) -> Seen:
    """What is shown there, also one that is over. `context`: whom to believe; it is changed. `patience`: seconds for
    each of name, connection and handshake. Raises OSError: nobody shows any, or (ssl.SSLCertVerificationError) it is
    not believed."""
    context.verify_flags |= NO_CHECK_TIME
    with (
        _connected(host, port, patience) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return _seen(secured)


def of_client(certificate: Path, key: Path) -> float:
    """The end of a pair that we show, seconds since 1970, also of one that is over: by a handshake in memory, with a
    server that believes this very certificate. Raises Refused for files that are no pair, or not a client's."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # it talks with ourselves
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    try:
        for side in (client, server):
            side.load_cert_chain(certificate, key, password=lambda: "")
        server.load_verify_locations(cadata=leaf(certificate.read_text("latin-1")))
        return _seen(handshake(client, server)[1]).ends
    except (OSError, ValueError) as error:
        why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or getattr(error, "strerror", "")
        raise Refused(f"{certificate} with {key} cannot be shown by a client: {why or 'no PEM'}") from None


def told(what: str, whose: str, ends: float, cure: str, now: float, soon: float = SOON) -> Finding:
    """For the doctor. `now`: seconds since 1970."""
    found = f"{whose}, {ending(ends, now)}"
    if now >= ends:
        return failed(what, found, cure)
    return warning(what, found, cure) if ends - now < soon else ok(what, found)


def _seen(side: ssl.SSLSocket | ssl.SSLObject) -> Seen:
    found = side.getpeercert() or {}
    return Seen(str(found["serialNumber"]), float(ssl.cert_time_to_seconds(str(found["notAfter"]))))


def _connected(host: str, port: int, patience: float) -> socket.socket:
    """Raises OSError of the last address that was tried."""
    problem = OSError("the name has no address")
    for number in addresses(host, port, patience):
        try:
            return socket.create_connection((number, port), patience)
        except OSError as error:
            problem = error
    raise problem
