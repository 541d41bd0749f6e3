"""Drills in words: what `status` shows, what `reconcile drill` refuses at once, and how `history` tells them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cli_folder import Folder
from test_cli_status import AT_REST, BLUE, SEEN, A

from reconciler.cli.drill import _possible
from reconciler.cli.look import Look, as_json, left_alone, lines
from reconciler.cli.rehearsals import compared
from reconciler.core.events import (
    Began,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Event,
    Phase,
    Requested,
    Verb,
)
from reconciler.core.model import DrillKind, Release, Slot
from reconciler.core.reading import Agenda
from reconciler.core.state import Drill, Drilled, State
from reconciler.wording import describe

THERE, BACK = DrillKind.SWITCH_AND_BACK, DrillKind.ROLLBACK
MONTHLY = Agenda("0 3 1 * * Asia/Seoul", next="2026-12-01 03:00 KST")
ON = Drill(THERE, BLUE, "d", 0.0, 900.0)
OLD = Drilled(BACK, Phase.SUCCEEDED, "", "2026-09-30T18:00:02+00:00", 130.0, 0.5)
LAST = Drilled(BACK, Phase.SUCCEEDED, "", "2026-10-31T18:00:02+00:00", 124.0, 0.4)


def looked(agenda: Agenda = MONTHLY, **changes: object) -> Look:
    state = State(**{"journal": "j", "seq": 1, "watched": 100.0, **changes})  # type: ignore[arg-type]
    return Look("x", AT_REST, state, replace(SEEN, agenda=agenda))


def told(look: Look) -> str:
    shown = "\n".join(lines(look))
    return shown.partition("  drill     ")[2].partition("\n  why")[0]


def test_an_environment_without_drills_says_nothing_of_them() -> None:
    assert told(looked(Agenda())) == ""


def test_status_says_when_the_next_is_due_and_how_the_last_went_beside_the_one_before() -> None:
    assert told(looked(drilled=(OLD, LAST))).split("\n") == [
        "next 2026-12-01 03:00 KST",
        "            last rollback Succeeded (2026-10-31 18:00 UTC), in 2m4s (before: 2m10s);"
        " users were safe in 0.4s (before: 0.5s)",
    ]


def test_another_kind_is_not_compared_with() -> None:
    other = replace(OLD, kind=THERE, safety=None)
    assert "before" not in compared((OLD, other))
    assert "(before: 2m10s)" in compared((OLD, other, LAST))


def test_one_that_did_not_succeed_says_why() -> None:
    found = replace(LAST, phase=Phase.ROLLED_BACK, reason="MemberDied: api in green", at="", safety=None)
    assert compared((found,)) == "last rollback RolledBack, in 2m4s (MemberDied: api in green)"


@pytest.mark.parametrize(
    ("drill", "said"),
    [
        (ON, "switch-and-back is on, on its way out: home is blue@1, 13m20s left"),
        (replace(ON, turned=True), "switch-and-back is on, on its way home: home is blue@1"),
        (replace(ON, turned=True, stuck="5 errors"), "switch-and-back is on, away from home: home is blue@1"),
    ],
)
def test_status_says_how_far_one_is(drill: Drill, said: str) -> None:
    assert told(looked(drill=drill)).startswith(said)
    assert as_json(looked(drill=drill))["drill"]["on"]["kind"] == THERE


def test_one_that_was_left_out_is_said() -> None:
    assert "missed 2026-10-31: nobody was here" in told(looked(missed="2026-10-31: nobody was here"))


def test_one_that_nobody_is_there_to_do_is_said() -> None:
    assert left_alone(replace(looked(drill=ON), attended=False))
    assert left_alone(replace(looked(drill_asked=Requested(Verb.DRILL)), attended=False))
    assert not left_alone(replace(looked(), attended=False))


def test_what_can_be_known_at_once_is_refused_at_once() -> None:
    assert _possible(State()) == ""
    assert "under way" in _possible(State(drill=ON))
    assert "asked for" in _possible(State(drill_asked=Requested(Verb.DRILL)))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Requested(Verb.DRILL, drill=BACK, reason="monthly"), "asked: drill (rollback): monthly"),
        (DrillBegan(THERE, BLUE, "d", 9.0), "drill begins: switch-and-back, with the version of blue@1"),
        (
            DrillBegan(THERE, BLUE, "d", 9.0, due="2026"),
            "drill begins: switch-and-back, with the version of blue@1; it was due at 2026",
        ),
        (
            Began("t", BLUE, Release(Slot.GREEN, "1"), "d", A, (), drill=THERE),
            "drill (switch-and-back), transition t: blue@1 -> green@1",
        ),
        (DrillEnded(Phase.ABORTED, "enough"), "drill ended: Aborted: enough"),
        (DrillScheduled("0 3 1 * * UTC", ""), "drills are scheduled: 0 3 1 * * UTC"),
        (DrillScheduled("", ""), "drills are not scheduled any more"),
        (DrillMissed("2026", "why"), "the drill that was due at 2026 is left out: why"),
    ],
)
def test_history_tells_drills_as_drills(event: Event, said: str) -> None:
    assert describe(event) == said


def test_a_kind_that_is_not_built_yet_is_refused(folder: Folder) -> None:
    done = folder.reconcile("drill", "production", "--kind", "restore")
    assert done.returncode == 64
    assert "'restore' is not one of 'switch-and-back', 'rollback'" in done.stderr
