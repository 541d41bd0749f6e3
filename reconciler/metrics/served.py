"""All of it together: what `reconcile run` starts when the operator's file names a place, and else does not load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from reconciler.clock import SYSTEM, Clock
from reconciler.core.conditions import Status
from reconciler.core.model import Spec
from reconciler.core.reading import Observed
from reconciler.core.state import State
from reconciler.journal.store import Journal
from reconciler.metrics.board import Board, Seen
from reconciler.metrics.families import Sample
from reconciler.metrics.page import Page
from reconciler.metrics.past import Past
from reconciler.metrics.present import samples

Standings = Callable[[], Mapping[str, tuple[int, bool]]]
Named = Callable[[], frozenset[str] | None]


class Look(Protocol):
    """What the loop tells of one look: see `loop.tick.Tick`."""

    @property
    def status(self) -> Status: ...
    @property
    def observed(self) -> Observed | None: ...
    @property
    def spec(self) -> Spec | None: ...


class Metrics:
    """`journal` is its own to read from; `named` tells what git names, and None while that is not known. Raises
    InvalidConfiguration when nobody can listen there."""

    def __init__(
        self, listen: str, journal: Journal, standings: Standings, clock: Clock = SYSTEM, named: Named = lambda: None
    ) -> None:
        self._board, self._past, self._standings, self._clock = Board(), Past(journal, clock), standings, clock
        self._named = named
        self.page = Page(listen, self.samples)

    def show(self, name: str, state: State, found: Look) -> None:
        """For the loop: takes no time, and never fails."""
        if found.observed is not None:
            at = self._clock.now().timestamp()
            self._board.put(name, state, found.status, found.observed, found.spec, at)

    def start(self) -> None:
        self._past.start()
        self.page.start()

    def stop(self) -> None:
        self.page.stop()
        self._past.stop()

    def samples(self) -> Iterator[Sample]:
        yield ("reconciler_info", (_version(),), 1)
        board = self._board.all()
        gone = self._gone(board)
        for name, seen in board.items():
            yield from samples(name, seen) if name not in gone else ()
        for recipient, (pending, failing) in self._standings().items():
            yield ("reconciler_alerts_pending", (recipient,), pending)
            yield ("reconciler_alerts_failing", (recipient,), failing)
        yield from (sample for sample in self._past.samples() if sample[1][0] not in gone)

    def _gone(self, board: Mapping[str, Seen]) -> set[str]:
        """Git does not name them any more, and nothing of them is left that somebody should watch."""
        named = self._named()
        return set() if named is None else {name for name in board.keys() - named if _over(board[name].state)}


def _over(state: State) -> bool:
    return state.transition is None and (state.stable is None or state.went_down)


def _version() -> str:
    try:
        return version("slot-reconciler")
    except PackageNotFoundError:
        return "unknown"
