"""A company's authority and what it vouches for, made anew for each run of the tests."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGINS = datetime.datetime(2024, 1, 1)
ENDS = datetime.datetime(2044, 1, 1)


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path

    def digest(self) -> bytes:
        """As NTLM binds its logon to the TLS connection."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return found.fingerprint(hashes.SHA256())


class Authority:
    def __init__(self, folder: Path, name: str = "Corp CA") -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._own = self._begun(self._name, self._key).add_extension(constraints, critical=True)
        self.file = folder / "ca.pem"
        self._certificate = self._own.sign(self._key, hashes.SHA256())
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def vouch(self, name: str, *hosts: str, ends: datetime.datetime = ENDS) -> Pair:
        """For a machine at those numbers, or for the user of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        begun = self._begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, ends)
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(host)) for host in hosts]
            begun = begun.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signed = begun.sign(self._key, hashes.SHA256())
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return pair

    def server(self, pair: Pair) -> ssl.SSLContext:
        """For a server, which asks for a user's certificate and takes it if there is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        context.load_verify_locations(self.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _begun(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime.datetime = ENDS
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        identified = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(BEGINS).not_valid_after(ends)
        return builder.add_extension(identified, critical=False)
