"""The latest look at every environment. The loop puts it there, by one assignment; whoever shows it takes it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.conditions import Status
from reconciler.core.model import Spec
from reconciler.core.reading import Observed
from reconciler.core.state import State


@dataclass(frozen=True, slots=True)
class Seen:
    """Values only, none of which ever changes. `at`: seconds since 1970; `looks`: how many there were."""

    state: State
    status: Status
    observed: Observed
    spec: Spec | None  # what is in force
    at: float
    looks: int


class Board:
    """One writer per environment, any number of readers, no lock: each sees a whole look, or the one before."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def put(self, name: str, state: State, status: Status, observed: Observed, spec: Spec | None, at: float) -> None:
        before = self._seen.get(name)
        self._seen[name] = Seen(state, status, observed, spec, at, before.looks + 1 if before else 1)

    def all(self) -> dict[str, Seen]:
        return dict(self._seen)
