"""Law 21: who died by itself is stopped without an entry, and who was refused never owned; all else is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_record import BACK, BEGINNING, BLUE, CLIMB, DONE, GREEN, HOME, judge, laws, record, starts, stops

from reconciler.core.events import Applied, Ended, Event, Intended, Phase, SoakBegan
from reconciler.core.model import Slot
from reconciler.core.reading import MemberStatus
from reconciler.core.steps import Result, Start
from reconciler.evidence.judge import Verdict

HANDED = (*CLIMB, stops(BLUE), DONE, starts(GREEN), DONE)
SOAK = (*HANDED, SoakBegan())
REFUSED = Applied(Result.REFUSED, "no such file")
UNKNOWN = Applied(Result.UNKNOWN, "it ended at once")


def reading(slot: Slot, status: str = "stopped", member: str = "worker") -> Intended:
    """An owner is started in `slot`, as the core says it: with what was read of the other one."""
    return starts(slot, f"start worker in {slot}; {member} in {slot.other} reads {status}")


LAWFUL: dict[str, tuple[Event, ...]] = {
    "the newcomer's slot dies in the soak": (*SOAK, BACK, reading(BLUE), DONE, HOME, DONE, Ended(Phase.ROLLED_BACK)),
    "only its worker dies in the soak": (*SOAK, BACK, HOME, DONE, reading(BLUE), DONE, Ended(Phase.ROLLED_BACK)),
    "stable's worker dies before it is asked": (*CLIMB, reading(GREEN), DONE, Ended(Phase.SUCCEEDED)),
    "a reboot in the soak": (*SOAK, reading(GREEN), UNKNOWN, BACK, HOME, DONE, reading(BLUE), DONE),
    "the new owner's start is refused": (*CLIMB, stops(BLUE), DONE, starts(GREEN), REFUSED, BACK, starts(BLUE), DONE),
    "it dies at rest, and is started again": (*SOAK, Ended(Phase.SUCCEEDED), reading(GREEN), DONE),
    "it stands by": (*CLIMB, reading(GREEN, "standby"), DONE),
    "it changes hands twice by what was read": (*CLIMB, reading(GREEN), DONE, BACK, HOME, DONE, reading(BLUE), DONE),
}  # fmt: skip

DOCTORED: dict[str, tuple[Event, ...]] = {
    "neither stopped nor read": (*CLIMB, starts(GREEN)),
    "on the way back neither": (*SOAK, BACK, HOME, DONE, starts(BLUE)),
    "an outcome that nobody knows": (*CLIMB, stops(BLUE), DONE, starts(GREEN), UNKNOWN, starts(BLUE)),
    "no outcome": (*CLIMB, stops(BLUE), DONE, starts(GREEN), starts(BLUE)),
    "the stop was refused": (*CLIMB, stops(BLUE), REFUSED, starts(GREEN)),
    "a second start was refused, the first was not": (*CLIMB, starts(BLUE), REFUSED, starts(GREEN)),
    "somebody else was read": (*CLIMB, reading(GREEN, member="copy-worker")),
    "the wrong slot was read": (*CLIMB, starts(GREEN, "start worker in green; worker in green reads stopped")),
    "what was read before it owned again": (*CLIMB, reading(GREEN), DONE, reading(BLUE), DONE, starts(GREEN)),
    **{f"it reads {one}": (*CLIMB, reading(GREEN, one)) for one in ("unready", "ready", "stopping", "unknown")},
}


def found(*events: Event) -> Verdict:
    return judge(record(*BEGINNING, *events))


@pytest.mark.parametrize("events", LAWFUL.values(), ids=LAWFUL)
def test_a_lawful_history_is_not_accused(events: tuple[Event, ...]) -> None:
    assert [one for one in found(*events).breaches if one.law == 21] == []


@pytest.mark.parametrize("events", DOCTORED.values(), ids=DOCTORED)
def test_a_doctored_one_is_found_where_the_second_owner_begins(events: tuple[Event, ...]) -> None:
    (breach,) = [one for one in found(*events).breaches if one.law == 21]
    last = max(i for i, event in enumerate(events) if isinstance(event, Intended) and isinstance(event.act, Start))
    assert breach.seq == len(BEGINNING) + last + 1


def test_of_several_each_must_have_been_read() -> None:
    both = ("worker", "sync")
    first, second = (replace(starts(slot), act=Start(slot, "2", both, owner=True)) for slot in (BLUE, GREEN))
    one = replace(second, reason="start; worker in blue reads stopped")
    all_ = replace(second, reason="start; worker in blue reads stopped; sync in blue reads standby")
    assert 21 in laws(record(*BEGINNING, first, DONE, one))
    assert 21 not in laws(record(*BEGINNING, first, DONE, all_))


def test_every_reading_but_two_leaves_it_in_doubt() -> None:
    """A status that is new one day is no proof of anything until somebody says so."""
    lawful = {one for one in MemberStatus if not found(*CLIMB, reading(GREEN, one)).breaches}
    assert lawful == {MemberStatus.STOPPED, MemberStatus.STANDBY}
