"""Whom our own requests to a gateway believe: who holds the key of the very certificate that it is to show."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from reconciler.drivers.certificates.pem import leaf
from reconciler.errors import Refused

Signature = tuple[tuple[int, int, int], ...]
_known: dict[tuple[tuple[str, ...], type[ssl.SSLSocket]], tuple[Signature, ssl.SSLContext]] = {}


def trusting(files: Sequence[str], kind: type[ssl.SSLSocket] = ssl.SSLSocket) -> ssl.SSLContext:
    """For connections (of a `kind`) to who shows the first certificate of one of `files`, and to nobody else; the same
    object while the files are the same. Raises Refused when none of them holds one.

    No authority is believed, so nobody else's certificate will do, whatever its names: the name that users type is not
    the address by which we ask."""
    key, now = (tuple(files), kind), signature(files)
    known = _known.get(key)
    if known is None or known[0] != now:
        known = _known[key] = now, _context(files)
        known[1].sslsocket_class = kind
    return known[1]


def signature(files: Sequence[str | Path]) -> Signature:
    """Another one when a file is another, or was written. What cannot be looked at counts as well."""
    return tuple(_signature(Path(file)) for file in files)


def _signature(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _context(files: Sequence[str]) -> ssl.SSLContext:
    shown = "".join(dict.fromkeys(_leaf(file) for file in files))
    if not shown:
        raise Refused(f"it is not known which certificate the gateway shows: none lies in {' or '.join(files)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificate itself is compared, key and all: that says more than a name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be an authority to be believed
    context.load_verify_locations(cadata=shown)
    return context


def _leaf(file: str) -> str:
    try:
        return leaf(Path(file).read_text("latin-1"))
    except OSError:
        return ""
