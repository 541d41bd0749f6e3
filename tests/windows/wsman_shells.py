"""The shells of WinRM: made, given a command, fed, read, and deleted; with Windows' own refusals."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import wsman_soap as soap
from windows_faults import Faults
from windows_machine import Session, Windows
from windows_powershell import Process
from wsman_soap import NAMES, Fault, Message

PIECE = 64 << 10  # bytes of each stream in one answer: more would not fit in an envelope
STATE = f"{soap.SHELL}/CommandState"
TERMINATE = f"{soap.SHELL}/signal/terminate"


@dataclass
class Shell:
    owner: str
    idle: str  # its IdleTimeOut, as it was asked for
    commands: dict[str, Process] = field(default_factory=dict)


class Shells:
    """`most`: of one user (MaxShellsPerUser). `patience`: seconds that a Receive waits at most, where less than it
    asks for; so tests need not wait."""

    def __init__(self, windows: Windows, faults: Faults, most: int = 30, patience: float = 0.05) -> None:
        self._windows, self._faults = windows, faults
        self.most, self.patience = most, patience
        self.open: dict[str, Shell] = {}
        self.made: list[Shell] = []
        self.seen: list[str] = []  # every action that was taken
        self._lock = threading.Lock()

    def do(self, message: Message, session: Session) -> bytes:
        """The answer's envelope. Raises Fault."""
        does: dict[str, Callable[[Message, Session], str]] = {
            "Create": self._create,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
        }
        if message.action not in does:
            raise Fault(soap.BAD_ACTION, "The WS-Addressing action URI is invalid.")
        self.seen.append(message.action)
        return soap.answer(message, does[message.action](message, session))

    def lose(self) -> None:
        """As at a reboot: every shell, and what runs in it."""
        with self._lock:
            lost, self.open = self.open, {}
        for shell in lost.values():
            for process in shell.commands.values():
                process.kill()

    def _create(self, message: Message, session: Session) -> str:
        with self._lock:
            if sum(shell.owner == session.user for shell in self.open.values()) >= self.most:
                raise Fault(soap.TOO_MANY_SHELLS, f"This user is allowed a maximum number of {self.most} shells.")
            identity = str(uuid.uuid4()).upper()
            self.open[identity] = Shell(session.user, message.body.findtext("rsp:Shell/rsp:IdleTimeOut", "", NAMES))
            self.made.append(self.open[identity])
        selector = f'<w:Selector Name="ShellId">{identity}</w:Selector>'
        return (
            f"<x:ResourceCreated><a:Address>{NAMES['a']}/role/anonymous</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{soap.CMD}</w:ResourceURI><w:SelectorSet>{selector}</w:SelectorSet>"
            "</a:ReferenceParameters></x:ResourceCreated>"
        )

    def _command(self, message: Message, session: Session) -> str:
        shell = self._shell(message, session)
        if message.options.get("WINRS_CONSOLEMODE_STDIN", "TRUE") != "FALSE":
            raise Fault(87, "The parameter is incorrect.")  # a console would not hand a line of this length on
        identity = str(uuid.uuid4()).upper()
        process = shell.commands[identity] = Process(self._windows, session, self._faults)
        line = message.body.find("rsp:CommandLine", NAMES)
        if line is None:
            raise Fault(soap.BAD_XML, "The SOAP XML in the message does not match the corresponding XML schema.")
        words = " ".join(one.text or "" for one in line.findall("rsp:Arguments", NAMES))
        process.start(line.findtext("rsp:Command", "", NAMES), words)
        return f"<rsp:CommandResponse><rsp:CommandId>{identity}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, message: Message, session: Session) -> str:
        shell = self._shell(message, session)
        for stream in message.body.findall("rsp:Send/rsp:Stream", NAMES):
            process = self._process(shell, stream.get("CommandId", ""))
            try:
                process.feed(base64.b64decode(stream.text or ""), stream.get("End") == "true")
            except BrokenPipeError:
                raise Fault(soap.PIPE_GONE, "The pipe is being closed.") from None
        return "<rsp:SendResponse/>"

    def _receive(self, message: Message, session: Session) -> str:
        shell = self._shell(message, session)
        desired = message.body.find("rsp:Receive/rsp:DesiredStream", NAMES)
        identity = "" if desired is None else desired.get("CommandId", "")
        process = self._process(shell, identity)
        out, err, code = process.take(PIECE, min(message.seconds, self.patience))
        if process.killed:
            raise Fault(soap.OPERATION_ABORTED, "The I/O operation has been aborted because of a thread exit.")
        if not out and not err and code is None:
            raise Fault(
                soap.TIMED_OUT, "The WS-Management service cannot complete the operation within OperationTimeout."
            )
        streams = "".join(_stream(name, identity, data) for name, data in (("stdout", out), ("stderr", err)) if data)
        done = f'State="{STATE}/Done"><rsp:ExitCode>{code}</rsp:ExitCode></rsp:CommandState>'
        state = done if code is not None else f'State="{STATE}/Running"/>'
        return f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{identity}" {state}</rsp:ReceiveResponse>'

    def _signal(self, message: Message, session: Session) -> str:
        signal = message.body.find("rsp:Signal", NAMES)
        process = self._process(self._shell(message, session), "" if signal is None else signal.get("CommandId", ""))
        if signal is None or signal.findtext("rsp:Code", "", NAMES) != TERMINATE:
            raise Fault(87, "The parameter is incorrect.")
        process.kill()
        return "<rsp:SignalResponse/>"

    def _delete(self, message: Message, session: Session) -> str:
        for process in self._shell(message, session).commands.values():
            process.kill()
        with self._lock:
            self.open.pop(message.shell, None)
        return ""

    def _shell(self, message: Message, session: Session) -> Shell:
        if not message.shell:
            raise Fault(soap.TOO_FEW_SELECTORS, "The request did not contain all the selectors that it needs.")
        if message.shell not in self.open:
            why = "failed because the shell was not found on the server."
            raise Fault(soap.NO_SHELL, f"The request for the Windows Remote Shell with ShellId {message.shell} {why}")
        if self.open[message.shell].owner != session.user:
            raise Fault(soap.ACCESS_DENIED, "Access is denied.")
        return self.open[message.shell]

    def _process(self, shell: Shell, identity: str) -> Process:
        if identity not in shell.commands:
            raise Fault(soap.NO_SHELL, "The request failed because the command was not found on the server.")
        return shell.commands[identity]


def _stream(name: str, command: str, data: bytes) -> str:
    return f'<rsp:Stream Name="{name}" CommandId="{command}">{base64.b64encode(data).decode()}</rsp:Stream>'
