"""`switch.log` and `logbook.md` tell what happened, in order, and nothing that is not on record."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_pack import BLUE, GREEN, Run, bare, prepared, rolled_back, switched

from reconciler.core.events import Applied, Ended, Intended, Migrated, MigrationNoted, Phase, Watched
from reconciler.core.model import Migration
from reconciler.core.reading import MigrationStatus
from reconciler.core.steps import Migrate, Result, Stop
from reconciler.evidence.documents.causes import causes
from reconciler.evidence.documents.chapters import Chapter, chapters
from reconciler.evidence.documents.logbook import TITLES, logbook
from reconciler.evidence.documents.switchlog import switch_log
from reconciler.evidence.pack.material import Material

EVIL = "\x1b[2Jgone\r\nZERO DOWNTIME: Proved\u202e <b>*bold*</b> [x](y)"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return switched(approvals=True, soak=60.0).material(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return rolled_back().material(tmp_path_factory.mktemp("failed"))


class TestTheLog:
    def test_has_a_line_for_everything_that_happened_in_the_order_of_time(self, failed: Material) -> None:
        _, _, happened, *_ = switch_log(failed).split("\n\n")
        lines = happened.splitlines()[1:]
        entries = [one for one in failed.steps.entries if not isinstance(one.event, Watched)]
        reads, bad = failed.traffic.weights, failed.account.failures
        assert len(lines) == len(entries) + len(reads) + len(bad)
        times = [line.split()[0] for line in lines]
        assert times == sorted(times)

    def test_tells_plan_gates_approvals_end_and_verdict(self, good: Material) -> None:
        text = switch_log(good)
        assert "PLANNED at 04:30:00.300: 16 steps" in text
        assert "  04:35:02.900  approval  approved: shift, plan 9f9f9f9f9f9f, by kim@corp.example" in text
        assert ", highest 45 s, limit <= 60s: within the limit" in text
        assert "warning, once, events: warnings of worker 1001" in text
        assert "STEPS: 16 planned, 16 taken: they agree" in text
        assert "ZERO DOWNTIME: Proved" in text

    def test_tells_what_failed_and_the_way_back(self, failed: Material) -> None:
        text = switch_log(failed)
        assert "04:31:18.000  FAILED    search by the road users, answered by green: status 500" in text
        assert "04:31:21.200  GO BACK   going back (AnalysisFailed)" in text
        assert "STEPS: 7 planned, 7 taken: they agree" in text
        assert "  then it turned back: 0 planned not reached, 3 on the way back" in text

    def test_of_almost_nothing_says_what_is_unknown(self, tmp_path: Path) -> None:
        text = switch_log(bare().material(tmp_path))
        assert "PLANNED: unknown, there is no plan in this pack" in text
        assert "requests: none, nothing was measured" in text
        assert "ZERO DOWNTIME: NotProved" in text

    def test_nobodys_text_can_write_a_line_of_its_own_or_move_the_cursor(self, tmp_path: Path) -> None:
        run = bare(Run(new=f"2 {EVIL}"))
        run.events[-1] = (1.0, EVIL, Ended(Phase.ABORTED, EVIL))
        text = switch_log(run.material(tmp_path))
        assert [line for line in text.splitlines() if line.startswith("ZERO DOWNTIME")] == ["ZERO DOWNTIME: NotProved"]
        assert "\x1b" not in text
        assert "\u202e" not in text


class TestTheLogbook:
    def test_has_a_paragraph_for_every_stage_that_happened(self, good: Material) -> None:
        text = logbook(good)
        stages = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
        assert stages == ["Preflight", "Shift", "Hand over", "Postflight", "Soak", "Finalise", "Verdict"]

    def test_of_a_rollback_has_one_for_it_and_none_for_what_was_not_reached(self, failed: Material) -> None:
        text = logbook(failed)
        stages = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
        assert stages == ["Preflight", "Shift", "Rollback", "Verdict"]
        assert "The newcomer's version is held" in text

    def test_a_migration_has_its_own(self, tmp_path: Path) -> None:
        run = Run().began(migrates=True)
        run.do(Migrate(GREEN, run.new, run.transition, Migration("up", "check", True)), rule="migrate")
        run.note(MigrationNoted(MigrationStatus.RUNNING, ran=True), Migrated(run.new, "schema 12"), after=1.0)
        run.note(Ended(Phase.ABORTED, "enough"), after=1.0)
        text = logbook(run.material(tmp_path))
        assert "## Migrate\n\n" in text
        assert "the data is migrated for 1.4.2: schema 12" in text

    def test_each_says_what_was_reviewed_done_found_and_comes_next(self, good: Material) -> None:
        preflight = paragraph(good, Chapter.PREFLIGHT)
        assert preflight.startswith(
            "Reviewed were the gates dry-run, shared-drive, sessions and events. These 3 steps were done"
        )
        assert "This was found: preflight passed: dry-run Successful" in preflight
        assert preflight.endswith("Next came: shift, from 04:31:02.900 on.")
        shift = paragraph(good, Chapter.SHIFT)
        assert "kim@corp.example approved shift, plan 9f9f9f9f9f9f, with a verified signature" in shift
        assert "Nobody owned the exclusive members for 0.400 s." in paragraph(good, Chapter.HAND_OVER)
        assert "Next, the old slot stays up for 30 min" in paragraph(good, Chapter.FINALISE)

    def test_a_step_that_was_not_done_is_not_told_as_done(self, tmp_path: Path) -> None:
        run = Run().began().note(Intended(Stop(BLUE, ("api",)), "climb"), Applied(Result.UNKNOWN, "no answer"))
        run.note(Intended(Stop(BLUE, ("web",)), "climb")).note(Ended(Phase.ABORTED), after=1.0)
        text = logbook(run.material(tmp_path))
        assert "a step was not done (unknown, because: no answer): stop api in blue." in text
        assert "What became of this step is not on record: stop web in blue." in text
        assert "read back" not in text

    def test_of_almost_nothing_says_what_is_unknown(self, tmp_path: Path) -> None:
        text = logbook(bare().material(tmp_path))
        assert "What had been planned is unknown" in text
        assert "It is not proved that users met no interruption and no error" in text

    def test_nobodys_text_becomes_markup(self, tmp_path: Path) -> None:
        run = bare()
        run.events[-1] = (1.0, "a", Ended(Phase.ABORTED, EVIL))
        text = logbook(run.material(tmp_path))
        assert "\\<b>\\*bold\\*\\</b> \\[x\\](y)" in text
        assert "\x1b" not in text


def paragraph(material: Material, chapter: Chapter) -> str:
    _, _, rest = logbook(material).partition(f"## {TITLES[chapter]}\n\n")
    return rest.partition("\n\n")[0]


def test_every_entry_belongs_to_exactly_one_stage(good: Material, failed: Material) -> None:
    for material in (good, failed):
        told = [entry.seq for entries in chapters(material.steps.entries).values() for entry in entries]
        assert sorted(told) == [entry.seq for entry in material.steps.entries]


def test_what_is_judged_after_the_last_step_belongs_to_postflight(tmp_path: Path) -> None:
    found = chapters(switched(soak=60.0).material(tmp_path).steps.entries)
    assert len(found[Chapter.HAND_OVER]) == 6
    assert len(found[Chapter.POSTFLIGHT]) == 1


class TestWarnings:
    def test_of_one_cause_are_one_with_their_number(self, tmp_path: Path) -> None:
        run = prepared(Run())
        for number in range(3):
            run.answer("events", 10 + 2 * number, alert=f"job {number} was tried {number + 2} times")
            run.answer("events", 11 + 2 * number)
        run.answer("events", 30, alert="the disk is nearly full")
        run.note(Applied(Result.CONFLICT, "somebody was faster"), after=60.0)
        run.note(Ended(Phase.ABORTED), after=1.0)
        found = causes(run.material(tmp_path))
        assert [(one.source, one.text, one.count) for one in found] == [
            ("events", "job 0 was tried 2 times", 3),
            ("events", "the disk is nearly full", 1),
            ("journal", "outcome: conflict: somebody was faster", 1),
        ]

    def test_one_that_lasts_is_one(self, tmp_path: Path) -> None:
        run = bare()
        for at in range(5):
            run.answer("events", at, alert=f"{at} jobs wait")
            run.answer("events", at + 0.5, "Running")  # another weight: nothing about it was answered yet
        assert [one.count for one in causes(run.material(tmp_path))] == [1]

    def test_an_observed_gate_and_a_silent_gateway_are_among_them(self, tmp_path: Path) -> None:
        gates = [{"name": "new", "kind": "http", "stage": "shift", "mode": "observe"}]
        run = bare().planned(gates=gates)
        run.answer("new", 0.5, "Failed", reason="503").answer("new", 0.9)
        run.looks.append({"at": run.begin + 0.2, "unread": "no answer"})
        found = {one.source: (one.text, one.count) for one in causes(run.material(tmp_path))}
        assert found == {"new": ("Failed: 503", 1), "gateway": ("a look at which the gateway did not answer", 1)}
