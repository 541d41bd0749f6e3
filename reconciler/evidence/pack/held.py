"""Whether sessions that were opened before the first shift survived it, by the records of their requests alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.drivers.journey import USE
from reconciler.evidence.pack.requests import Outcome

MOST = 200_000  # sessions; a load generator holds 500, and those of one that was started anew are others


@dataclass(slots=True)
class Session:
    opened: bool = False  # its content was read back before the first shift
    used: bool = False  # and once more after the last one, by which it had to survive
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """Of the sessions that were open before the newcomer had any weight. `unknown`: not used again after the shift."""

    opened: int = 0
    kept: int = 0
    lost: int = 0
    unknown: int = 0

    @property
    def percent(self) -> float | None:
        return round(100 * self.kept / self.opened, 3) if self.opened else None


@dataclass
class Sessions:
    """Those of a load generator that ended before the first shift are nobody's any more: others were opened instead.

    `first`, `last`: when the newcomer's weight first rose, and last changed, in seconds since 1970. None: never."""

    first: float | None
    last: float | None
    _found: dict[tuple[str, str, int], Session] = field(default_factory=dict)
    _beyond: int = 0  # of those that are too many to be followed, uses before the first shift
    _seen: set[tuple[str, str]] = field(default_factory=set)  # load generators that sent anything after the first shift

    def take(self, record: Mapping[str, Any]) -> None:
        """A record with a session."""
        run = str(record.get("gate")), str(record.get("run"))
        if (self.first is None or record["at"] > self.first) and len(self._seen) < MOST:
            self._seen.add(run)
        session = self._session((*run, int(record["session"])))
        good = record.get("outcome") == Outcome.OK and record.get("step") == USE
        end = record["at"] + record.get("latency", 0.0)
        opened = good and (self.first is None or end < self.first)
        if session is None:
            self._beyond += opened
            return
        session.lost |= bool(record.get("lost"))
        session.opened |= opened
        session.used |= good and (self.last is None or record["at"] > self.last)

    def _session(self, name: tuple[str, str, int]) -> Session | None:
        """None: it is one too many to be followed."""
        if name not in self._found and len(self._found) >= MOST:
            return None
        return self._found.setdefault(name, Session())

    def retention(self) -> Retention:
        opened = [one for (gate, run, _), one in self._found.items() if one.opened and (gate, run) in self._seen]
        lost = sum(one.lost for one in opened)
        kept = sum(one.used and not one.lost for one in opened)
        unknown = len(opened) - kept - lost + self._beyond  # of these nobody knows: each use counts as one, to be safe
        return Retention(kept + lost + unknown, kept, lost, unknown)
