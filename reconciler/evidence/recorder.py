"""Writes the raw files of a pack while its transition runs, in a thread of its own: whoever tells it something never
waits, neither for a disk nor for the plan to be worked out."""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.protocols import Sample
from reconciler.errors import ReconcilerError
from reconciler.evidence.pack.place import Pack, pack, unfinished
from reconciler.evidence.pack.plan import Look, planned
from reconciler.evidence.pack.requests import GRACE, TAIL, Name, Told
from reconciler.evidence.writer import Writer

log = logging.getLogger("reconciler.evidence")

FLUSH = 1.0  # seconds; a process that is killed loses no more than these
SETTLE = 0.25  # seconds until the plan is worked out: the first step comes first
LEAVING = TAIL + 3.0  # seconds that whoever is in a hurry waits for the end of a pack: somebody has pressed Ctrl-C
HEED = 0.5  # seconds: Windows interrupts no wait without an end, and whoever leaves may be asked to hurry
MOST = 200_000  # of what was told and waits for the thread; then requests are left out, and counted

Item = tuple[Look, float] | tuple[Name, float] | Told  # a look, or a request sent, with when it was told; monotonic


def at_once() -> bool:
    """Whoever closes a watcher is in a hurry, unless he says otherwise."""
    return True


class Watcher(Protocol):
    """Is told of every look, and of every synthetic request, as a sampler's tape. Takes no time and never raises."""

    @property
    def in_tail(self) -> bool:
        """A transition has ended, and what users meet now still counts for it: whoever looks should go on."""

    def looked(self, look: Look) -> None: ...

    def sent(self, gate: str, run: str, number: int) -> None: ...

    def over(self, gate: str, run: str, number: int, sample: Sample | None) -> None: ...

    def close(self, hurry: Callable[[], bool] = at_once) -> None: ...


class Nobody:
    """Where no evidence is kept."""

    in_tail = False

    def looked(self, look: Look) -> None: ...

    def sent(self, gate: str, run: str, number: int) -> None: ...

    def over(self, gate: str, run: str, number: int, sample: Sample | None) -> None: ...

    def close(self, hurry: Callable[[], bool] = at_once) -> None: ...


@dataclass(slots=True)
class _Ending:
    """A pack whose transition is over, until every request of it is too. Seconds, monotonic."""

    writer: Writer
    at: float

    def over(self, now: float) -> bool:
        waited = now - self.at
        return waited >= TAIL + GRACE or (waited >= TAIL and not self.writer.pending)


