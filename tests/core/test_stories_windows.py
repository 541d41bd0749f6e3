"""Windows and freezes: steps forward wait for an open window; measuring and the way back never do."""

from __future__ import annotations

from dataclasses import replace

from core_story import FAILED, acts, happened, later
from core_world import WEB, G, World, at, serving, spec

from reconciler.core.conditions import status
from reconciler.core.events import Began, Froze, Phase, RollbackBegan, Thawed, Verb
from reconciler.core.freezing import length
from reconciler.core.model import Approvals, Outcome, Stage, share
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import Closed
from reconciler.core.steps import Start

DENY = "deny 0 0 24 12 * (year-end closing)"
NEEDED = length(spec(G, green="v2"))


def frozen(begins: float, ends: float | None, **changes: object) -> World:
    """At rest on blue, a commit asks for green, and this is closed."""
    world = serving()
    world.commit(spec(G, green="v2", **changes))
    world.closed = (Closed(begins, ends, DENY, "2026-12-27 00:00 KST"),)
    return world


def test_a_transition_does_not_begin_while_a_window_is_closed() -> None:
    world = frozen(0.0, 500.0)
    wait = world.waits("Frozen")
    assert wait.blocked
    assert wait.until == 500.0
    assert wait.message.startswith(f"closed now: {DENY}; it opens at 2026-12-27 00:00 KST; or:")
    assert not happened(world, Began)


def test_it_begins_by_itself_when_the_window_opens() -> None:
    world = frozen(0.0, 100.0)
    assert world.ended() is Phase.SUCCEEDED
    assert min(edge.now for edge in world.edges if edge.decision.rule == "begin") >= 100.0


def test_a_transition_begins_only_if_all_of_it_still_fits() -> None:
    early = frozen(serving().now + NEEDED - 1.0, 5000.0)
    assert f"{NEEDED:g} s are needed" in early.waits("Frozen").message
    fits = frozen(serving().now + NEEDED + 60.0, 5000.0)
    assert fits.ended() is Phase.SUCCEEDED


def test_a_window_that_closes_over_a_ladder_stops_it_where_it_is() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(at(50))
    world.closed = (Closed(0.0, world.now + 300.0, DENY),)
    world.waits("Frozen")
    assert world.weights == share(G, 50)
    assert world.ended() is Phase.SUCCEEDED
    assert len(happened(world, Froze)) == len(happened(world, Thawed)) == 1


def test_nothing_of_a_target_is_started_in_a_closed_window_and_an_idle_pin_is() -> None:
    world = frozen(0.0, 500.0)
    world.waits("Frozen")
    later(world, 60)
    assert not [act for act in acts(world, Start) if act.slot is G]
    world.commit(spec(green="v2"))
    world.settled()
    assert [act for act in acts(world, Start) if act.slot is G]


def test_a_freeze_does_not_use_up_the_time_of_an_analysis() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(at(50))
    world.closed = (Closed(0.0, world.now + 300.0, DENY),)
    world.waits("Frozen")
    world.verdicts["v2"] = Outcome.RUNNING
    later(world, 320)
    assert happened(world, Thawed)
    assert not world.state.paused


def test_a_gate_that_must_have_data_is_not_blamed_for_a_freeze() -> None:
    world = serving()
    web = replace(WEB, limits=replace(WEB.limits, must_have_data=True))
    world.commit(spec(G, green="v2", gates=(web,)))
    world.until(at(50))
    world.closed = (Closed(0.0, world.now + 300.0, DENY),)
    world.waits("Frozen")
    world.verdicts["v2"] = Outcome.RUNNING
    later(world, 200)
    assert not happened(world, RollbackBegan)


def test_a_failure_in_a_closed_window_goes_back_at_once() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(at(50))
    world.closed = (Closed(0.0, None, DENY),)
    world.waits("Frozen")
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK


def test_the_soak_only_measures_and_ends_in_a_closed_window_too() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(at(100, Phase.SOAKING))
    world.closed = (Closed(0.0, None, DENY),)
    assert world.ended() is Phase.SUCCEEDED


def test_frozen_time_does_not_count_as_progress() -> None:
    world = serving()
    world.commit(spec(G, green="v2", progress_deadline=60.0))
    world.until(at(50))
    world.closed = (Closed(0.0, world.now + 400.0, DENY),)
    assert world.ended() is Phase.SUCCEEDED


def test_an_override_lets_this_desired_state_through_and_no_other() -> None:
    world = frozen(0.0, None)
    world.waits("Frozen")
    world.say(Verb.RESUME, override=True, reason="security fix")
    world.until(at(10))
    world.commit(spec(G, green="v3"))
    world.settled_or_frozen()
    assert world.state.stable
    assert world.state.stable.version == "v1"
    assert world.state.override is None


def test_an_override_does_not_end_a_pause() -> None:
    world = frozen(0.0, None)
    world.waits("Frozen")
    world.say(Verb.PAUSE, reason="for lunch")
    world.say(Verb.RESUME, override=True, reason="security fix")
    assert world.waits("Paused")


def test_what_waits_for_approval_can_be_approved_before_the_window_opens() -> None:
    world = frozen(0.0, 500.0, approvals=Approvals((Stage.PREFLIGHT,)))
    world.waits("WaitingApproval")
    world.vote()
    world.waits("Frozen")
    assert not [act for act in acts(world, Start) if act.slot is G]
    assert world.now < 500.0
    assert world.ended() is Phase.SUCCEEDED


def test_status_says_frozen_and_when_it_ends() -> None:
    world = frozen(0.0, 500.0)
    world.waits("Frozen")
    seen = world.look()
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    assert (found.reason, found.exit_code, found.sync) == ("Frozen", 3, "OutOfSync")
    assert "opens at 2026-12-27 00:00 KST" in found.message


def test_the_preview_shows_what_comes_after_the_freeze() -> None:
    world = frozen(0.0, 5000.0)
    road = preview(world.desired, world.look(), world.state, world.now)
    began = next(planned for planned in road.steps if isinstance(planned.what, Began))
    assert began.after >= 5000.0 - world.now
    assert road.ended
    assert road.ended.phase is Phase.SUCCEEDED


def test_a_window_without_an_end_says_so() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.closed = (Closed(0.0, None, DENY),)
    assert "no end is known" in world.waits("Frozen").message


def test_a_preview_waits_out_a_freeze_however_long_and_then_goes_on() -> None:
    world = frozen(0.0, 20_000.0, approvals=Approvals((Stage.PREFLIGHT,)))
    world.waits("WaitingApproval")
    road = preview(world.desired, world.look(), world.state, world.now)
    assert road.ended
    assert road.ended.phase is Phase.SUCCEEDED


def test_a_freeze_that_nobody_looked_at_for_long_is_no_lack_of_progress() -> None:
    world = serving()
    world.commit(spec(G, green="v2", progress_deadline=60.0))
    world.until(at(50))
    world.closed = (Closed(0.0, None, DENY),)
    world.waits("Frozen")
    decision = decide(world.desired, world.look(), world.state, world.state.watched + 61.0)
    assert decision.rule == "freeze"
