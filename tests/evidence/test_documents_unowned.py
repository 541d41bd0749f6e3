"""How long nobody owned the exclusive members is told as it is on record: each hand-over by itself, what was given up
among them, never longer than it was without saying so, and nothing where nothing is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_pack import BLUE, GREEN, Run, prepared
from pack_made import Recorded
from report_read import read

from reconciler.core.events import Applied, Ended, Event, Intended, LetGo, Phase, StepPassed
from reconciler.core.model import HandOver, SetWeight
from reconciler.core.steps import Result, Start, Stop
from reconciler.evidence.documents.logbook import logbook
from reconciler.evidence.documents.unowned import Unowned, unowned
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.steps import Slice

ONE, TWO = ("worker",), ("sync",)
BOTH = (*ONE, *TWO)
DONE = Applied(Result.DONE)
HOUR = 3600.0


def handing(*happened: tuple[float, Event], steps: tuple[HandOver, ...] = (HandOver(ONE),)) -> Run:
    """At full weight; then so many seconds later each of these."""
    run = prepared(Run(), strategy=(SetWeight(100), *steps)).to(100)
    for after, event in happened:
        run.note(event, after=after)
    return run


def ask(names: tuple[str, ...] = ONE) -> Event:
    return Intended(Stop(BLUE, names, owner=True), "climb")


def make(names: tuple[str, ...] = ONE) -> Event:
    return Intended(Start(GREEN, "1.4.2", names, owner=True), "climb")


def give_back(names: tuple[str, ...] = ONE) -> Event:
    return Intended(Start(BLUE, "1.4.1", names, owner=True), "keep-owners")


def over(cursor: int = 1, names: tuple[str, ...] = ONE) -> Event:
    return StepPassed(cursor, "", names)


def found(run: Run) -> Unowned | None:
    return unowned(Slice(tuple(run.rows()), tuple(row.entry() for row in run.rows())).entries)


def test_two_hand_overs_with_an_hour_between_are_two_moments_and_not_an_hour() -> None:
    run = handing(
        *((0.1, ask()), (0.1, DONE), (0.1, LetGo(ONE)), (0.2, make()), (0.1, DONE), (0.1, over(1))),
        *((HOUR, ask(TWO)), (0.1, DONE), (0.1, LetGo(TWO)), (0.4, make(TWO)), (0.1, DONE), (0.1, over(2, TWO))),
        steps=(HandOver(ONE), HandOver(TWO)),
    )
    assert found(run) == Unowned(pytest.approx(0.4 + 0.6), exact=True)


def test_what_was_given_back_to_the_old_one_in_a_pause_counts_until_it_was(tmp_path: Path) -> None:
    run = handing(
        *((0.1, ask()), (0.1, DONE), (0.1, LetGo(ONE)), (2.0, give_back()), (0.5, DONE)),
        *((HOUR, ask()), (0.1, DONE), (0.1, LetGo(ONE)), (0.2, make()), (0.1, DONE), (0.2, over())),
    )
    assert found(run) == Unowned(pytest.approx(2.5 + 0.5), exact=True)
    run.note(Ended(Phase.SUCCEEDED), after=1.0)
    assert "Nobody owned the exclusive members for 3.000 s." in logbook(run.material(tmp_path))


def test_one_that_was_given_back_and_did_not_come_up_is_no_owner() -> None:
    run = handing(
        *((0.1, ask()), (0.1, LetGo(ONE)), (2.0, give_back()), (0.5, Applied(Result.UNKNOWN, "worker ended at once"))),
        *((5.0, give_back()), (0.5, DONE), (HOUR, ask()), (0.1, LetGo(ONE)), (0.2, make()), (0.1, over())),
    )
    assert found(run) == Unowned(pytest.approx(8.0 + 0.3), exact=True)


def test_without_gates_it_is_at_most_from_when_the_old_one_was_asked_last() -> None:
    """It had a job of six seconds in hand, and was asked twice."""
    run = handing((0.1, ask()), (5.0, ask()), (1.2, make()), (0.1, DONE), (0.1, over()))
    assert found(run) == Unowned(pytest.approx(1.4), exact=False)


def test_members_that_change_hands_one_by_one_are_counted_from_the_first_to_the_last() -> None:
    steps = (HandOver(BOTH),)
    run = handing((0.1, ask()), (0.2, make()), (0.3, ask(TWO)), (0.4, make(TWO)), (0.5, over(1, BOTH)), steps=steps)
    assert found(run) == Unowned(pytest.approx(1.4), exact=False)


@pytest.mark.parametrize(
    "happened",
    [
        (make(), make(TWO)),
        (make(), ask(TWO), make(TWO)),
        (ask(), make(), make(TWO)),
        (LetGo(BOTH), make(), make(TWO)),  # it crash-looped until the release came that mends it
        (ask(), LetGo(BOTH), make(), make(TWO)),
        (LetGo(BOTH), give_back(BOTH), DONE, ask(), ask(TWO), LetGo(BOTH), make(), make(TWO)),  # before a pause
        (ask(), ask(TWO), LetGo(BOTH), give_back(BOTH), DONE, LetGo(BOTH), make(), make(TWO)),  # in a pause
    ],
)
def test_of_one_that_had_died_by_itself_nobody_knows(happened: tuple[Event, ...]) -> None:
    """With gates under `handOver` and without; also if the other one was asked, and let go."""
    course = tuple((0.1, event) for event in happened)
    assert found(handing(*course, (0.1, over(1, BOTH)), steps=(HandOver(BOTH),))) is None


def test_an_owner_that_is_started_again_in_the_soak_changes_nothing_of_it() -> None:
    run = handing(
        *((0.1, ask()), (0.1, LetGo(ONE)), (0.2, make()), (0.1, DONE), (0.1, over())),
        *((HOUR, make()), (0.1, DONE)),
    )
    assert found(run) == Unowned(pytest.approx(0.4), exact=True)


def test_one_that_did_not_come_to_its_end_is_none() -> None:
    assert found(handing((0.1, ask()), (0.1, DONE), (0.1, LetGo(ONE)), (0.2, make()), (0.1, DONE))) is None


def test_a_manifest_without_gates_for_it_is_told_as_handed_over(made: Recorded) -> None:
    """As that of the sample is."""
    pack = made.switch()
    made.recorder.close()
    material = gather(pack)
    assert not [entry for entry in material.steps.entries if isinstance(entry.event, LetGo)]
    line = read(material).lines["Exclusive members handed over"]
    assert line.value.startswith("worker; nobody owned for at most 0.0")
    assert line.result == "pass"
    assert "소유자 공백 최대 0.0" in read(material, "ko").text
    assert "Nobody owned the exclusive members for at most 0.0" in logbook(material)


@pytest.mark.parametrize("read_so", [(), ((0.1, LetGo(ONE)),)], ids=["without gates", "with gates"])
def test_what_was_handed_over_passes_without_a_time_where_none_is_known(
    tmp_path: Path, read_so: tuple[tuple[float, Event], ...]
) -> None:
    run = handing(*read_so, (0.1, make()), (0.1, DONE), (0.1, over())).note(Ended(Phase.SUCCEEDED), after=1.0)
    material = run.material(tmp_path)
    line = read(material).lines["Exclusive members handed over"]
    assert line == ("worker; for how long nobody owned is not on record", "", "pass")
    assert "Nobody owned" not in logbook(material)


def test_what_was_not_handed_over_does_not_pass(tmp_path: Path) -> None:
    run = handing((0.1, ask()), (0.1, DONE), (0.1, make()), (0.1, DONE)).note(Ended(Phase.SUCCEEDED), after=1.0)
    line = read(run.material(tmp_path)).lines["Exclusive members handed over"]
    assert line == ("worker: not on record as handed over", "", "not measured")
