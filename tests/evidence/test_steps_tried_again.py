"""A step that has to be tried again is one step: told with its tries, and no deviation from the plan. What was not
planned stays one."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_pack import BLUE, GREEN, Run, switched
from loop_world import FakeHost, Stand
from pack_made import Recorded
from report_read import read

from reconciler.core.events import Applied, Event, HealthNoted, Intended, LetGo, StepPassed
from reconciler.core.model import Routing, Slot, share
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.core.steps import Note, Result, Route, Start, Stop, Warm
from reconciler.errors import Unreachable
from reconciler.evidence.documents.causes import causes
from reconciler.evidence.documents.switchlog import switch_log
from reconciler.evidence.pack import manifest, steps
from reconciler.evidence.pack.agreement import tries
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.verify import verify

RUNBOOK = "Steps taken agree with the plan (runbook)"
LETTING_GO = Stop(BLUE, ("worker", "sync"), owner=True)


class Busy(FakeHost):
    """A worker with a job of six seconds in hand when it is asked to end."""

    def __init__(self, stand: Stand) -> None:
        super().__init__()
        self.clock, self.over = stand.clock, dict[Slot, float]()
        self.slots = stand.hosts["worker"].slots

    def read(self, slot: Slot) -> MemberReading:
        if self.slots[slot].status is MemberStatus.STOPPING and self.clock.seconds >= self.over[slot]:
            super().stop(slot)
        return self.slots[slot]

    def stop(self, slot: Slot) -> None:
        if self.slots[slot].status is MemberStatus.READY:
            self.slots[slot] = MemberReading(MemberStatus.STOPPING, self.slots[slot].version)
            self.over[slot] = self.clock.seconds + 6.0


def test_an_owner_with_a_long_job_is_asked_twice_and_the_pack_still_agrees_with_its_plan(made: Recorded) -> None:
    made.stand.hosts["worker"] = Busy(made.stand)
    pack = made.switch()
    made.recorder.close()
    material = gather(pack)
    asked = [one.event for one in material.steps.entries if isinstance(one.event, Intended)]
    assert len([one for one in asked if isinstance(one.act, Stop) and one.act.owner]) == 2
    assert material.agreement.agrees, material.agreement
    assert material.agreement.taken == material.agreement.planned
    assert manifest.read(pack)["figures"]["runbook"]["extra"] == []
    assert verify(pack).findings == ()


def test_so_does_one_whose_cold_newcomer_does_not_answer_its_first_requests_in_time(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False])

    def warm(_slot: Slot) -> None:
        if not next(answers, True):
            raise Unreachable("api in green does not answer through the gateway: ReadTimeout")

    monkeypatch.setattr(made.stand, "warm", warm)
    pack = made.switch(green="3")  # which was not staged and warmed at rest
    made.recorder.close()
    material = gather(pack)
    assert [len(step.seqs) for step in steps.taken(material.steps, material.plans) if "warm" in step.key] == [2]
    assert material.agreement.agrees, material.agreement


@pytest.fixture(scope="module")
def run() -> Run:
    """Both members are asked to let go; five seconds later one of them once more, as it has a job in hand."""
    run = switched(soak=60.0)
    (place,) = (number for number, (_, _, event) in enumerate(run.events) if isinstance(event, LetGo))
    at, actor, _ = run.events[place]
    run.events[place:place] = [
        (at, actor, Intended(Stop(BLUE, ("sync",), owner=True), "climb")),
        (at, actor, Applied(Result.DONE)),
    ]
    return run


@pytest.fixture(scope="module")
def again(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return run.material(tmp_path_factory.mktemp("again"))


def test_its_tries_are_told_beside_it(again: Material) -> None:
    page = read(again)
    assert page.lines[RUNBOOK] == ("15 planned, 15 taken", "all as planned", "pass")
    (row,) = (row for row in page.cells("steps") if "sync" in row[1] and "blue" in row[1])
    assert row[2].endswith("; tried 2 times")
    (row,) = (row for row in read(again, "ko").cells("steps") if row[2].endswith("2회 시도"))
    assert "STEPS: 15 planned, 15 taken: they agree" in switch_log(again)
    (cause,) = (one for one in causes(again) if one.text.startswith("tried again"))
    assert (cause.source, cause.count) == ("journal", 1)
    assert any("tried again: " in one for one in page.left)


def test_every_try_has_the_number_of_the_planned_step(again: Material) -> None:
    told = [line for line in steps.lines(again.steps, again.plans) if '"kind":"Intended"' in line and "sync" in line]
    numbers = [line.partition('"planned":')[2].partition("}")[0] for line in told]
    assert numbers[0] == numbers[1] != numbers[2]


def test_a_pack_that_was_begun_by_an_older_version_is_ended_by_ours_as_one_of_ours(run: Run, tmp_path: Path) -> None:
    assert run.plan
    before, run.plan = (
        run.plan,
        run.plan | {"triesAreOne": True},
    )  # as older plans may say
    try:
        found = run.material(tmp_path)
    finally:
        run.plan = before
    assert (found.agreement.extra, found.agreement.taken) == ((), 15)


AGAIN = Intended(Warm(GREEN, "2"), "bring-up")
TEN = Intended(Route(None, Routing(share(GREEN, 10))), "climb")
STARTED = Intended(Start(GREEN, "2", ("api", "web")), "bring-up")
STOPPED = Intended(LETTING_GO, "climb")
DONE, UNKNOWN = Applied(Result.DONE), Applied(Result.UNKNOWN, "no answer")


@pytest.mark.parametrize(
    ("events", "again"),
    [
        ([AGAIN, UNKNOWN, AGAIN], 1),
        ([AGAIN, AGAIN], 1),  # we died in between
        ([AGAIN, UNKNOWN, AGAIN, UNKNOWN, AGAIN], 2),
        ([AGAIN, UNKNOWN, Intended(Note("t", "r", "begun"), "tell-git"), DONE, AGAIN], 1),
        ([STARTED, UNKNOWN, Intended(Start(GREEN, "2", ("web",)), "bring-up")], 1),  # the other one runs
        ([TEN, Applied(Result.CONFLICT, "somebody was faster"), TEN], 1),
        ([STOPPED, DONE, STOPPED], 1),
        ([STOPPED, DONE, Intended(Stop(BLUE, ("sync",), owner=True), "climb")], 1),
        ([STOPPED, DONE, Intended(Stop(BLUE, ("sync",)), "climb")], 0),  # not to let go, but to end
        ([STOPPED, DONE, Intended(Stop(GREEN, ("sync",), owner=True), "climb")], 0),
        ([Intended(Stop(BLUE, ("sync",), owner=True), "climb"), DONE, STOPPED], 0),  # and one more
        ([STARTED, DONE, HealthNoted(False, "it died"), STARTED], 0),  # it was up, and had to be started anew
        ([AGAIN, DONE, AGAIN], 0),
        ([TEN, DONE, TEN], 0),  # somebody had moved it, and it was moved back
        ([STOPPED, DONE, StepPassed(4), STOPPED], 0),
        ([AGAIN, UNKNOWN, STARTED, DONE, AGAIN], 0),
    ],
)
def test_only_what_was_not_done_or_takes_its_time_is_tried_again(events: list[Event], again: int) -> None:
    assert sum(tries(events)) == again
