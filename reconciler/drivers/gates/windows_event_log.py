"""Gate `windows-event-log`: no error in a Windows machine's event logs since before the switch; warnings are listed.

What counts is an exact range of records: from a mark, which is taken on that machine while the newcomer has no weight
and outlives us, to now. So this gate belongs under `preflight`, and is asked again in every later stage. Of an event
only source, id, level, number and time are read, never its text: that may hold passwords and people's names, and no
rule of ours would find all of them. Whoever may, looks it up there by its record id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Outcome, Stage
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.event_log.scripts import Marked, Place, Stand, marked, stands
from reconciler.drivers.event_log.settings import Settings
from reconciler.drivers.event_log.span import Span
from reconciler.drivers.examining import Finding, failed, ok, split
from reconciler.drivers.protocols import GateContext, reading
from reconciler.drivers.windows.examined import answers, examined
from reconciler.drivers.windows.script import Run, Script
from reconciler.drivers.winrm import Client
from reconciler.errors import ReconcilerError, Refused
from reconciler.spelling import clip, shown

BEGINS = Stage.PREFLIGHT  # the mark must be taken before the newcomer has weight
UNTOLD = ", so what was written since cannot be told from what was there before"
NAMED = 4  # kinds of records that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look led to. `problem`: why that is not all."""

    span: Span | None = None
    problem: str = ""
    unmarked: str = ""  # why there is no mark, and can be none


