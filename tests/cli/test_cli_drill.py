"""Drills in words: what `status` shows, what `reconcile drill` refuses at once, and how `history` tells them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cli_folder import Folder
from test_cli_restore import record
from test_cli_status import AT_REST, BLUE, SEEN, A

from reconciler.cli.drill import _possible
from reconciler.cli.look import Look, as_json, left_alone, lines
from reconciler.cli.rehearsals import compared
from reconciler.core.events import (
    Began,
    Bootstrapped,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Event,
    Phase,
    Requested,
    RestoreTried,
    Verb,
)
from reconciler.core.model import DrillKind, Release, Slot
from reconciler.core.reading import Agenda, Trial
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
        (
            RestoreTried("a.zip", "d", Trial(12, 2048, 0.5), Trial(11, 1024, 0.4)),
            "the recovery point a.zip was put back beside, and is what was saved: 12 files, 2.0 KB in 0.5s"
            " (before: 1.0 KB in 0.4s)",
        ),
        (DrillEnded(Phase.ABORTED, "enough"), "drill ended: Aborted: enough"),
        (DrillScheduled("0 3 1 * * UTC", ""), "drills are scheduled: 0 3 1 * * UTC"),
        (DrillScheduled("", ""), "drills are not scheduled any more"),
        (DrillMissed("2026", "why"), "the drill that was due at 2026 is left out: why"),
    ],
)
def test_history_tells_drills_as_drills(event: Event, said: str) -> None:
    assert describe(event) == said


def test_a_restore_is_told_by_its_figures_beside_those_of_the_last_one() -> None:
    before = Drilled(DrillKind.RESTORE, Phase.SUCCEEDED, "", "", 50.0, trial=Trial(1200, 3 << 20, 4.0))
    last = replace(before, took=60.0, trial=Trial(1300, 5 << 20, 6.5))
    assert compared((before,)) == "last restore Succeeded, in 50s; put back: 1,200 files, 3.0 MB in 4s"
    told = "in 1m (before: 50s); put back: 1,300 files, 5.0 MB in 6.5s (before: 3.0 MB in 4s)"
    assert compared((before, last)) == f"last restore Succeeded, {told}"


def test_a_restore_that_was_not_the_same_says_why_and_compares_nothing() -> None:
    before = Drilled(DrillKind.RESTORE, Phase.SUCCEEDED, "", "", 50.0, trial=Trial(1200, 3 << 20, 4.0))
    failed = replace(before, phase=Phase.ROLLED_BACK, reason="RestoreFailed: it differs", trial=None)
    assert compared((before, failed)) == "last restore RolledBack, in 50s (before: 50s) (RestoreFailed: it differs)"
    assert compared((before, failed, replace(before, took=40.0))).endswith("put back: 1,200 files, 3.0 MB in 4s")


def test_a_restore_is_refused_at_once_where_there_is_nothing_to_put_back(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    record(folder, Bootstrapped(BLUE))
    done = folder.reconcile("drill", "production", "--kind", "restore")
    assert done.returncode == 64
    assert "its manifest has no `snapshot`, so there is no recovery point to put back" in done.stderr
    assert "--kind switch-and-back or --kind rollback" in done.stderr


def test_where_there_is_a_recovery_point_a_restore_is_on_record(folder: Folder) -> None:
    folder.reconcile("init")
    with (folder.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write('\n[folders.shared]\npath = "shared"\n')
    with (folder.root / "environments" / "production.yaml").open("a", encoding="utf-8") as file:
        file.write("  snapshot: {folders: [shared]}\n")
    folder.commit()
    record(folder, Bootstrapped(BLUE))
    done = folder.reconcile("drill", "production", "--kind", "restore")
    assert done.returncode == 0, done.stderr
    assert "drill is on record" in done.stdout
