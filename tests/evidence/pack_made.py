"""A whole switch on a real journal, recorded by the real recorder, with requests that this file invents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from loop_world import Stand, spec

from reconciler.core.events import Ended
from reconciler.core.model import Outcome, Slot
from reconciler.drivers.protocols import Sample
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.place import Pack
from reconciler.evidence.pack.requests import GRACE, TAIL
from reconciler.evidence.recorder import Recorder, at_once
from reconciler.loop.tick import tick

USERS = "users"


def sample(number: int, start: float, *, ok: bool = True, road: str = USERS, latency: float = 0.01) -> Sample:
    return Sample(
        number, road, "search", start, latency, 200 if ok else 500, ok, slot="green", error="" if ok else "no"
    )


class Leaving(Recorder):
    """Whoever closes it lets time pass, so that nothing has to be waited for: here, time is a value."""

    def close(self, hurry: Callable[[], bool] = at_once) -> None:
        self._clock.seconds += TAIL + GRACE  # type: ignore[attr-defined]
        super().close(hurry)


class Recorded:
    """A stand whose keeper is watched."""

    def __init__(self, folder: Path, finished: Callable[[Pack], None] | None = None) -> None:
        self.root = folder / "evidence"
        self.stand = Stand(folder)
        clock = self.stand.clock  # one clock for the journal and for whoever records
        clock.wall = lambda: clock.now().isoformat(timespec="milliseconds")  # type: ignore[method-assign]
        self.stand.journal._clock = clock  # type: ignore[attr-defined]
        self.done: list[Pack] = []
        self._finished = finished or self._finish
        self.restart()
        self.number, self._asked = 0, 0.0
        self.every = 0.0  # seconds: no requests are nearer to each other, unless asked for
        self.loses = False  # what is sent finds no answer
        self.fails: int | None = None  # the number of the request that is answered badly

    def _finish(self, pack: Pack) -> None:
        finish(pack, self.stand.journal)
        self.done.append(pack)

    def restart(self) -> None:
        """Another process: what was in memory is gone."""
        self.recorder = Leaving(self.root, "prod", self._finished, self.stand.clock)
        self.stand.keeper = self.stand.new_keeper()
        self.stand.keeper.watcher = self.recorder

    def step(self) -> bool:
        """One tick, and a user's request beside it; whether anything moved."""
        found = tick(self.stand.keeper)
        if self.stand.keeper.state.transition and self.stand.clock.seconds - self._asked >= self.every:
            self.ask()
        self.stand.clock.seconds += 0.01 if found.moved else 0.5
        return found.moved

    def ask(self) -> None:
        number, ok = self.number, self.number != self.fails
        gateway = self.stand.gateway  # counts what goes through it
        counted = gateway.reading.counters.blue
        assert counted is not None
        more = replace(counted, requests=counted.requests + (not self.loses))
        gateway.reading = replace(gateway.reading, counters=replace(gateway.reading.counters, blue=more))
        self.recorder.sent("journey", "run", number)
        if not self.loses:
            self.recorder.over("journey", "run", number, sample(number, self.stand.clock.seconds, ok=ok))
        self.number, self._asked = self.number + 1, self.stand.clock.seconds

    def rest(self, seconds: float = 10.0) -> None:
        end = self.stand.clock.seconds + seconds
        while self.stand.clock.seconds < end:
            self.step()

    def begin(self) -> None:
        """Blue serves, and nothing has been switched yet."""
        self.rest()

    def switch(self, active: Slot = Slot.GREEN, *, good: bool = True, **changes: str) -> Pack:
        """To its end; the pack, when the recorder has been closed."""
        self.stand.head = spec(active, **changes)
        self.stand.rounds.outcome = Outcome.SUCCESSFUL if good else Outcome.FAILED
        seq = self.stand.journal.head()
        for _ in range(2000):
            self.step()
            if any(isinstance(entry.event, Ended) for entry in self.stand.journal.since("prod", seq)):
                break
        last = self.stand.keeper.state.last
        assert last is not None
        return Pack(self.root / "prod" / last.transition)

    def close(self) -> None:
        self.recorder.close()
        self.stand.close()


def good_switch(folder: Path) -> Pack:
    """A finished pack of a switch in which nothing went wrong."""
    made = Recorded(folder)
    made.begin()
    pack = made.switch()
    made.close()
    assert made.done == [pack]
    return pack
