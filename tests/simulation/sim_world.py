"""One environment's world: its gateway, its members, its releases; and what is told about it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from sim_faults import Weather
from sim_gateway import Product
from sim_members import Members, Releases
from sim_migration import Data
from sim_time import Timeline

from reconciler.core.model import Slot, Snapshot
from reconciler.core.reading import GateReading, MemberStatus
from reconciler.drivers.protocols import Fence

if TYPE_CHECKING:
    from sim_laws import Laws

Say = Callable[[str, Callable[[], str]], None]


def ordered(seed: int) -> bool:
    """Is it a history in which somebody has to approve, or windows close?"""
    return seed % 5 in (1, 3, 4)


class Place:
    """What really is, whoever looks at it."""

    def __init__(self, name: str, weather: Weather, timeline: Timeline, laws: Laws, say: Say) -> None:
        draw = Random(f"{weather.seed}:{name}")
        self.name, self.weather, self.timeline, self.laws = name, weather, timeline, laws
        self._say = say
        self.latency = draw.choice((0.002, 0.05, 0.3))  # seconds on the way to the gateway
        fence = draw.choice((Fence.COMMIT, Fence.COMMIT, Fence.OWNER_LOCK, Fence.DETECT))
        self.warm = weather.seed % 2 == 1  # its worker can stand by
        self.orders = ordered(weather.seed)
        self.drills = self.orders and weather.seed % 4 == 2  # by a schedule
        self.releases = Releases(weather)
        self.good: list[GateReading] = []  # what gates really said, when it was Successful
        self.members = Members(self)
        self.data = Data()
        self.archives: set[tuple[str, Snapshot]] = set()  # recovery points that are whole, per transition
        self.gateway = Product(self, fence, managed=draw.random() < 0.8)

    def say(self, who: str, what: Callable[[], str]) -> None:
        self._say(f"{self.name} {who}", what)

    def answers(self, slot: Slot) -> bool:
        return all(one.status is MemberStatus.READY for one in self.members.weighted(slot))
