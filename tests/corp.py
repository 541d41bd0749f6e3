"""A company's authority and the pairs that it makes, anew for each run of the tests; written as an operator would."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.drivers.certificates.certificate import Certificate

PEM = serialization.Encoding.PEM
NAMES = ("shop.corp.example", "127.0.0.1")
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Made:
    """A certificate, those behind it, and its key."""

    def __init__(self, found: x509.Certificate, key: ec.EllipticCurvePrivateKey, behind: bytes = b"") -> None:
        self.certificate, self._key, self.behind = found, key, behind

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:X}"

    @property
    def chain(self) -> bytes:
        return self.certificate.public_bytes(PEM) + self.behind

    def key(self, passphrase: bytes = b"") -> bytes:
        hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        return self._key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, hidden)

    def put(self, folder: Path, *, half: bool = False) -> None:
        """By rename, the certificate first; `half`: its key does not come."""
        for name, content in (("chain.pem", self.chain), ("key.pem", self.key()))[: 1 if half else 2]:
            new = folder / f".{name}"
            new.touch(mode=0o600)
            new.write_bytes(content)
            new.rename(folder / name)


class Corp:
    """A root, and an authority below it that signs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "ca.pem"
        folder.mkdir(exist_ok=True)
        self._root = self._make("root", None)
        self._below = self._make("below", self._root)
        self.file.write_bytes(self._root.certificate.public_bytes(PEM))

    def made(self, *names: str, ends: datetime.timedelta = 90 * DAY, begins: datetime.timedelta = -DAY) -> Made:
        return self._make("leaf", self._below, names or NAMES, begins=begins, ends=ends)

    def table(self, *, ca: bool = True) -> Certificate:
        given = {"ca": "ca.pem"} if ca else {}
        return Certificate(certificate="chain.pem", key="key.pem", base=self.folder, **given)  # type: ignore[arg-type]

    def users(self) -> ssl.SSLContext:
        """As browsers are: they believe the root, and look at names."""
        return ssl.create_default_context(cafile=self.file)

    def _make(
        self,
        name: str,
        by: Made | None,
        names: tuple[str, ...] = (),
        begins: datetime.timedelta = -DAY,
        ends: datetime.timedelta = 900 * DAY,
    ) -> Made:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = by.certificate.subject if by else subject
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW + begins).not_valid_after(NOW + ends)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        else:
            builder = builder.add_extension(x509.BasicConstraints(ca=name != "leaf", path_length=None), critical=True)
        found = builder.sign(by._key if by else key, hashes.SHA256())
        return Made(found, key, self._below.certificate.public_bytes(PEM) if name == "leaf" and by else b"")


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def shown(port: int, users: ssl.SSLContext) -> str:
    """The serial number that a new connection is shown."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    with plain, users.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        found = secured.getpeercert() or {}
        return str(found["serialNumber"]).lstrip("0")


def keys(certificate: Certificate | None) -> list[str]:
    """A line of the private key, which no message may hold."""
    if certificate is None:
        return []
    return [certificate.key_file.read_text().splitlines()[2]]
