"""A certificate and its key, read from the operator's files and judged as a client would.

Only the standard library: OpenSSL loads the pair as a server does, and a handshake in memory with ourselves shows what
a client is shown: whether the chain leads to the authority, the names, the serial number, the end.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from reconciler.drivers.certificates.certificate import Certificate
from reconciler.drivers.certificates.pem import blocks, chain, leaf
from reconciler.errors import Refused
from reconciler.wording import day

LARGEST = 1 << 20  # bytes of a file that are read at all
_KEYS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: also of one that is over we want to know when that was
ROUNDS = 10  # of a handshake in memory; TLS needs three


@dataclass(frozen=True)
class Pair:
    """`chain` and `key` are PEM and nothing else. `begins`, `ends`: seconds since 1970. The key is shown nowhere."""

    chain: str
    key: str = field(repr=False)
    serial: str  # hexadecimal, capital
    names: tuple[str, ...]
    begins: float
    ends: float

    @property
    def digest(self) -> str:
        """Of the chain: its key is the only one that there is."""
        return digest(self.chain)

    @property
    def leaf(self) -> str:
        return leaf(self.chain)

    @cached_property
    def fingerprint(self) -> str:
        """Of the certificate itself, SHA-1, as HAProxy shows it: it tells which one, and protects nothing."""
        return sha1(ssl.PEM_cert_to_DER_cert(self.leaf), usedforsecurity=False).hexdigest().upper()

    def outside(self, now: float) -> str:
        """Why it may not be shown at this time; empty when it may."""
        if now >= self.ends:
            return f"the certificate ended on {day(self.ends)}; put a new pair in its place"
        return (
            f"the certificate is not valid before {day(self.begins)}; wait, or see the clock"
            if now < self.begins
            else ""
        )


def digest(chain: str) -> str:
    return sha256(chain.encode()).hexdigest()[:16]


def read(certificate: Certificate) -> Pair:
    """What the files hold now. Raises Refused naming the file, what was expected, and what to do."""
    before = _texts(certificate)
    pair = _judged(certificate, *before[:2])
    if _texts(certificate) != before:
        raise Refused(f"{certificate.chain_file} and its key are being changed just now; it is looked at again")
    return pair


def _texts(certificate: Certificate) -> tuple[str, ...]:
    return tuple(_text(file) for file in certificate.files())


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST).decode("latin-1")
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}; put it there, readable for this account") from error


def _judged(certificate: Certificate, certificates: str, keys: str) -> Pair:
    found, key = chain(certificates), _key(certificate.key_file, keys)
    if not found:
        form = "expected PEM, -----BEGIN CERTIFICATE-----"
        raise Refused(f"{certificate.chain_file} holds no certificate, {form}; from DER: openssl x509 -inform der")
    told = _shown(certificate, _server(certificate), found)
    names = tuple(str(name) for kind, name in told.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    if not names:
        why = "names nobody (no subjectAltName), so no browser takes it"
        raise Refused(f"{certificate.chain_file} {why}; have one made with the names that users type")
    begins, ends = (ssl.cert_time_to_seconds(told[name]) for name in ("notBefore", "notAfter"))
    return Pair(found, key, serial(told["serialNumber"]), names, float(begins), float(ends))


def serial(text: str) -> str:
    """Products differ in how they write one."""
    return text.upper().lstrip("0") or "0"


def _key(file: Path, text: str) -> str:
    kinds = dict(reversed(list(blocks(text))))  # the first of a kind
    if "ENCRYPTED PRIVATE KEY" in kinds or "Proc-Type: 4,ENCRYPTED" in text:
        cure = "openssl pkey -in WITH -out WITHOUT, and chmod 600"
        raise Refused(f"{file} has a passphrase, and nobody is there to type it; {cure}")
    found = next((kinds[kind] for kind in _KEYS if kind in kinds), None)
    if found is None:
        raise Refused(f"{file} holds no private key, expected PEM, -----BEGIN PRIVATE KEY-----; see `key`")
    return found


def _server(certificate: Certificate) -> ssl.SSLContext:
    """As a server loads it. Raises Refused when key and certificate are not each other's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.chain_file, certificate.key_file, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"{certificate.key_file} is not the key of {certificate.chain_file}"
            raise Refused(
                f"{what}: a pair was renewed by half, or two were mixed; put both files of one pair"
            ) from error
        what = f"{certificate.chain_file} with {certificate.key_file}"
        raise Refused(f"{what} cannot be used ({error.reason or 'no valid PEM'}); export both anew as PEM") from error
    except OSError as error:
        raise Refused(f"{certificate.chain_file} cannot be read: {error.strerror}; it is looked at again") from error
    return context


def _shown(certificate: Certificate, server: ssl.SSLContext, found: str) -> dict[str, Any]:
    """The certificate as a client sees it who trusts the authority; where none is named, just this certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False  # nobody is asked here: we look at what the files hold
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    try:
        if certificate.ca:
            client.load_verify_locations(certificate.file(certificate.ca))
        else:
            client.load_verify_locations(cadata=leaf(found))
        return dict(handshake(client, server)[0].getpeercert() or {})
    except ssl.SSLCertVerificationError as error:
        cure = f"put the certificates in between behind it in {certificate.chain_file}, or name its authority as `ca`"
        raise Refused(f"{certificate.chain_file} is not vouched for: {error.verify_message}; {cure}") from error
    except (ssl.SSLError, OSError) as error:
        why = error.strerror or " ".join(map(str, error.args))
        what = f"{certificate.chain_file} cannot be shown to a client ({why})"
        raise Refused(f"{what}; see `certificate`, `key` and `ca`") from error


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """In memory; the client's side of it, and the server's. Raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks, answers = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for _ in range(ROUNDS):
        if all([_moved(asks), _moved(answers)]):
            return asks, answers
    raise ssl.SSLError("the handshake does not end")


def _moved(side: ssl.SSLObject) -> bool:
    """Is this side done?"""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
