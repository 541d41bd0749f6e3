"""Members whose looks are kept, as an operator has them: what is seen at once all the same, and what ends it. The clock
by which a look grows old is a value; everything else is as in the exams."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import services_world
import test_host_iis as sites
from services_world import Warm
from windows_calls import machine
from wsman_server import Rig

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from host_exam import BLUE, GREEN, owning, ready, stopped, until

from reconciler.core.model import Slot
from reconciler.core.reading import MemberStatus
from reconciler.drivers.hosts import iis, windows_service
from reconciler.drivers.process import ownership
from reconciler.drivers.process.ownership import Ownership
from reconciler.errors import Conflict, Refused

STOPPED, READY = MemberStatus.STOPPED, MemberStatus.READY
make = sites.make
LOOKS = ("look.ps1", "service_look.ps1")


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Stand:
    """One member with `look_every` at its default, and how often its machine was looked at."""

    def __init__(self, world: Any, kind: Any, settings: Any, **changes: Any) -> None:
        self.world, self.clock = world, Clock()
        standing = world.open().context
        kept = replace(standing, named=self.named, **changes)
        self.host = kind.open(kept, settings)
        self.host._kept._clock = self.clock
        world.opened.append(self.host)

    def named(self, section: str, name: str) -> Any:
        if section == "machines":
            return machine(self.world.rig, self.world.folder, deadline="60s", look_every="2s")
        return self.world.named(section, name)

    def read(self, after: float = 0.0) -> tuple[int, list[MemberStatus]]:
        """Both slots, in so many seconds: the looks that this took, and what was read."""
        self.clock.seconds += after
        ran = self.world.rig.windows.ran
        before = len(ran)
        found = [self.host.read(slot).status for slot in Slot]
        return len([name for name, _ in ran[before:] if name in LOOKS]), found


@pytest.fixture
def site(make: Callable[..., sites.World]) -> Stand:
    return Stand(make(), iis, iis.Settings(site="portal"))


@pytest.fixture
def services(plain: Rig, tmp_path: Path, password: Path) -> Iterator[Callable[..., Stand]]:
    made: list[services_world.World] = []

    def stand(kind: type[services_world.World] = services_world.World, **changes: Any) -> Stand:
        made.append(kind(plain, tmp_path, **changes))
        return Stand(made[-1], windows_service, windows_service.Settings(service="shop"))

    yield stand
    for each in made:
        each.clear()


def test_a_site_that_serves_is_asked_always_and_its_machine_seldom(site: Stand) -> None:
    ready(site.host, BLUE, site.world.good)
    assert site.read() == (1, [READY, STOPPED])
    assert [site.read(after=1.9)[0], site.read(after=0.1)[0]] == [0, 1]
    assert [site.read(after=3.9)[0], site.read(after=0.1)[0]] == [0, 1]
    os.kill(site.world.pid(BLUE), signal.SIGKILL)
    looks, found = site.read()
    assert looks == 1
    assert found[0] is not READY, "within the same reading"


def test_a_change_of_one_slot_is_seen_at_once_in_both(site: Stand) -> None:
    ready(site.host, BLUE, site.world.good)
    assert site.read() == (1, [READY, STOPPED])
    assert site.read() == (0, [READY, STOPPED])
    ready(site.host, GREEN, site.world.other)
    assert site.read()[1] == [READY, READY]
    stopped(site.host, BLUE)
    assert site.read()[1] == [STOPPED, READY]


def test_a_site_with_one_owner_at_a_time_starts_on_no_kept_look(make: Callable[..., sites.World]) -> None:
    site = Stand(make(), iis, iis.Settings(site="portal"), exclusive=True)
    ready(site.host, BLUE, site.world.good)
    stopped(site.host, BLUE)
    site.read()
    site.world.iis.pools[sites.NAMES[BLUE]] = "Started"  # by hand, there
    assert site.read() == (0, [STOPPED, STOPPED])
    with pytest.raises(Refused, match="only one may run"):
        site.host.start(GREEN, site.world.good)
    assert site.read()[1][0] is not STOPPED, "and then it is seen"


def test_a_start_that_finds_another_world_than_was_kept_ends_that_look(services: Callable[..., Stand]) -> None:
    """Or it would be asked for again and again, by what is not so."""
    stand = services()
    ready(stand.host, BLUE, stand.world.good)
    stopped(stand.host, BLUE)
    stand.read()
    stand.world.services.begin(stand.world.service())  # by hand, there
    assert stand.read() == (0, [STOPPED, STOPPED])
    with pytest.raises(Conflict, match="it must be stopped before"):
        stand.host.start(BLUE, stand.world.other)
    assert stand.read()[1][0] is not STOPPED


def test_a_service_is_asked_always_and_its_machine_seldom(services: Callable[..., Stand]) -> None:
    stand = services()
    ready(stand.host, BLUE, stand.world.good)
    assert stand.read()[1] == [READY, STOPPED]
    assert [stand.read(after=1.9)[0], stand.read(after=0.1)[0]] == [0, 1]
    assert [stand.read(after=3.9)[0], stand.read(after=0.1)[0]] == [0, 1], "though that machine's clock goes on"
    os.kill(stand.world.life().pid, signal.SIGKILL)
    looks, found = stand.read()
    assert looks == 1
    assert found[0] is not READY, "within the same reading"


def test_a_service_that_nobody_can_ask_is_looked_at_every_two_seconds(services: Callable[..., Stand]) -> None:
    stand = services(ready=None)
    stand.host.start(BLUE, stand.world.good)
    until(stand.host, BLUE, lambda found: found.status is READY)
    stand.read()
    assert [stand.read(after=2.0)[0] for _ in range(3)] == [1, 1, 1]


def test_an_owner_that_somebody_names_by_hand_is_seen_as_soon_as_a_member_says_so(
    services: Callable[..., Stand],
) -> None:
    stand = services(Warm)
    owning(stand.host, BLUE, stand.world.good, 1)
    stand.read()
    assert stand.read() == (0, [READY, STOPPED])
    file = stand.world.services.real(stand.host.place.ownership)
    file.write_text(ownership.written(Ownership(None, 2, ownership.NEVER.replace(BLUE, 2))))
    assert until(stand.host, BLUE, lambda found: found.status is not READY).version == stand.world.good.label
    until(stand.host, BLUE, lambda found: found.status is MemberStatus.STANDBY)
    stand.host.grant(BLUE, 3)
    until(stand.host, BLUE, lambda found: found.status is READY)
