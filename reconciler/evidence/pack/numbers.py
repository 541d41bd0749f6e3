"""The numbers of the requests that a load generator sent: none may be missing, and none may be there twice, else a
request could be left out and another one stand in its place."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from reconciler.errors import EvidenceBroken

RUNS = 10_000  # load generators that are told apart
HOLES = 10_000  # of one of them: numbers come nearly in order, so there are as many as requests on their way
SHOWN = 3  # repeated ones that are named

Name = tuple[str, str, int]


@dataclass(slots=True)
class _Run:
    """Numbers of one load generator as ranges: first ones, and those after the last ones. Both sorted."""

    firsts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    count: int = 0

    def take(self, number: int) -> bool:
        """Is it new? Once there are too many holes nobody can say, so the earliest one is closed, and what comes for it
        then is held to be there twice: no proof, in the safe direction."""
        self.count += 1
        at = bisect_right(self.firsts, number)
        if at and number < self.ends[at - 1]:
            return False
        before, after = (
            bool(at) and self.ends[at - 1] == number,
            at < len(self.firsts) and self.firsts[at] == number + 1,
        )
        if before and after:
            self._join(at)
        elif before:
            self.ends[at - 1] = number + 1
        elif after:
            self.firsts[at] = number
        else:
            self.firsts.insert(at, number)
            self.ends.insert(at, number + 1)
        if len(self.firsts) > HOLES:
            self._join(1)
        return True

    def _join(self, at: int) -> None:
        """A range and the one before it."""
        del self.firsts[at], self.ends[at - 1]


@dataclass
class Numbers:
    """Of all load generators, in bounded memory."""

    repeated: list[Name] = field(default_factory=list)  # the first ones
    _runs: dict[tuple[str, str], _Run] = field(default_factory=dict)
    _twice: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, gate: str, run: str, number: int) -> None:
        """Raises EvidenceBroken where there are more load generators than any environment has."""
        if (gate, run) not in self._runs:
            if len(self._runs) >= RUNS:
                raise EvidenceBroken(f"more than {RUNS:,} load generators: no environment has so many")
            self._runs[gate, run] = _Run()
        if not self._runs[gate, run].take(number):
            self._twice[gate, run] = self._twice.get((gate, run), 0) + 1
            if len(self.repeated) < SHOWN:
                self.repeated.append((gate, run, number))

    def missing(self) -> int:
        """How many have no record, between the lowest and the highest of their load generator."""
        return sum(
            run.ends[-1] - run.firsts[0] - (run.count - self._twice.get(name, 0)) for name, run in self._runs.items()
        )


def told(name: Name) -> str:
    gate, run, number = name
    return f"request {number} of {gate} (load generator {run})"
