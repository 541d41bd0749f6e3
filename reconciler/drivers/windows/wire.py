"""WS-Management as pywinrm speaks it, over connections of ours. What it raises is translated in `winrm.py`.

Whoever imports this module pays for pywinrm.
"""

from __future__ import annotations

import re

from requests import Response, Session
from winrm import transport
from winrm.exceptions import WinRMTransportError
from winrm.protocol import Protocol

from reconciler.drivers.windows.connections import LARGEST, Adapter, Budget, Nonsense, trust
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import Unreachable

_ENCODING = re.compile(rb"""\s*<\?xml[^>]*encoding=["']([^"']*)""")
_ASKED = re.compile(rb"MessageID>uuid:([0-9a-fA-F-]{36})<")
_ANSWERED = re.compile(rb"RelatesTo[^>]*>\s*uuid:([0-9a-fA-F-]{36})<")
SECONDS = 3600  # for pywinrm's own time-out, which never counts: ours are beneath it


class _Transport(transport.Transport):
    """pywinrm's, over our connections. On plain HTTP nothing is sent, nor believed, that is not sealed."""

    def __init__(self, machine: Machine, password: str, budget: Budget) -> None:
        self._context = trust(machine, budget) if machine.tls else None
        files = [str(machine.file(name)) if name else None for name in (machine.certificate, machine.key)]
        super().__init__(
            endpoint=machine.endpoint,
            username=machine.user,
            password=password,
            service="HTTP",
            ca_trust_path=None,  # type: ignore[arg-type]
            cert_pem=files[0],
            cert_key_pem=files[1],
            read_timeout_sec=SECONDS,
            kerberos_delegation=machine.delegate,
            auth_method=machine.transport,
            message_encryption="never",  # until the session is ours: see below
            credssp_minimum_version=5,  # CVE-2018-0886
            proxy=None,
        )
        self._budget = budget

    def build_session(self) -> Session:
        if self.session:
            return self.session
        session = super().build_session()
        session.trust_env = False  # no proxy, no .netrc
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"
        session.adapters.clear()
        session.mount(f"{'https' if self._context else 'http'}://", Adapter(self._context, self._budget))
        self._budget.bytes = LARGEST
        if self._context is None:
            self._seal(session)
        return session

    def _seal(self, session: Session) -> None:
        """From here on, or not at all: a session that cannot seal is none."""
        try:
            if not getattr(session.auth, "winrm_encryption_available", True):
                raise Nonsense("this machine's Kerberos library cannot seal messages; use https")
            self.setup_encryption(session)
        except BaseException:
            self.close_session()
            raise

    def close_session(self) -> None:
        """The next message makes another one, and another seal with it."""
        super().close_session()
        self.encryption = None

    def send_message(self, message: str | bytes) -> bytes:
        self.build_session()
        self._budget.bytes = LARGEST
        try:
            text = super().send_message(message)
        except WinRMTransportError as error:
            _refuse_entities(error.response_text.encode())
            raise
        _refuse_entities(text)
        _refuse_strange(text, message)
        return text

    def _get_message_response_text(self, response: Response) -> bytes:
        if self.encryption and self.encryption.protocol_string.decode() not in response.headers.get("content-type", ""):
            raise Nonsense(f"it answers HTTP {response.status_code} in the clear, where every message is to be sealed")
        return super()._get_message_response_text(response)


def _refuse_entities(text: bytes) -> None:
    """No answer of WinRM has a document type; with one, a small answer can grow without end. Nothing but UTF-8 is read,
    or it could hide there."""
    coded = _ENCODING.match(text)
    if b"<!DOCTYPE" in text or b"\0" in text or (coded and coded[1].lower() != b"utf-8"):
        raise Nonsense("its answer is no plain XML")


def _refuse_strange(text: bytes, message: str | bytes) -> None:
    """pywinrm takes whatever comes for what it waits for; WinRM says which message it answers."""
    asked = _ASKED.search(message.encode() if isinstance(message, str) else message)
    answered = _ANSWERED.search(text)
    if not asked or not answered or asked[1].lower() != answered[1].lower():
        raise Nonsense("its answer is to nothing that was asked")


def protocol(machine: Machine, password: str, budget: Budget) -> Protocol:
    """Touches no network yet. Raises Unreachable where its transport needs a library that is not there."""
    if not getattr(transport, f"HAVE_{machine.transport.upper()}", True):
        cure = f"pip install 'pywinrm[{machine.transport}]'"
        raise Unreachable(f"{machine.host}: transport '{machine.transport}' needs a library of its own; {cure}")
    made = Protocol(machine.endpoint, "plaintext", "-", "-", proxy=None)
    made.transport = _Transport(machine, password, budget)
    return made
