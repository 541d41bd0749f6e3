"""The report has every line of the one that was written by hand, and each is measured or says that it was not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest
from evidence_pack import Run, bare, rolled_back, switched
from report_read import Line, Read, harmless, read, report

from reconciler.core.events import Phase, RestoreTried, RollbackBegan, SnapshotTaken
from reconciler.core.model import DrillKind, Slot, Snapshot
from reconciler.core.reading import Trial
from reconciler.evidence.documents.report import back
from reconciler.evidence.documents.report.english import ENGLISH
from reconciler.evidence.documents.report.korean import KOREAN
from reconciler.evidence.documents.report.lines import Row
from reconciler.evidence.documents.report.said import Language, lasting, said
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.place import SCRIPTS
from reconciler.evidence.pack.requests import Outcome
from reconciler.evidence.pack.steps import Slice
from reconciler.evidence.pack.verdict import Proof, verdict
from reconciler.journal.entry import Entry

HOSTILE = '"><script>alert(1)</script><img src=x onerror=y> & </article> {0} %s $x$'


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return switched().material(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return rolled_back().material(tmp_path_factory.mktemp("failed"))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return bare().material(tmp_path_factory.mktemp("nothing"))


@pytest.fixture
def sheet(good: Material) -> Read:
    return read(good)


class TestEveryLineOfTheReportThatWasWrittenByHand:
    def test_when_strategy_tiers_and_monitoring(self, sheet: Read) -> None:
        assert sheet.facts["When"] == "2025-09-29 04:30:00 to 2025-09-29 05:08:13 UTC (38 min 14 s)"
        assert "blue@1.4.1 to green@1.4.2" in sheet.facts["Strategy"]
        assert "weight 25 %; analysis of at most 60 s; weight 50 %; weight 100 %" in sheet.facts["Strategy"]
        assert [name in sheet.facts["Parts of the system"] for name in ("api", "frontend", "worker", "sync")] == [
            True
        ] * 4
        assert "6 gates" in sheet.facts["Monitoring"]
        assert "looks at the gateway" in sheet.facts["Monitoring"]

    def test_pre_verification_dry_run_and_sync_queue(self, sheet: Read) -> None:
        dry_run = sheet.lines["DB migration script, dry-run"]
        assert dry_run.value.startswith("exit code 0")
        assert dry_run.result == "pass"
        assert sheet.lines["Sync queue drained"].value.startswith("0 shared-drive: Successful, 0 left, twice in a row")
        assert sheet.lines["Sync queue drained"][1:] == ("<= 0", "pass")

    def test_the_switch_in_stages_over_thirty_seconds(self, sheet: Read) -> None:
        stages = sheet.lines["Traffic moved in stages"]
        assert stages.value.startswith("0 % → 25 % → 50 % → 100 %, 3 changes over 29.8 s")
        assert "read back last: blue 0 %, green 100 %" in stages.value
        assert stages.result == "pass"

    def test_synthetic_transactions_without_an_error_and_their_p95(self, sheet: Read, good: Material) -> None:
        users = good.account.users
        assert users
        assert users.p95
        steps = sheet.lines["Test requests, by step"].value
        assert [name in steps for name in ("search", "upload", "download")] == [True] * 3
        assert sheet.lines["Failed test requests"] == (f"0 of {users.sent:,} failed, 0 unknown", "0", "pass")
        slowest = sheet.lines["Response time, P95"]
        assert slowest.value.startswith(f"{users.p95:.2f} s")
        assert slowest[1:] == ("<= 1.45s", "pass")
        assert sheet.lines["Downtime"] == ("0 s time in which nobody could serve", "0 s", "pass")

    def test_post_verification_queue_event_log_and_sessions(self, sheet: Read) -> None:
        assert sheet.lines["Worker queue delay"].value.startswith("45 s at most")
        assert sheet.lines["Worker queue delay"][1:] == ("<= 60s", "pass")
        told = "events: Successful, 2 warnings: worker 1001 (2); 57 records since the mark"
        assert sheet.lines["Event log"].value == f"0 errors, 2 warnings (informational) {told}"
        assert sheet.lines["Event log"][1:] == ("0 errors", "pass")
        kept = "100 %: 20 opened = 20 kept + 0 lost + 0 unknown"
        assert sheet.lines["User sessions kept (retention)"] == (kept, "100 %", "pass")

    def test_ready_to_roll_back(self, sheet: Read) -> None:
        assert sheet.lines["Rollback"].value == "not needed"
        assert sheet.lines["Recovery-point snapshot"] == ("none was asked for", "", "not asked for")
        assert sheet.lines["Script to go back by hand"].result == "not measured"

    def test_evidence_kept_and_the_runbook(self, sheet: Read) -> None:
        assert sheet.lines["Switch log"].value == "switch.log"
        assert sheet.lines["Dashboard picture"].value == "dashboard.png"
        runbook = sheet.lines["Steps taken agree with the plan (runbook)"]
        assert runbook == ("15 planned, 15 taken", "all as planned", "pass")

    def test_conclusion_and_what_is_left_to_do(self, sheet: Read) -> None:
        assert sheet.verdict.startswith("No user met an interruption or an error. The transition ended as Succeeded.")
        warnings = "2 warnings: worker 1001 (2); 57 records since the mark"
        assert f"Find the cause of the warnings of events, and tune the alert: {warnings}" in sheet.left
        assert [one for one in sheet.left if one.startswith("For the KPI: downtime 0.00 min, failed requests 0 of ")]
        assert any("Rehearse the switch every month" in one for one in sheet.left)


def test_a_share_with_a_queue_has_the_line_of_the_sync_queue_and_one_without_has_not(tmp_path: Path) -> None:
    gates = [{"name": name, "kind": "share", "stage": "preflight", "mode": "enforce"} for name in ("drive", "plain")]
    run = switched(soak=60.0).planned(gates=gates)
    run.answer("drive", 3, value="0", limit="<= 0", reason="nothing is left in outbox").answer("plain", 3)
    sheet = report(run, tmp_path)
    drained = sheet.lines["Sync queue drained"]
    assert drained == ("0 drive: Successful, nothing is left in outbox", "<= 0", "pass")
    assert sheet.text.count("Sync queue drained") == 1
    assert sheet.lines["Gate plain"].result == "pass"


def test_a_script_that_lies_in_the_pack_and_a_snapshot_on_record_are_named(tmp_path: Path) -> None:
    run = switched(soak=60.0)
    pack = run.write(tmp_path)
    for name in SCRIPTS:
        pack.file(name).write_text("#!/bin/sh\n")
    material = _with_snapshot(gather(pack))
    rows = {row.item.key: row for row in back.section(material).rows}  # type: ignore[union-attr]
    script = ENGLISH.text(rows["row.script"].value)
    assert script.startswith("rollback.sh: checked by this tool's own tests")
    assert "rollback.ps1: written, never run on Windows by us" in script
    assert rows["row.script"].result == "noted"  # it was run by nobody
    stored = "stored, read back and verified: 20250929-1330.zip (3.2 MB)"
    assert ENGLISH.text(rows["row.snapshot"].value) == stored
    assert rows["row.snapshot"].result == "pass"


@pytest.mark.parametrize("language", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_a_rehearsed_restore_is_told_with_its_figures_beside_those_of_the_last(
    tmp_path: Path, language: Language
) -> None:
    made = gather(switched(soak=60.0).write(tmp_path))
    first, *rest = made.steps.entries
    began = replace(first, event=replace(made.steps.began, drill=DrillKind.RESTORE))
    tried = RestoreTried("a.zip", "d", Trial(1200, 3_000_000, 4.0), Trial(1100, 2_000_000, 3.5))
    turned = RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False)
    events = [replace(first, event=event) for event in (SAVED, tried, turned)]

    def rows(*entries: Entry) -> dict[str, Row]:
        material = replace(made, steps=Slice(made.steps.rows, (began, *entries, *rest)))
        return {row.item.key: row for row in back.section(material).rows}  # type: ignore[union-attr]

    found = rows(*events)
    told, before = (language.text(part) for part in (found["row.trial"].value, found["row.trial"].note))
    assert [figure in told for figure in ("1,200", "3.0 MB", language.text(lasting(4.0)))] == [True] * 3
    assert [figure in before for figure in ("1,100", "2.0 MB", language.text(lasting(3.5)))] == [True] * 3
    assert found["row.trial"].result == "pass"
    assert found["row.safety"].value == said("rollbackNotNeeded")
    assert found["row.rollback"].value.key == "rollbackRehearsed"  # type: ignore[union-attr]
    assert rows(*events[:1])["row.trial"].result == "fail"


SAVED = SnapshotTaken("20250929-1330.zip", "ab" * 32, 3_200_000, Snapshot(("shared",)))


def _with_snapshot(material: Material) -> Material:
    first, *rest = material.steps.entries
    taken = replace(first, event=SAVED)
    return replace(material, steps=Slice(material.steps.rows, (first, taken, *rest)))


class TestARollback:
    def test_is_told_with_its_reason_and_how_long_it_took(self, failed: Material) -> None:
        page = read(failed)
        assert page.verdict.startswith("Users met an interruption or an error. The transition ended as RolledBack.")
        assert page.lines["Rollback"].value.startswith("needed, from 04:31:21.200 UTC on (AnalysisFailed)")
        assert page.lines["Time to safety"] == ("0.15 s expected: 1.5 s", "", "–")
        assert page.lines["Failed test requests"].result == "fail"
        assert page.lines["Failed requests, as the gateway counted them"].result == "fail"
        assert page.left[0].startswith("Find the cause of the rollback (AnalysisFailed): transactions: 9 of 210")

    def test_the_failed_requests_are_named_one_by_one(self, failed: Material) -> None:
        page = read(failed)
        assert "The first 8 of 8 requests that failed" in page.text
        assert len(page.cells("failures")) == 8
        assert page.cells("failures")[0][1:] == ["search", "users", "green", "status 500 instead of 200"]

    def test_its_way_back_is_no_step_that_was_planned(self, failed: Material) -> None:
        steps = read(failed).cells("steps")
        assert [number for number, _, _ in steps] == ["1", "2", "3", "4", "5", "6", "7", *["way back"] * 3]


class TestWhatTheOutcomeMakesPointless:
    def test_is_not_missing(self, failed: Material) -> None:
        page = read(failed)
        for name in ("Worker queue delay", "Exclusive members handed over", "Soak at full weight"):
            assert page.lines[name].result == "did not come to that", name
        assert not [one for one in page.left if "Soak" in one or "handed over" in one]

    def test_what_nobody_asked_for_is_not_missing_either(self, tmp_path: Path) -> None:
        run = switched(soak=60.0).planned(gates=[])
        page = report(run, tmp_path)
        for name in ("DB migration script, dry-run", "Event log", "Recovery-point snapshot", "Worker queue delay"):
            assert page.lines[name].result == "not asked for", name
        assert [one for one in page.left if one.startswith("Missing")] == [
            "Missing in this pack, to be had next time: Script to go back by hand"
        ]


class TestWhatIsNotKnown:
    def test_never_passes(self, nothing: Material) -> None:
        page = read(nothing)
        results = {name: line.result for name, line in page.lines.items()}
        assert "pass" not in results.values()
        assert results["Failed test requests"] == "not measured"
        assert page.verdict.startswith("It is not proved that no user met an interruption or an error.")

    def test_a_request_without_a_record_is_no_success(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        del run.requests[100]
        lines = report(run, tmp_path).lines
        assert lines["Failed test requests"].result == "not measured"
        assert lines["Every request accounted for"].value.endswith("1 without a record, 0 records not written")
        assert lines["Every request accounted for"].result == "not measured"

    def test_an_unknown_end_is_no_success(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.requests[100] = {**run.requests[100], "road": "users", "outcome": str(Outcome.UNKNOWN)}
        assert report(run, tmp_path).lines["Failed test requests"].result == "not measured"

    def test_a_gate_that_did_not_answer_does_not_pass(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.answers = [one for one in run.answers if one["gate"] != "queue"]
        line = report(run, tmp_path).lines["Worker queue delay"]
        assert line == ("the gate queue gave no answer that is on record", "", "not measured")

    @pytest.mark.parametrize("outcome", ["Inconclusive", "Error", "Running", "Pending"])
    def test_an_answer_that_is_not_successful_does_not_pass(self, outcome: str, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.answer("dry-run", 50, outcome)
        assert report(run, tmp_path).lines["DB migration script, dry-run"].result == "not measured"

    def test_a_gateway_that_was_not_read_back_is_not_where_it_was_written(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.looks = []
        assert report(run, tmp_path).lines["Traffic moved in stages"].result == "not measured"

    def test_a_gateway_that_was_read_elsewhere_fails(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.looks[-1]["weights"] = {"blue": 50, "green": 50}
        assert report(run, tmp_path).lines["Traffic moved in stages"].result == "fail"

    def test_a_delay_beyond_its_limit_fails_although_the_last_answer_is_good(self, tmp_path: Path) -> None:
        run = switched(soak=60.0)
        run.answer("queue", run.now / 2 + 1, "Failed", value="75 s", limit="<= 60s")
        line = report(run, tmp_path).lines["Worker queue delay"]
        assert line.value.startswith("75 s at most")
        assert line.result == "fail"

    def test_a_p95_beyond_its_limit_fails_and_without_a_limit_nothing_is_said_of_it(self, tmp_path: Path) -> None:
        slow = switched(soak=60.0)
        for one in slow.answers:
            one["limit"] = one["limit"].replace("1.45s", "200ms")
        assert report(slow, tmp_path / "slow").lines["Response time, P95"][1:] == ("<= 200ms", "fail")
        free = switched(soak=60.0)
        for one in free.answers:
            one["limit"] = "errors <= 0"
        assert report(free, tmp_path / "free").lines["Response time, P95"][1:] == ("none set", "–")

    @pytest.mark.parametrize(("slot", "result"), [(Slot.GREEN, "fail"), (Slot.BLUE, "not measured")])
    def test_errors_that_the_gateway_counted_are_the_newcomers_or_nobody_knows_whose(
        self, slot: Slot, result: str, tmp_path: Path
    ) -> None:
        run = switched(soak=60.0)
        run.looks[-1]["counters"][str(slot)]["errors"] = 2
        assert report(run, tmp_path).lines["Failed requests, as the gateway counted them"].result == result


class TestBothLanguages:
    def test_have_the_same_phrases_with_the_same_places(self) -> None:
        assert ENGLISH.phrases.keys() == KOREAN.phrases.keys()
        for key, phrase in ENGLISH.phrases.items():
            assert places(phrase) == places(KOREAN.phrases[key]), key

    def test_have_the_same_rows_with_the_same_results(
        self, good: Material, failed: Material, nothing: Material
    ) -> None:
        results = {"pass": "통과", "fail": "실패", "not measured": "미측정", "–": "–"}
        results |= {"not asked for": "설정 없음", "did not come to that": "해당 단계 전 종료"}
        for material in (good, failed, nothing):
            english, korean = list(read(material).lines.values()), list(read(material, "ko").lines.values())
            assert [results[line.result] for line in english] == [line.result for line in korean]

    def test_every_line_of_the_korean_page_is_korean(self, good: Material, failed: Material, nothing: Material) -> None:
        for material in (good, failed, nothing):
            page = read(material, "ko")
            for name in (*page.lines, *page.facts):
                assert re.search("[가-힣]", name), name

    def test_every_reason_of_a_verdict_is_translated(self, good: Material, failed: Material, nothing: Material) -> None:
        reasons = [*spoiled(good), *verdict(failed).reasons, *verdict(nothing).reasons, *verdict(good).reasons]
        assert len(set(reasons)) >= 12
        for reason in reasons:
            assert re.search("[가-힣]", KOREAN.reason(reason)), reason

    def test_steps_are_told_in_korean_too(self, good: Material, failed: Material) -> None:
        for material in (good, failed):
            for _, step, _ in read(material, "ko").cells("steps"):
                assert re.search("[가-힣]", step), step

    def test_moments_are_those_of_seoul(self, good: Material) -> None:
        assert (
            read(good, "ko").facts["일시"].startswith("2025-09-29 13:30:00 ~ 2025-09-29 14:08:13 KST (소요 38분 14초)")
        )

    def test_which_one_is_shown_needs_no_script(self, good: Material) -> None:
        links = [one.get("href") for one in read(good).root.iter("a")]
        assert links == ["#en", "#ko"]


def places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def spoiled(material: Material) -> tuple[str, ...]:
    """Every reason why nothing is proved, and some why the contrary is."""
    account, users = material.account, material.account.users
    assert users
    held = replace(account.sessions, lost=1, unknown=1)
    lost = {"missing": 3, "dropped": 4, "unwatched": 2.5, "sessions": held}
    broken = replace(account, roads={"users": replace(users, failed=2, unknown=1)}, **lost)
    counted = {slot: {"requests": 9, "errors": 1, "refused": 0} for slot in ("blue", "green")}
    found = replace(material, account=broken, traffic=replace(material.traffic, counted=counted))
    assert verdict(found).zero_downtime is Proof.REFUTED
    return verdict(found).reasons


class TestThePage:
    def test_loads_nothing_and_runs_nothing(self, good: Material, failed: Material, nothing: Material) -> None:
        for material in (good, failed, nothing):
            harmless(read(material).root)

    def test_what_others_have_written_is_text(self, tmp_path: Path) -> None:
        run = switched(Run(old=HOSTILE, new=f"2{HOSTILE}"), approvals=True, soak=60.0)
        for one in (*run.requests[:40], *run.answers):
            one |= {"error": HOSTILE, "step": HOSTILE, "reason": HOSTILE, "value": HOSTILE, "alert": HOSTILE}
        for one in run.requests[:40]:
            one["outcome"] = "failed"
        page = report(run, tmp_path)
        harmless(page.root)
        assert "<script>alert(1)</script>" in page.text

    def test_prints_on_a4_with_the_table_heads_repeated(self, good: Material) -> None:
        style = next(read(good).root.iter("style")).text or ""
        assert "@page { size: A4" in style
        assert "thead { display: table-header-group; }" in style

    def test_the_same_material_gives_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = (report(rolled_back(), tmp_path / name) for name in "ab")
        assert first.text == second.text

    def test_a_gate_without_a_line_of_its_own_has_one_by_its_name(self, good: Material) -> None:
        assert read(good).lines["Gate transactions"] == Line(
            "users: 150 sent = 150 ok transactions: Successful, ok", "errors <= 0, p95 <= 1.45s", "pass"
        )
