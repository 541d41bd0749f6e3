"""What the gates that run a command have in common: the exit code decides, and what it said is kept."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.run import Ended, run
from reconciler.drivers.protocols import GateContext, reading
from reconciler.drivers.words import words
from reconciler.errors import ReconcilerError, Refused

LONGEST = 200  # characters of its last line, in a reason


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of gate speaks of its command."""

    what: str
    good: str
    bad: str


class CommandGate:
    """Runs a named command once for each answer. It is not started before it is known that nothing is in the way."""

    def __init__(self, context: GateContext, name: str, words: Words) -> None:
        self._context, self._command, self._words = context, name, words

    def run(self, window: Window) -> GateReading:
        try:
            command = self._found()
            ended = run(command, words(self._context.environment, window))
        except ReconcilerError as error:
            return reading(window, self._context.name, Outcome.ERROR, f"{self._words.what}: {error}")
        outcome, reason = self._judged(ended, command.expect)
        value = " | ".join((_code(ended), *ended.said.splitlines()))
        limit = f"exit code {command.expect}"
        return reading(window, self._context.name, outcome, reason, value=value, limit=limit, samples=1)

    def _found(self) -> Command:
        if self._context.commands is None:
            raise Refused(f"command '{self._command}' is not defined in the operator's file")
        command: Command = self._context.commands(self._command)
        return command

    def _judged(self, ended: Ended, expected: int) -> tuple[Outcome, str]:
        """A command that did not end by itself has no exit code, and says nothing about the newcomer."""
        last = ended.said.rpartition("\n")[2][:LONGEST]
        said = f"; it said: {last}" if last else ""
        if ended.code is None:
            return Outcome.ERROR, f"{self._words.what} {ended.stopped}{said}"
        if ended.code < 0:
            return Outcome.ERROR, f"{self._words.what} was ended by somebody's signal {-ended.code}{said}"
        if ended.code != expected:
            return Outcome.FAILED, f"{self._words.bad}: exit code {ended.code} instead of {expected}{said}"
        return Outcome.SUCCESSFUL, f"{self._words.good}: exit code {ended.code} after {ended.seconds:.1f} s"

    def close(self) -> None:
        """Nothing is held between two runs."""


def _code(ended: Ended) -> str:
    return ended.stopped or f"exit code {ended.code}"
