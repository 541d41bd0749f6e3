"""`--once --apply` ends with its switch, but not before what users meet just after it is on record, as under
`reconcile run`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from loop_world import spec
from pack_made import Recorded

from reconciler.cli.apply_once import Report, _one
from reconciler.core.conditions import IN_SYNC
from reconciler.core.events import Ended
from reconciler.core.model import Slot
from reconciler.evidence.access import moment
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import GATEWAY, Pack
from reconciler.evidence.pack.plan import Look
from reconciler.evidence.pack.requests import TAIL
from reconciler.evidence.pack.stream import read
from reconciler.evidence.recorder import Nobody
from reconciler.loop.run import RESTING

SOON = 60.0  # seconds until a test that waits for a thread says so


class Meanwhile(threading.Event):
    """Ctrl-C, as the command waits for it between two looks: time passes, users and we ask, and once everything is at
    rest, `then` happens."""

    def __init__(self, made: Recorded, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.made, self.then = made, then
        self.over: float | None = None  # when it first did

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        keeper, clock = self.made.stand.keeper, self.made.stand.clock
        if keeper.state.transition or self.over is not None:
            self.made.ask()
        clock.seconds += timeout
        if timeout >= RESTING and self.over is None:  # before, it waits for what moves, or has just moved
            self.over = clock.seconds
            self.then()
        return self.is_set()


def apply(made: Recorded, stop: Meanwhile) -> tuple[Report, Pack]:
    """A commit that makes green the active slot, brought to its end."""
    made.stand.head = spec(Slot.GREEN)
    report = _one(made.stand.keeper, stop)
    assert made.stand.keeper.state.last
    return report, Pack(made.root / "prod" / made.stand.keeper.state.last.transition)


def five_users_get_errors(made: Recorded) -> None:
    """From the newcomer; none of our own requests meets one."""
    gateway = made.stand.gateway
    counted = gateway.reading.counters
    assert counted.green is not None
    failing = replace(counted.green, errors=counted.green.errors + 5, requests=counted.green.requests + 5)
    gateway.reading = replace(gateway.reading, counters=replace(counted, green=failing))


def test_what_users_meet_just_after_the_switch_refutes_it_though_the_command_ends_with_it(made: Recorded) -> None:
    _, pack = apply(made, Meanwhile(made, lambda: five_users_get_errors(made)))
    made.recorder.close()
    body = manifest.read(pack)
    assert body["figures"]["gateway"]["counted"]["green"]["errors"] == 5
    assert body["verdict"]["zero_downtime"] == "Refuted", body["verdict"]


def test_a_good_switch_is_proved_and_the_gateway_was_read_until_users_requests_count_no_more(made: Recorded) -> None:
    report, pack = apply(made, Meanwhile(made))
    made.recorder.close()
    assert report.code == IN_SYNC
    assert manifest.read(pack)["verdict"]["zero_downtime"] == "Proved", manifest.read(pack)["verdict"]
    ended = moment(gather(pack).steps.entries[-1].at)
    assert ended + TAIL - 2.0 < max(record["at"] for record in read(pack.file(GATEWAY))) <= ended + TAIL


def test_a_disk_that_keeps_the_recorder_loses_no_look_after_the_switch(made: Recorded) -> None:
    on, heard = threading.Event(), made.recorder._look

    def kept(look: Look, at: float) -> None:
        assert look.transition or on.wait(SOON)
        heard(look, at)

    made.recorder._look = kept  # type: ignore[method-assign]
    _, pack = apply(made, Meanwhile(made, lambda: five_users_get_errors(made)))
    on.set()
    made.recorder.close()
    assert manifest.read(pack)["verdict"]["zero_downtime"] == "Refuted", manifest.read(pack)["verdict"]


def test_a_commit_that_comes_just_after_the_switch_is_left_to_the_next_command(made: Recorded) -> None:
    def commit() -> None:
        made.stand.head = spec(Slot.BLUE, blue="3")

    before = made.stand.journal.head()
    apply(made, Meanwhile(made, commit))
    ends = [one for one in made.stand.journal.since("prod", before) if isinstance(one.event, Ended)]
    assert len(ends) == 1
    assert made.stand.keeper.state.transition is None, "nobody would be there to bring it to its end"


def test_ctrl_c_just_after_the_switch_ends_it_at_once(made: Recorded) -> None:
    stop = Meanwhile(made, lambda: stop.set())
    apply(made, stop)
    assert stop.over == made.stand.clock.seconds


def test_where_no_evidence_is_kept_nothing_is_waited_for(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.begin()
    made.stand.keeper.watcher = Nobody()
    stop = Meanwhile(made)
    made.stand.head = spec(Slot.GREEN)
    assert _one(made.stand.keeper, stop).code == IN_SYNC
    assert stop.over is None
    made.close()