class WindowsEventLogGate:
    def __init__(self, context: GateContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        self._context, self._settings, self._clock = context, settings, clock
        self._client: Client | None = None

    def run(self, window: Window) -> GateReading:
        """What was found stays found, even if nothing more can be seen."""
        seen = self._look(window)
        outcome, reason = self._judge(seen)
        span = seen.span or Span({})
        warnings = _kinds(span, error=False) if self._settings.warnings is None else ""
        said = {
            "value": self._value(span) if seen.span else "",
            "limit": self._limit(),
            "samples": len(span.places),
            "alert": f"warnings of {warnings}" if warnings else "",
        }
        return reading(window, self._context.name, outcome, reason, **said)

    def silent(self, window: Window) -> bool:
        """There is no mark but a transition's."""
        return window.by_hand

    # ---- looking -----------------------------------------------------------------------------------------------------

    def _look(self, window: Window) -> Seen:
        """Goes on where the look before ended, if that is still known here, else at the mark."""
        ends = self._clock.monotonic() + min(self._settings.timeout, self._context.deadline)
        notes = self._context.notes
        span: Span | None = notes.read(window) if notes and not window.by_hand else None

        def run(script: Script, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            left = ends - self._clock.monotonic()
            if left <= 0:
                raise Refused("there is more than can be read in time")
            return self._machine().run(script, arguments, left)

        try:
            if window.by_hand:
                return Seen(unmarked=self._where(run))
            if span is None and (mark := self._mark(run, window)) is not None:
                span = Span.at(mark)
            if span is None:
                return Seen(unmarked=f"there is no mark from before the newcomer had weight{UNTOLD}")
            while True:
                span = span.carried_on(stands(run, *zip(*span.after.items(), strict=True)), self._settings.wanted)
                if notes:
                    notes.write(window, span)
                if not span.behind:
                    return Seen(span)
        except ReconcilerError as error:
            return Seen(span, str(error))

    def _mark(self, run: Run, window: Window) -> Marked | None:
        """Where the logs stood before the newcomer had weight: taken once, and by whoever comes first."""
        key = self._key(window)
        found = marked(run, key)
        if found is None and not window.rung:
            here = self._here(run)
            places = {one.log: Place(record=one.newest, written=one.written, created=one.created) for one in here}
            found = marked(run, key, Marked(logs=places, of=f"{self._context.environment} {window.transition}"[:300]))
        if found is not None and set(found.logs) != set(self._settings.logs):
            raise Refused(f"the mark {key} on that machine is of other logs")
        return found

    def _here(self, run: Run) -> tuple[Stand, ...]:
        return stands(run, self._settings.logs, [-1] * len(self._settings.logs))

    def _where(self, run: Run) -> str:
        """For somebody who asks by hand: that the logs can be read, and how far they are. Writes nothing there."""
        newest = ", ".join(f"{one.log} {one.newest}" for one in self._here(run))
        return f"asked by hand: a mark is taken by a transition only; the newest records now: {newest}"

    def _key(self, window: Window) -> str:
        """For people, and no two alike: of another journal, another transition or other logs is another mark."""
        whole = (self._context.journal, self._context.environment, window.transition, *sorted(self._settings.logs))
        name = re.sub(r"[^a-z0-9]+", "-", f"{self._context.environment}-{window.transition}".lower())[:60].strip("-")
        return f"{name}-{sha256(chr(10).join(whole).encode()).hexdigest()[:16]}"

    def _machine(self) -> Client:
        if self._client is None:
            if self._context.named is None:
                raise Refused(f"machine '{self._settings.machine}' is not defined in the operator's file")
            self._client = Client(self._context.named("machines", self._settings.machine))
        return self._client

    # ---- for the doctor ----------------------------------------------------------------------------------------------

    def examine(self) -> Sequence[Finding]:
        """Its machine, and whether each log may be read: by the account that asks."""
        name = self._settings.machine
        try:
            run = self._machine().run
            assert self._context.named is not None
            found = examined(name, self._context.named("machines", name), run)
        except ReconcilerError as error:
            return [failed("machine", *split(error))]
        return [*found, self._readable(run)] if answers(found) else found

    def _readable(self, run: Run) -> Finding:
        try:
            here = self._here(run)
        except ReconcilerError as error:
            return failed("event log", *split(error))
        return ok("event log", ", ".join(f"{one.log}, record {one.newest}" for one in here))

    # ---- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, seen: Seen) -> tuple[Outcome, str]:
        span, most = seen.span, self._settings.warnings
        if span and span.errors > self._settings.errors:
            return Outcome.FAILED, self._story(span)
        if span and most is not None and span.warnings > most:
            return Outcome.FAILED, self._story(span)
        if seen.problem:
            return Outcome.ERROR, seen.problem
        if span is None:
            return Outcome.INCONCLUSIVE, seen.unmarked
        if span.lost:
            return Outcome.ERROR, "; ".join(span.lost)
        return Outcome.SUCCESSFUL, self._story(span)

    def _story(self, span: Span) -> str:
        """`2 warnings: worker 1001 (2)`."""
        parts = []
        for error, count, what in ((True, span.errors, "error"), (False, span.warnings, "warning")):
            if count:
                parts.append(f"{_many(count, what)}: {_kinds(span, error=error, counted=True)}")
        if span.errors:
            first = min((one for (error, _, _), one in span.told.items() if error), key=lambda one: one.at)
            parts.append(f"the first is record {first.record} of {first.log} at {first.at[:19]}Z")
        parts = parts or ["no error and no warning"]
        if span.known:
            parts.append(f"{_many(span.known, 'record')} ignored")
        return f"{'; '.join(parts)}; {_many(span.records, 'record')} since the mark"

    def _value(self, span: Span) -> str:
        """As the report shows it."""
        idle = span.warnings and self._settings.warnings is None
        return f"{_many(span.errors, 'error')}, {_many(span.warnings, 'warning')}{' (informational)' if idle else ''}"

    def _limit(self) -> str:
        warnings = self._settings.warnings
        parts = [_many(self._settings.errors, "error"), *([] if warnings is None else [_many(warnings, "warning")])]
        return ", ".join(parts)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _kinds(span: Span, *, error: bool, counted: bool = False) -> str:
    """By source and id, the most frequent first."""
    found = [(source, id, one.times) for (bad, source, id), one in span.told.items() if bad is error]
    found.sort(key=lambda one: (-one[2], one[0], one[1]) if counted else (0, one[0], one[1]))
    names = [f"{shown(clip(source))} {id}{f' ({times})' if counted else ''}" for source, id, times in found[:NAMED]]
    more = [f"and {len(found) - NAMED} more kinds"] if len(found) > NAMED else []
    return ", ".join([*names, *more])


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def open(context: GateContext, settings: Settings) -> WindowsEventLogGate:
    return WindowsEventLogGate(context, settings)
