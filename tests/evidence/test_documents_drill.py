"""A drill is told as one, and what it was to rehearse is no accident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evidence_pack import GATES, Run, drilled, prepared
from report_read import read

from reconciler.core.events import Ended, Phase, RollbackBegan
from reconciler.core.model import DrillKind
from reconciler.evidence.documents.logbook import logbook
from reconciler.evidence.documents.picture.marks import marks
from reconciler.evidence.documents.switchlog import switch_log
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.verdict import verdict


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return drilled().material(tmp_path_factory.mktemp("drill"))


def test_title_headline_log_and_logbook_say_so(drill: Material) -> None:
    page = read(drill)
    assert page.title == "Zero downtime verification of a drill (rollback)"
    assert page.verdict.startswith("Drill (rollback): No user met an interruption or an error.")
    assert "What was to be rehearsed went as planned. It went back at the end, as it was to do" in page.verdict
    assert read(drill, "ko").title == "무중단 전환 훈련(롤백) 검증 보고서"
    assert switch_log(drill).startswith("production: drill (rollback), transition")
    assert "GO BACK" not in switch_log(drill)
    assert logbook(drill).startswith("# Logbook of production, 000042-green-1.4.2 (drill: rollback)\n")
    assert verdict(drill).drill == "rollback"


def test_the_rehearsed_way_back_is_nothing_to_be_mended(drill: Material) -> None:
    page = read(drill)
    assert not [one for one in page.left if "cause of the rollback" in one]
    (missing,) = (one for one in page.left if one.startswith("Missing"))
    assert (
        missing == "Missing in this pack, to be had next time: Sync queue drained; Event log; Script to go back by hand"
    )
    assert page.lines["Rollback"].value.endswith("this is what was rehearsed")
    assert not [mark for mark in marks(drill) if mark.grave]


def test_every_step_is_told_once(drill: Material) -> None:
    steps = read(drill).cells("steps")
    assert [number for number, _, _ in steps] == [str(number) for number in range(1, len(steps) + 1)]
    assert "not taken" not in [taken for _, _, taken in steps]
    assert drill.agreement.agrees
    assert (drill.agreement.unreached, drill.agreement.back) == ((), ())


def test_one_that_turned_back_early_did_not_do_what_was_to_be_rehearsed(tmp_path: Path) -> None:
    run = prepared(Run(new="1.4.1"), drill=DrillKind.ROLLBACK).to(25)
    run.note(RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "worse", hold=False), after=1.0).to(0, back=True)
    run.note(Ended(Phase.ROLLED_BACK, "worse"))
    page = read(run.material(tmp_path))
    assert "What was to be rehearsed was not done: it ended before, because of AnalysisFailed." in page.verdict
    assert page.left[0].startswith("Find the cause of the rollback (AnalysisFailed)")


def test_a_gate_that_no_drill_asks_is_not_missing_in_its_report(tmp_path: Path) -> None:
    """What is laid over in a drill has no gates before a migration, so neither has its plan."""
    run = drilled().planned(gates=[gate for gate in GATES if gate["kind"] != "migration"])
    material = run.material(tmp_path)
    page = read(material)
    dry_run = page.lines["DB migration script, dry-run"]
    assert dry_run == ("no gate of kind migration is asked in this drill", "", "not asked for")
    assert not [one for one in page.left if "dry-run" in one]
    assert "이 훈련에서는 migration 유형의 게이트를 실행하지 않음" in read(material, "ko").text


@pytest.mark.parametrize("began", [{"drill": DrillKind.RESTORE}, {"back": "asked for by kim"}])
def test_where_nothing_is_brought_up_no_gate_is_missing(began: dict[str, Any], tmp_path: Path) -> None:
    run = Run(new="1.4.1").began(**began)
    run.note(Ended(Phase.ROLLED_BACK, "this is what is rehearsed"), after=5.0)
    page = read(run.planned().material(tmp_path))
    told = [page.lines[name].result for name in ("DB migration script, dry-run", "Sync queue drained", "Event log")]
    assert told == ["did not come to that"] * 3


def test_where_a_newcomer_was_to_be_brought_up_it_is(tmp_path: Path) -> None:
    run = Run().began().note(Ended(Phase.ROLLED_BACK, "it was not ready in time"), after=5.0)
    page = read(run.planned().material(tmp_path))
    assert page.lines["DB migration script, dry-run"].result == "not measured"
