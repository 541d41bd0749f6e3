"""How one connection proves who asks, and how its messages are sealed: NTLM and CredSSP by pyspnego as the other side,
Basic, and a client's certificate. Kerberos needs a domain, which no test has."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError
from windows_machine import Session

SPNEGO = "application/HTTP-SPNEGO-session-encrypted"
CREDSSP = "application/HTTP-CredSSP-session-encrypted"
MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
BOUNDARY = b"--Encrypted Boundary"
RECORD = 16 << 10  # bytes of one part: a record of TLS holds no more
DOMAIN, USER, PASSWORD = "CORP", "reconcile", "Passw0rd-Sesame"


def users(file: Path) -> None:
    """The only user of this domain, where pyspnego looks for users."""
    file.write_text(f"{DOMAIN}:{USER}:{PASSWORD}\n:{USER}:{PASSWORD}\n")
    os.environ["NTLM_USER_FILE"] = str(file)


@dataclass
class Logon:
    """Of one connection. `offers` are the transports that are switched on there."""

    offers: tuple[str, ...]
    certificate: bytes = b""  # digest of the server's own; empty without TLS
    peer: str = ""  # the name in the client's verified certificate
    session: Session | None = None
    context: spnego.ContextProxy | None = None
    scheme: str = ""
    says: list[str] = field(default_factory=list)  # WWW-Authenticate, when there is no session

    def ask(self, header: str) -> bool:
        """Is it proved who asks? If not, `says` tells the other side how to go on."""
        if header:
            self.says = []
            self._proved(header)
        if self.session is None and not self.says:
            self.says = list(self._offered())
        return self.session is not None

    def _offered(self) -> Iterator[str]:
        names = {"ntlm": "Negotiate", "credssp": "CredSSP", "basic": 'Basic realm="WSMAN"'}
        yield from (names[one] for one in self.offers if one in names and (one != "basic" or self.certificate))

    def _proved(self, header: str) -> None:
        scheme, _, rest = header.partition(" ")
        if header == MUTUAL and "certificate" in self.offers and self.peer:
            self.session = Session(self.peer, passes_on=False)
        elif scheme == "Basic" and "basic" in self.offers and self.certificate:
            if base64.b64decode(rest).decode() == f"{USER}:{PASSWORD}":
                self.session = Session(USER, passes_on=False)
        elif {"Negotiate": "ntlm", "CredSSP": "credssp"}.get(scheme) in self.offers:
            self._step(scheme, base64.b64decode(rest))

    def _step(self, scheme: str, token: bytes) -> None:
        if self.context is None or self.context.complete:
            self.scheme, self.session = scheme, None
            self.context = self._acceptor()
        try:
            answer = self.context.step(token)
        except SpnegoError:
            self.context = None
            return
        if self.context.complete:
            name = str(self.context.client_principal or USER)
            self.session = Session(name, passes_on=scheme == "CredSSP")
        elif answer is not None:
            self.says = [f"{scheme} {base64.b64encode(answer).decode()}"]

    def _acceptor(self) -> spnego.ContextProxy:
        if self.scheme == "CredSSP":
            return spnego.server(protocol="credssp")
        bound = GssChannelBindings(application_data=b"tls-server-end-point:" + self.certificate)
        return spnego.server(protocol="ntlm", channel_bindings=bound if self.certificate else None)

    # ---- sealing -----------------------------------------------------------------------------------------------------

    def unsealed(self, content: bytes) -> bytes:
        """Raises ValueError for what was not sealed by this connection's own context."""
        assert self.context is not None
        message = bytearray()
        for part in re.split(re.escape(BOUNDARY) + rb"\r\n\tContent-Type: application/HTTP-", content)[1:]:
            head, _, sealed = part.partition(b"\tContent-Type: application/octet-stream\r\n")
            sealed = sealed.removesuffix(BOUNDARY + b"--\r\n")
            length = re.search(rb"Length=(\d+)", head)
            if length is None or len(sealed) < 4:
                raise ValueError("no sealed message")
            plain = self._opened(sealed)
            if len(plain) != int(length[1]):
                raise ValueError("a sealed message has another length")
            message += plain
        return bytes(message)

    def _opened(self, sealed: bytes) -> bytes:
        assert self.context is not None
        count = int.from_bytes(sealed[:4], "little")
        try:
            if self.scheme == "CredSSP":
                return self.context.unwrap(sealed[4:]).data
            return self.context.unwrap_winrm(sealed[4 : 4 + count], sealed[4 + count :])
        except (SpnegoError, ssl.SSLError) as error:
            raise ValueError("not sealed by this connection") from error

    def sealed(self, message: bytes) -> tuple[str, bytes]:
        """Content type and content."""
        protocol = CREDSSP if self.scheme == "CredSSP" else SPNEGO
        size = RECORD if self.scheme == "CredSSP" else max(1, len(message))
        pieces = [message[start : start + size] for start in range(0, len(message), size)]
        content = b"".join(self._part(protocol, piece) for piece in pieces) + BOUNDARY + b"--\r\n"
        kind = "multipart/x-multi-encrypted" if len(pieces) > 1 else "multipart/encrypted"
        return f'{kind};protocol="{protocol}";boundary="Encrypted Boundary"', content

    def _part(self, protocol: str, message: bytes) -> bytes:
        assert self.context is not None
        if self.scheme == "CredSSP":
            sealed = (16).to_bytes(4, "little") + self.context.wrap(message).data
        else:
            header, data, _ = self.context.wrap_winrm(message)
            sealed = len(header).to_bytes(4, "little") + header + data
        original = f"type=application/soap+xml;charset=UTF-8;Length={len(message)}"
        head = f"\tContent-Type: {protocol}\r\n\tOriginalContent: {original}\r\n".encode()
        return b"%b\r\n%b%b\r\n\tContent-Type: application/octet-stream\r\n%b" % (BOUNDARY, head, BOUNDARY, sealed)
