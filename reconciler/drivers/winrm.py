"""One WinRM client for drivers: one script with its arguments in, one answer out, bounded in time and memory.

A call takes a shell of its own on a connection that is kept for the next call. Foreign exceptions end at this seam:
Unreachable for no answer, Refused for a definite no of a script. No message holds a password or what a script was
given, unless Windows itself says it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconciler.backing_off import BackOff
from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.windows import frame, told
from reconciler.drivers.windows.frame import Call, Failed
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Script
from reconciler.drivers.windows.translated import Lost, gone, translated
from reconciler.errors import Conflict, ReconcilerError, Refused, Unreachable

if TYPE_CHECKING:
    from winrm.protocol import Protocol

    from reconciler.drivers.windows.shell import Output, Shell

log = logging.getLogger("reconciler.winrm")

TRIES = 3
KEPT = 60.0  # seconds a connection may rest; Windows closes one after two minutes
CLEANING = 3.0  # seconds, beyond the call's own, to end what it has started


class Client:
    """For one machine, and for one thread at a time. Touches nothing until it is used."""

    def __init__(
        self, machine: Machine, clock: Clock = SYSTEM, environ: Mapping[str, str] = os.environ, pause: float = 0.2
    ) -> None:
        self._machine, self._clock, self._environ = machine, clock, environ
        self._pauses = BackOff(pause, 10 * pause)
        self._protocol: Protocol | None = None
        self._used = 0.0
        self._password = ""

    def run(self, script: Script, arguments: Mapping[str, Any] | None = None, deadline: float = 0.0) -> dict[str, Any]:
        """What the script answers. `deadline`: seconds; 0: the machine's own. Raises Refused, with the script's own
        sentence where it said no; Conflict, likewise, where it found another world; Unreachable when no answer came:
        it may or may not have run. It is tried again, with the same id and within the deadline, where it was not sent
        yet or is safe to repeat; not where the machine did not let us in."""
        call = frame.call(script, arguments or {})
        ends = self._clock.monotonic() + (deadline or self._machine.deadline)
        for attempt in range(1, TRIES + 1):
            try:
                return self._once(call, ends - self._clock.monotonic())
            except Lost as lost:
                pause = self._pauses.after(attempt)
                late = self._clock.monotonic() + pause >= ends
                if attempt == TRIES or late or (lost.sent and not script.repeatable):
                    raise
                log.info("%s; %s is tried again", lost, script.name)
                time.sleep(pause)
        raise AssertionError("unreachable: the last try raises")

    def close(self) -> None:
        """Twice is safe."""
        if self._protocol is not None:
            self._protocol.transport.close_session()
            self._protocol = None

    def _once(self, call: Call, seconds: float) -> dict[str, Any]:
        shell: Shell | None = None
        try:
            shell = self._shell(seconds)
            shell.open()
            output = shell.run(call.line)
        except Exception as error:
            raise self._told(error, shell is not None and shell.sent) from None
        finally:
            if shell is not None and shell.id:
                self._cleaned(shell)
            elif shell is not None:
                self.close()
        return self._answer(call, output)

    def _shell(self, seconds: float) -> Shell:
        """On the connection of the call before, if it is fresh enough; else on one that is made when it is used."""
        from reconciler.drivers.windows.connections import Budget  # a quarter of a second: not before it is needed
        from reconciler.drivers.windows.shell import Shell
        from reconciler.drivers.windows.wire import protocol

        now = self._clock.monotonic()
        if self._protocol is None or now - self._used > KEPT:
            self.close()
            self._password = self._machine.password(self._environ)
            self._budget = Budget(self._clock)
            self._protocol = protocol(self._machine, self._password, self._budget)
        self._used = now
        self._budget.begin(seconds)
        return Shell(self._protocol, self._budget)

    def _cleaned(self, shell: Shell) -> None:
        """Whatever has happened. After an interruption the connection may be in the middle of a message, so another one
        is made. A shell that cannot be deleted ends by itself."""
        try:
            if not shell.ended:
                shell.protocol.transport.close_session()
            self._budget.begin(CLEANING)
            shell.close()
        except Exception as error:
            self.close()
            if not gone(error):
                log.warning("a shell could not be deleted, it ends within a minute: %s", self._told(error, True))

    def _answer(self, call: Call, output: Output) -> dict[str, Any]:
        answer = frame.answer(call.operation, bytes(output.stdout))
        script = call.script
        if answer is None:
            said = told.clipped(frame.complaint(bytes(output.stderr))) or "nothing"
            what = f"{script.name} ended with {output.code} and without an answer; PowerShell said: {said}"
            raise Lost(self._shown(what), sent=True)
        if not isinstance(answer, Failed):
            return answer
        text = self._shown(told.failed(self._machine, script.name, answer))
        if answer.category == told.NOT_NOW:
            raise Conflict(text)
        if answer.refused or (script.repeatable and answer.category in told.FUTILE):
            raise Refused(text)
        raise Unreachable(text)

    def _told(self, error: Exception, sent: bool) -> ReconcilerError:
        found = translated(self._machine, error, sent)
        found.args = (told.masked(str(found), self._password),)
        return found

    def _shown(self, text: str) -> str:
        return f"{self._machine.host}: {told.masked(text, self._password)}"