class Recorder:
    """Of one environment. `finish` is given every pack whose transition has ended, also those that an earlier process
    left open; it may take its time."""

    def __init__(
        self, root: Path, environment: str, finish: Callable[[Pack], None] = lambda _: None, clock: Clock = SYSTEM
    ) -> None:
        self._root, self._environment, self._finish, self._clock = root, environment, finish, clock
        self._told: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current = ""  # the transition that is recorded, as the teller knows it
        self._ended = -math.inf  # when the latest one did, likewise; monotonic
        self._dropped = 0
        self._trouble = ""
        self._open: Writer | None = None
        self._ending: list[_Ending] = []
        self._planned: tuple[Look, float] | None = None  # to be worked out, and when (monotonic)
        self._flushed = self._now
        self._hurry, self._leaving = at_once, False

    # ---- told by others ----------------------------------------------------------------------------------------------

    def looked(self, look: Look) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(look.transition,), name="evidence", daemon=True)
            self._thread.start()
        if look.transition or self._current or self.in_tail:
            now = self._now
            self._ended = now if self._current and not look.transition else self._ended
            self._current = look.transition
            self._told.put((look, now))

    @property
    def in_tail(self) -> bool:
        return not self._current and self._now - self._ended < TAIL

    def sent(self, gate: str, run: str, number: int) -> None:
        if self._thread is not None and self._told.qsize() < MOST:
            self._told.put(((gate, run, number), self._now))

    def over(self, gate: str, run: str, number: int, sample: Sample | None) -> None:
        if self._told.qsize() < MOST:
            self._told.put(Told(gate, run, number, sample))
        elif self._current:
            self._dropped += 1

    def close(self, hurry: Callable[[], bool] = at_once) -> None:
        """Write what was told. A pack whose transition is over is waited for, until its requests are over too; in a
        `hurry`, `LEAVING` seconds at most. So long, too, are answers waited for in one whose transition goes on; it
        stays open for the next process. Twice is safe."""
        if self._thread is not None:
            self._hurry = hurry
            self._told.put(None)
            while self._thread.is_alive():
                self._thread.join(HEED)

    # ---- the thread --------------------------------------------------------------------------------------------------

    def _work(self, under_way: str) -> None:
        for left in unfinished(self._root, self._environment, under_way):
            self._guarded(self._finish, left)
        while self._hear():
            pass
        self._guarded(self._leave)

    def _hear(self) -> bool:
        """What was told next, if anything was, and what time brings. False: it is time to leave."""
        with suppress(queue.Empty):
            told = self._told.get(timeout=SETTLE)
            if told is None:
                return False
            self._guarded(self._take, told)
        self._guarded(self._due)
        if self._now - self._flushed >= FLUSH:
            self._flushed = self._now
            self._guarded(self._flush)
        return True

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    def _take(self, told: Item) -> None:
        match told:
            case Told():
                self._over(told)
            case (Look() as look, at):
                self._look(look, at)
            case (name, at):
                self._sent(name, at)

    def _look(self, look: Look, at: float) -> None:
        writer = self._open
        if writer and writer.pack.transition != look.transition:
            self._plan()
            if not look.transition:
                writer.look(look, at)  # it is by this one that the last write is seen
            self._ending.append(_Ending(writer, at))
            self._open = None
        if not look.transition:
            for one in self._ending:
                if at - one.at < TAIL:
                    one.writer.after(look)
            return
        if self._open is None:
            began = self._clock.now().timestamp() - self._now  # steady from here on, whatever happens to the wall clock
            self._open = Writer(pack(self._root, self._environment, look.transition), began, at)
        if self._planned is None and not self._open.knows(look):
            self._planned = look, at + (SETTLE if look.begins else 0.0)
        self._open.look(look, at)
        self._open.scripts(look)

    def _sent(self, name: Name, at: float) -> None:
        last = self._ending[-1] if self._ending else None
        if self._open:
            if not self._leaving:  # else nobody would be there to hear the answer
                self._open.sent(name)
        elif last and at - last.at < TAIL:
            last.writer.sent(name)

    def _over(self, told: Told) -> None:
        for writer in (*(one.writer for one in self._ending), self._open):
            if writer and writer.over(told):
                return

    def _due(self) -> None:
        """What time brings: the plan, and the end of packs of which nothing is waited for any more."""
        if self._planned and self._now >= self._planned[1]:
            self._plan()
        if not self._told.empty():
            return  # a disk has kept us, and the answers that are waited for may lie there
        for one in list(self._ending):
            if one.over(self._now):
                self._end(one)

    def _end(self, one: _Ending) -> None:
        one.writer.close(over=self._now)  # may fail; then it is tried again
        self._ending.remove(one)
        self._finish(one.writer.pack)

    def _plan(self) -> None:
        due, self._planned = self._planned, None
        if due and self._open and (made := planned(due[0], self._open.began + due[1])):
            self._open.plan(made)

    def _flush(self) -> None:
        if self._open:
            self._open.drop(self._dropped)
            self._dropped = 0
        for writer in (*(one.writer for one in self._ending), self._open):
            if writer:
                writer.flush()
        self._trouble = ""

    def _leave(self) -> None:
        self._plan()
        self._leaving, asked = True, self._now
        while self._awaits and self._patience > self._now - asked:
            self._hear()
        for one in list(self._ending):
            self._end(one)
        if self._open:
            self._open.close()

    @property
    def _awaits(self) -> bool:
        """Is there a request whose end is still to be heard, or one to be sent that still counts?"""
        if not self._told.empty():
            return True
        return any(not one.over(self._now) for one in self._ending) or bool(self._open and self._open.pending)

    @property
    def _patience(self) -> float:
        """Seconds. A pack that goes on is worth no long wait: nobody measures until the next process begins, so it is
        not proved whatever is still heard."""
        return LEAVING if self._hurry() or not self._ending else TAIL + GRACE

    def _guarded(self, work: Callable[..., None], *given: object) -> None:
        """Evidence that cannot be written stops nothing; it is said, once for each trouble."""
        try:
            work(*given)
        except (OSError, ReconcilerError) as error:
            text = f"{self._environment}: evidence cannot be written: {getattr(error, 'strerror', None) or error}"
            if text != self._trouble:
                log.error("%s", text)
            self._trouble = text
        except Exception:
            log.exception("%s: a defect in the reconciler; its evidence may be incomplete", self._environment)
