"""What the gateway said at each look, as it lies in a pack, and what of it is counted.

    {"at", "up", "weights": {"blue", "green"}, "admission", "fallback", "incarnation", "counters": {"blue": {...}}}

`at`: seconds since 1970. `weights` null: no routes were ever written. {"at", "unread": why} when it did not answer:
unknown, not zero. Written whenever it changed, and once a second beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reconciler.core.model import Slot
from reconciler.core.reading import Counters, GatewayReading
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.foreign import seconds

COUNTED = ("requests", "errors", "refused")


def record(reading: GatewayReading | None, detail: str, at: float) -> dict[str, Any]:
    if reading is None:
        return {"at": round(at, 3), "unread": detail or "no answer"}
    return {
        "at": round(at, 3),
        "up": reading.up,
        "weights": asdict(reading.weights) if reading.weights else None,
        "admission": {str(slot): str(reading.admission[slot]) for slot in Slot},
        "fallback": str(reading.fallback) if reading.fallback else None,
        "incarnation": reading.incarnation,
        "counters": {str(slot): _counted(reading.counters[slot]) for slot in Slot},
    }


def _counted(counters: Counters | None) -> dict[str, int] | None:
    return asdict(counters) if counters else None


@dataclass(frozen=True, slots=True)
class Change:
    """Weights as read back, from this moment on. Percent of requests."""

    at: float
    blue: int
    green: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Users' requests by the gateway's own counters, from the first look to the last. None: it did not count."""

    weights: tuple[Change, ...]
    counted: Mapping[str, Mapping[str, int] | None]  # by slot: requests, errors, refused
    lives: int  # of the gateway's process
    looks: int
    unread: int  # looks at which it did not answer
    last: float | None = None  # when it answered last


def answers(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Do two looks show that users were answered in between, and nobody badly? Only by counters of one life."""
    if not (before["up"] and now["up"] and before["incarnation"] == now["incarnation"]):
        return False
    pairs = [(before["counters"][slot], now["counters"][slot]) for slot in now["counters"]]
    if any(was is None or found is None for was, found in pairs):
        return False
    risen = {name: [int(found[name]) - int(was[name]) for was, found in pairs] for name in COUNTED}
    return min(risen["requests"]) >= 0 < sum(risen["requests"]) and not any(risen["errors"] + risen["refused"])


class Rise:
    """By how much the gateway's counters rose since the look before."""

    def __init__(self) -> None:
        self.lives: list[str] = []
        self._before: dict[tuple[str, str], int] = {}

    def take(self, said: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """By slot; nothing of a slot that was not counted."""
        if "unread" in said:
            return {}
        if said["up"] and said["incarnation"] not in self.lives[-1:]:
            self.lives.append(said["incarnation"])
            self._before = {} if len(self.lives) == 1 else dict.fromkeys(self._before, 0)
        counted = {slot: found for slot, found in said["counters"].items() if found is not None}
        return {
            slot: {name: self._risen(slot, name, int(found[name])) for name in COUNTED}
            for slot, found in counted.items()
        }

    def _risen(self, slot: str, name: str, now: int) -> int:
        """A counter that is smaller than before began again from zero."""
        before = self._before.get((slot, name))
        self._before[slot, name] = now
        if before is None:
            return 0
        return now - before if now >= before else now


@dataclass
class Tally:
    """Fed with the records of `gateway.jsonl.gz`."""

    weights: list[Change] = field(default_factory=list)
    looks: int = 0
    unread: int = 0
    last: float | None = None
    _sums: dict[str, dict[str, int]] = field(default_factory=dict)
    _rise: Rise = field(default_factory=Rise)

    def take(self, said: Mapping[str, Any]) -> None:
        """Raises EvidenceBroken for a record that is none."""
        try:
            self._take(said)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceBroken(f"a record of the gateway cannot be read ({error}): {str(said)[:80]}") from error

    def _take(self, said: Mapping[str, Any]) -> None:
        self.looks += 1
        self.unread += "unread" in said
        at = seconds(said["at"])
        self.last = self.last if "unread" in said else at
        if "unread" not in said and (weights := said["weights"]):
            now = Change(at, int(weights["blue"]), int(weights["green"]))
            if not self.weights or (self.weights[-1].blue, self.weights[-1].green) != (now.blue, now.green):
                self.weights.append(now)
        for slot, risen in self._rise.take(said).items():
            sums = self._sums.setdefault(slot, dict.fromkeys(COUNTED, 0))
            for name, more in risen.items():
                sums[name] += more

    def traffic(self) -> Traffic:
        counted = {str(slot): self._sums.get(str(slot)) for slot in Slot}
        return Traffic(tuple(self.weights), counted, len(self._rise.lives), self.looks, self.unread, self.last)


def traffic(records: Iterable[Mapping[str, Any]]) -> Traffic:
    """Of a whole stream."""
    tally = Tally()
    for record in records:
        tally.take(record)
    return tally.traffic()
