"""One command in one shell of a remote machine, by the messages of WS-Management: what is ours is how long, and how
much, is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field

from winrm.exceptions import WinRMOperationTimeoutError, WSManFaultError
from winrm.protocol import Protocol

from reconciler.drivers.windows.connections import Budget, Nonsense
from reconciler.drivers.windows.frame import PROGRAM, WORDS

RECEIVE = 5  # seconds, at most: after that the machine says that there is nothing yet, and is asked again
IDLE = "PT60.000S"  # a shell that nobody asks for so long ends by itself: ours that could not be deleted, too
CHUNK = 64 << 10  # bytes of input in one message; WinRM's limit is 150 KiB of XML, on an old one
MOST = 8 << 20  # bytes of output
KEPT = 64 << 10  # bytes of stderr: it is for people
GONE = (109, 232, 233)  # Windows' own numbers: the other end of the pipe has ended


@dataclass(slots=True)
class Output:
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    code: int = 0
    seen: int = 0  # bytes, of both


@dataclass(slots=True)
class Shell:
    """From `open` to `close`. What pywinrm raises goes through it untranslated."""

    protocol: Protocol
    budget: Budget
    id: str = ""
    command: str = ""
    sent: bool = False  # the last of its input is on the way; before that, the frame waits, and nothing is done
    ended: bool = False

    def open(self) -> None:
        self._wait_at_most(RECEIVE)
        self.id = self.protocol.open_shell(idle_timeout=IDLE)
        if not self.id:
            raise Nonsense("it opens a shell and does not say which")

    def run(self, line: bytes) -> Output:
        self._wait_at_most(RECEIVE)
        self.command = self.protocol.run_command(self.id, PROGRAM, WORDS, console_mode_stdin=False)
        self._send(line)
        return self._received()

    def _send(self, line: bytes) -> None:
        chunks = [line[start : start + CHUNK] for start in range(0, len(line), CHUNK)]
        try:
            for number, chunk in enumerate(chunks, 1):
                self._wait_at_most(RECEIVE)
                self.sent = number == len(chunks)
                self.protocol.send_command_input(self.id, self.command, chunk, end=self.sent)
        except WSManFaultError as error:
            if error.wsman_fault_code not in GONE:
                raise  # it ended before it had read all: what it has to say is worth more than this

    def _received(self) -> Output:
        output = Output()
        while not self.ended:
            self._wait_at_most(RECEIVE)
            try:
                said, noise, output.code, self.ended = self.protocol.get_command_output_raw(self.id, self.command)
            except WinRMOperationTimeoutError:
                continue
            output.seen += len(said) + len(noise)
            if output.seen > MOST:
                raise Nonsense(f"it puts out more than {MOST} bytes")
            output.stdout += said
            output.stderr += noise[: KEPT - len(output.stderr)]
        return output

    def close(self) -> None:
        """Ends the command where it still runs, and with the shell everything that it started."""
        self._wait_at_most(1)
        try:
            if self.command and not self.ended:
                self.protocol.cleanup_command(self.id, self.command)
        finally:
            self.protocol.close_shell(self.id, close_session=False)

    def _wait_at_most(self, seconds: int) -> None:
        """How long the machine may take for one message: whole seconds, one at least. Raises TimeoutError when the
        deadline is over."""
        self.protocol.operation_timeout_sec = max(1, min(seconds, int(self.budget.left())))
