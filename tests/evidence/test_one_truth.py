"""Headline, tile, table and the line for the KPI say the same of one transition as `reconcile kpi` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from evidence_pack import Run, killed, rolled_back, switched
from loop_world import spec
from pack_made import Recorded
from report_read import Read, read

from reconciler.core.model import Slot
from reconciler.evidence.documents.report.korean import KOREAN
from reconciler.evidence.kpi import Figures, Kpi
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.verdict import Proof, verdict
from reconciler.evidence.recorder import Nobody

COUNTED = "Failed requests, as the gateway counted them"


def kpi(material: Material) -> Figures:
    """What the command would tell, if the journal held this transition alone."""
    found = Kpi()
    for entry in material.steps.entries:
        found.take(entry)
    ((_, _, figures),) = found.figures(datetime.fromtimestamp(material.whole.end, UTC))
    return figures


def last(page: Read) -> str:
    (line,) = (one for one in page.left if one.startswith("For the KPI"))
    return line


@pytest.mark.parametrize(("story", "proof"), [(switched, Proof.PROVED), (rolled_back, Proof.REFUTED)])
def test_failed_requests_are_the_same_everywhere(story: Callable[[], Run], proof: Proof, tmp_path: Path) -> None:
    material = story().material(tmp_path)
    figures, page = kpi(material), read(material)
    requests, failed = figures.tally.requests
    assert figures.per_million is not None
    assert figures.downtime is not None
    assert verdict(material).zero_downtime is proof
    assert page.tiles["Failed requests"].startswith(f"{failed:,} of {requests:,} ")
    assert page.tiles["Downtime"].startswith("0 s")
    assert f"failed requests {failed:,} of {requests:,} ({figures.per_million:,.1f} per million)" in last(page)
    assert f"downtime {figures.downtime / 60:.2f} min" in last(page)
    assert (page.lines[COUNTED].result, failed > 0) in (("pass", False), ("fail", True))
    assert any(f"counted {failed:,} errors" in reason for reason in verdict(material).reasons) == (failed > 0)


def test_our_own_requests_stand_beside_it_under_their_own_name(tmp_path: Path) -> None:
    material = rolled_back().material(tmp_path)
    users = material.account.users
    assert users
    assert (users.failed, material.served.failed) == (8, 9)
    tile = read(material).tiles["Failed requests"]
    assert tile.startswith("9 of ")
    assert tile.endswith(f"test requests alone: 8 of {users.sent:,}")


def test_where_the_downtime_is_not_known_nothing_is_proved_and_both_languages_say_why(tmp_path: Path) -> None:
    sound = switched().material(tmp_path)
    material = replace(sound, served=replace(sound.served, unclear=2.5))
    found, reason = verdict(material), "for 2.500 s it is not on record whether anybody could serve"
    assert (verdict(sound).zero_downtime, found.zero_downtime) == (Proof.PROVED, Proof.NOT_PROVED)
    assert found.reasons == (reason,)
    assert KOREAN.reason(reason).startswith("2.500초 동안 ")


class TestWhereTheLoopWasKilled:
    @pytest.fixture
    def material(self, tmp_path: Path) -> Material:
        return killed().material(tmp_path)

    def test_what_nobody_counted_is_unknown_and_never_zero(self, material: Material) -> None:
        page = read(material)
        assert kpi(material).unclear + kpi(material).unwatched > 30
        assert page.tiles["Failed requests"].startswith("unknown")
        assert page.tiles["Downtime"].startswith("unknown")
        assert (page.lines[COUNTED].result, page.lines["Downtime"].result) == ("not measured", "not measured")
        assert last(page).startswith("For the KPI: downtime unknown, failed requests unknown")

    def test_it_says_from_when_to_when_nobody_measured(self, material: Material) -> None:
        account, (reason, *_) = material.account, [one for one in verdict(material).reasons if "nobody" in one]
        ((begin, end),) = account.breaks
        assert not account.complete
        assert account.unwatched == pytest.approx(40.3, abs=0.3)
        assert end - begin == pytest.approx(account.unwatched)
        assert reason == f"nobody measured from 04:31:07.771 to 04:31:48.050 UTC, for {end - begin:.3f} s"
        line = read(material).lines["Measured without a break"]
        assert line.result == "not measured"
        assert "nobody measured from 04:31:07.771 UTC to 04:31:48.050 UTC" in line.value

    def test_errors_that_were_seen_before_are_told_as_the_least_that_there_were(self, tmp_path: Path) -> None:
        run = killed()
        run.looks[-1]["counters"]["green"]["errors"] = 3
        material = run.material(tmp_path)
        assert read(material).tiles["Failed requests"].startswith("at least 3 ")
        assert verdict(material).zero_downtime is Proof.REFUTED

    def test_when_it_was_moved_by_hand_is_known_only_to_within_the_gap(self, material: Material) -> None:
        page = read(material)
        between = "by a person with the script, between 04:31:02.050 UTC and 04:31:45.050 UTC"
        assert page.lines["Rollback"].value.startswith(between)
        assert page.lines["Time to safety"].value.startswith("unknown: nobody watched when it was done")
        assert kpi(material).to_safety.count == 0

    def test_in_korean_the_time_is_that_of_seoul(self, material: Material) -> None:
        assert "13:31:07.771부터 13:31:48.050까지(KST)" in read(material, "ko").verdict


def test_a_transition_that_ends_before_the_next_recorder_sees_it_was_not_watched_to_its_end(tmp_path: Path) -> None:
    """By the real recorder: killed in the midst, and the next loop's acts end it unseen."""
    made = Recorded(tmp_path)
    made.begin()
    made.recorder._leave = lambda: None  # type: ignore[method-assign]
    made.stand.head = spec(Slot.GREEN)
    while not (made.stand.keeper.state.transition and made.stand.keeper.state.transition.rung):
        made.step()
    made.recorder.close()
    made.stand.keeper.watcher = Nobody()
    made.stand.clock.seconds += 30
    pack = made.switch()
    finish(pack, made.stand.journal)
    requests = manifest.read(pack)["figures"]["requests"]
    assert not requests["complete"]
    assert requests["unwatched"] > 30
    assert any("nobody measured from" in one for one in verdict(gather(pack)).reasons)
    made.stand.close()


def test_where_nobody_could_serve_it_was_no_switch_without_downtime(tmp_path: Path) -> None:
    run = switched(soak=60.0)
    run.outage = 2.0
    material = run.material(tmp_path)
    assert verdict(material).zero_downtime is Proof.REFUTED
    assert read(material).tiles["Downtime"].startswith("2 s")
    assert kpi(material).downtime == 2.0
