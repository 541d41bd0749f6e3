"""Every law that the core alone can show: it holds on the shipped rules, and a deliberate defect breaks it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import core_world
import pytest
from core_laws import broken, law_01, law_10, law_11, law_12, law_15, law_17, law_19
from core_walk import Walk, resting_on_stable
from core_world import ON_BLUE, READY, UNREADY, B, Edge, G, World, at, serving, spec, switching

from reconciler.core import (
    approving,
    arriving,
    back,
    diff,
    forward,
    freezing,
    handing,
    members,
    preview,
    rest,
    restoring,
    voting,
)
from reconciler.core.events import Ended, Intended, Phase, Verb
from reconciler.core.gates import Verdict
from reconciler.core.migrating import migrate
from reconciler.core.model import Approvals, Outcome, Pair, Release, Routing, SetWeight, Stage, share
from reconciler.core.plan import RULES, Rule, close_intent, decide, intended, suspended
from reconciler.core.reading import Closed, Counters, Observed
from reconciler.core.restoring import await_restore
from reconciler.core.saving import take_snapshot
from reconciler.core.simulate import perform
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.steps import Act, CloseGateway, Route, Start, Stop

WALKS, FIRST, MUTANT_WALKS = 400 if os.environ.get("LAWS") == "all" else 200, 40, 600
Patch = pytest.MonkeyPatch
Law = Callable[[Edge], str]


def without(*dropped: Rule) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule not in dropped)


def instead(old: Rule, new: Rule) -> tuple[Rule, ...]:
    return tuple(new if rule is old else rule for rule in RULES)


def walked(law: str, rules: tuple[Rule, ...] = RULES) -> bool:
    """Some walk on these rules, or on what is spoilt, breaks this law."""
    return any(breaks(Walk(seed, rules).run(), law) for seed in range(MUTANT_WALKS))


def breaks(walk: Walk, law: str) -> bool:
    return any(said.startswith(f"law {law}:") for said in walk.breaches)


@cache
def sound(seed: int) -> Walk:
    """On what ships; asked for before anything is spoilt."""
    return Walk(seed).run()


def kept(law: str) -> bool:
    """By the first walks on what ships."""
    return not any(breaks(sound(seed), law) for seed in range(FIRST))


def spoil(monkeypatch: Patch, name: str, new: object, *modules: object) -> None:
    for module in modules:
        monkeypatch.setattr(module, name, new)


def test_every_walk_keeps_every_law_and_comes_to_rest(tell: Callable[[str], None]) -> None:
    walks = [Walk(seed).run() for seed in range(WALKS)]
    bound, faults = max(walk.steps_to_rest for walk in walks), sum((walk.faults for walk in walks), Counter[str]())
    for walk in walks:
        walk.obey()
    decisions = sum(len(walk.world.edges) for walk in walks)
    tell(f"walked {WALKS} histories, {decisions:,} decisions, at rest within K={bound} steps; {dict(faults)}")
    assert [b for walk in walks for b in walk.breaches] == []
    assert all(resting_on_stable(walk) for walk in walks)
    assert len(faults) == len(Walk(0).kinds)
    assert min(faults.values()) > 20
    assert bound < 60


def test_law_01_capacity(monkeypatch: Patch) -> None:
    def stable_limps(world: World) -> None:
        world.slow.add("v1")
        world.put(B, UNREADY, "v1", "api")
        world.say(Verb.ABORT)

    assert kept("1")
    assert not story(law_01, stable_limps)
    spoil(monkeypatch, "blind", lambda *_: None, back)
    assert story(law_01, stable_limps)


def test_law_02_ladder(monkeypatch: Patch) -> None:
    assert kept("2")
    rung = forward._rung
    spoil(
        monkeypatch,
        "_rung",
        lambda s, t, w, *, advance=False: rung(s, t, 100 if advance else w, advance=advance),
        forward,
    )
    assert walked("2")


def test_law_02_ladder_across_gateway_restarts(monkeypatch: Patch) -> None:
    """A gateway that comes back with more than our rung is not believed."""
    spoil(
        monkeypatch, "_kept", lambda s, _: s.gateway.weights[G] if s.transition and s.gateway.weights else 0, arriving
    )
    world = switching().until(at(10))
    world.set_gateway(up=False, weights=share(G, 80))
    assert world.tick().rule == "reopen-gateway"
    assert any("law 2" in said for said in broken(world.edges[-1]))


def test_law_03_evidence(monkeypatch: Patch) -> None:
    assert kept("3")
    spoil(monkeypatch, "verdict", lambda *_: Verdict(Outcome.SUCCESSFUL), forward)
    assert walked("3")


def test_law_03_a_verdict_about_another_window_is_none(monkeypatch: Patch) -> None:
    world = switching(steps=(SetWeight(10), SetWeight(100))).until(at(10))
    stale = world.look().gates
    monkeypatch.setattr(World, "_gates", lambda _: tuple(replace(g, window=replace(g.window, rung=0)) for g in stale))
    world.waits("GatePending")
    assert world.weights == share(G, 10)


def test_law_04_latch() -> None:
    assert kept("4")

    def forgetful(s: Situation) -> Answer | None:
        return rest.begin(replace(s, state=replace(s.state, held=())))

    assert walked("4", instead(rest.begin, forgetful))


def test_law_08_one_intent() -> None:
    assert kept("8")
    assert walked("8", without(close_intent))


ACTS: tuple[Act, ...] = (
    Start(G, "v2", ("api",)), Start(G, "v2", ("worker",), owner=True), Stop(B, ("worker",), owner=True), CloseGateway(),
    Route(ON_BLUE, Routing(share(G, 10), fallback=B)), Route(None, Routing(ON_BLUE)),
)  # fmt: skip


def once(doing: Callable[[Observed, Act], Observed]) -> bool:
    """For every act: done twice is done once."""
    world = serving()
    return all(doing(doing(world.observed, act), act) == doing(world.observed, act) for act in ACTS)


def test_law_09_twice_equals_once() -> None:
    world = serving()

    def relative(observed: Observed, act: Act) -> Observed:
        """A gateway that is told by how much, and not how much."""
        after = perform(observed, spec(), world.state, act)
        more = observed.gateway and observed.gateway.weights and observed.gateway.weights.green + 10
        if not isinstance(act, Route) or after.gateway is None or more is None:
            return after
        return replace(after, gateway=replace(after.gateway, weights=share(G, more)))

    assert once(lambda observed, act: perform(observed, spec(), world.state, act))
    assert not once(relative)


def test_law_10_way_back(monkeypatch: Patch) -> None:
    def redeployed() -> list[str]:
        """The old slot gets another version while the last of its users is still being answered."""
        world = switching()
        world.ended()
        world.settled()
        world.commit(spec(G, blue="v7", green="v2"))
        world.set_gateway(counters=Pair(Counters(in_flight=1), Counters()))
        world.until(lambda w: w.observed.members[B][0].version == "v7")
        return [said for edge in world.edges if (said := law_10(edge))]

    assert kept("10")
    assert not redeployed()
    spoil(monkeypatch, "vacate", lambda *_: None, members, rest)
    assert redeployed()


def story(law: Law, trouble: Callable[[World], object], rules: tuple[Rule, ...] = RULES, ticks: int = 40) -> list[str]:
    """What this law says of a switch that stands at 10 % when the trouble comes."""
    world = switching().until(at(10))
    world.rules = rules
    trouble(world)
    for _ in range(ticks):
        world.tick()
    return [said for edge in world.edges if (said := law(edge))]


def test_law_11_rollback_priority(monkeypatch: Patch) -> None:
    def newcomer_limps(world: World) -> None:
        world.slow.add("v2")
        world.put(G, UNREADY, "v2", "api")

    assert kept("11")
    assert not story(law_11, newcomer_limps)
    spoil(monkeypatch, "_unfit", lambda *_: None, forward)
    assert story(law_11, newcomer_limps, without(forward.turn_back, forward.bring_up))


def test_law_12_no_blind_rollback(monkeypatch: Patch) -> None:
    def stable_cannot_be_read(world: World) -> None:
        world.unreadable.add(B)
        world.verdicts["v2"] = Outcome.FAILED

    assert kept("12")
    assert not story(law_12, stable_cannot_be_read)
    spoil(monkeypatch, "_by_counters", lambda *_: None, back)
    assert story(law_12, stable_cannot_be_read)


def test_law_13_bounded_direction_changes(monkeypatch: Patch) -> None:
    assert max(sound(seed).directions for seed in range(FIRST)) == 1
    spoil(monkeypatch, "forward", lambda s: s.transition, forward)
    assert any(Walk(seed).run().directions > 1 for seed in range(MUTANT_WALKS))


def test_law_14_revisions_go_forward(monkeypatch: Patch) -> None:
    assert kept("14")
    spoil(monkeypatch, "_unacceptable", lambda *_: None, diff)
    assert walked("14")


def test_law_15_unusable_desired_state_moves_nothing() -> None:
    def eager(s: Situation) -> Answer | None:
        return rest.begin(replace(s, refused=None))

    def then_unusable(rules: tuple[Rule, ...]) -> list[str]:
        world = switching()
        world.rules = rules
        assert world.tick().rule == "accept-desired"
        world.commit(None)
        world.tick()
        return [said for edge in world.edges if (said := law_15(edge))]

    assert kept("15")
    assert not then_unusable(RULES)
    assert then_unusable(instead(rest.begin, eager))


def planned(world: World) -> list[object]:
    """The acts that preview says, in order."""
    seen = preview.preview(world.desired, world.look(), world.state, world.now)
    return [step.what for step in seen.steps if isinstance(step.what, Act)]


def done(world: World) -> list[object]:
    """The acts that are then done, until the transition has ended and all is at rest."""
    acts = len(world.events)
    world.ended()
    world.settled()
    world.now += 150
    world.settled()
    return [event.act for event in world.events[acts:] if isinstance(event, Intended)]


def test_law_16_preview_equals_what_is_done(monkeypatch: Patch) -> None:
    world = switching()
    plan, before = planned(world), (world.state, world.observed, list(world.events))
    assert (world.state, world.observed, world.events) == before
    assert plan == done(world)
    assert len(plan) > 8
    spoil(monkeypatch, "decide", lambda d, o, s, n: decide(d, o, s, n, without(rest.withdraw_fallback)), preview)
    assert planned(switching()) != done(switching())


def test_law_17_nothing_rises_on_another_version(monkeypatch: Patch) -> None:
    def rise_on_a_liar() -> list[str]:
        world = switching().until(at(10))
        world.put(G, READY, "v9", "api")
        for _ in range(30):
            world.tick()
        return [said for edge in world.edges if (said := law_17(edge))]

    assert not rise_on_a_liar()
    spoil(monkeypatch, "misfits", lambda *_: [], Situation)
    spoil(monkeypatch, "runs", lambda s, r: all(m.status is READY for m in s.readings(r.slot).values()), Situation)
    assert rise_on_a_liar()


def soaked(rules: tuple[Rule, ...] = RULES) -> bool:
    """Whether a soak ends while no watched time passes, however often it is looked at."""
    world = switching()
    world.rules = rules
    world.until(at(100, Phase.SOAKING))
    world.pace = 0.0
    for _ in range(500):
        world.tick()
    return any(isinstance(event, Ended) for event in world.events)


def test_law_18_only_watched_time_ends_a_soak() -> None:
    def by_counting(s: Situation) -> Answer | None:
        """A soak that counts looks instead of seconds."""
        t = forward.forward(s)
        over = t is not None and t.phase is Phase.SOAKING and s.state.seq > 60
        return Record(Ended(Phase.SUCCEEDED)) if over else forward.soak(s)

    assert not soaked()
    assert soaked(instead(forward.soak, by_counting))


def test_law_18_the_same_watched_time_gives_the_same_decisions() -> None:
    """Nothing but `now` tells the time: two histories with the same readings are the same."""
    one, other = Walk(11).run(), Walk(11).run()
    assert [edge.decision for edge in one.world.edges] == [edge.decision for edge in other.world.edges]


def test_law_19_suspended_is_untouched() -> None:
    assert kept("19")
    assert walked("19", without(suspended))


def test_law_19_paused_makes_no_step_forward() -> None:
    assert not story(law_19, lambda world: world.say(Verb.PAUSE))
    assert story(law_19, lambda world: world.say(Verb.PAUSE), without(forward.stand_still))


def test_law_20_every_change_of_weight_is_on_record(monkeypatch: Patch) -> None:
    assert all((w := sound(seed)).unrecorded == 0 and w.unclosed == 0 for seed in range(FIRST))
    world = switching()
    world.ended()
    routes = [e for e in world.events if isinstance(e, Intended) and isinstance(e.act, Route)]
    chain = [(e.act.before, e.act.after.weights) for e in routes if isinstance(e.act, Route)]
    assert all(earlier[1] == later[0] for earlier, later in pairwise(chain))
    spoil(monkeypatch, "intended", lambda d, _: replace(intended(d, world.desired), revision=""), core_world)
    assert Walk(3).run().unrecorded > 0


def test_the_data_is_migrated_before_anything_starts_on_it() -> None:
    """Without the rule newcomers start on data that were not made for them."""
    assert walked("migration", without(migrate))


def test_the_data_are_saved_before_anything_is_at_them() -> None:
    """Without the rule newcomers start on data that were not saved."""
    assert walked("recovery point", without(take_snapshot))


def test_nothing_is_led_onto_data_that_are_half_put_back(monkeypatch: Patch) -> None:
    """Without the rule newcomers gain users; without what keeps others from it, things start."""
    assert kept("restore")
    assert walked("restore", without(await_restore))
    spoil(monkeypatch, "forbids", lambda _s, _answer: False, restoring)
    assert walked("restore")


def test_law_21_one_owner(monkeypatch: Patch) -> None:
    assert kept("21")

    def hasty(s: Situation, name: str, owner: Release) -> Do | Wait | None:
        """Start the new owner first, and then stop the old one."""
        if s.status(owner.slot, name) is core_world.STOPPED:
            return Do(Start(owner.slot, owner.version, (name,), owner=True))
        return Do(Stop(owner.slot.other, (name,), owner=True))

    spoil(monkeypatch, "take_over", hasty, handing)
    assert walked("21")


@pytest.mark.parametrize("rule", [back.go_back, arriving.start_stable, arriving.reopen_gateway, rest.drift_at_rest])
def test_liveness_without_a_rule_some_history_never_comes_to_rest(rule: Rule) -> None:
    walks = (Walk(seed, without(rule)).run().obey() for seed in range(MUTANT_WALKS))
    assert any(said.startswith("liveness") for walk in walks for said in walk.breaches)


def test_the_judge_knows_every_law_by_its_number() -> None:
    """An edge that does everything wrong at once is told so, law by law."""
    world = switching().until(at(10))
    leap = Do(Route(share(G, 10), Routing(Pair(0, 90))))
    edge = world.edges[-1]
    wrong = replace(edge, observed=world.look(), state=world.state, decision=replace(edge.decision, answer=leap))
    wrong = replace(wrong, observed=replace(wrong.observed, gates=()))
    said = " ".join(broken(wrong))
    assert all(f"law {number}:" in said for number in (1, 2, 3))


def test_no_stage_begins_that_nobody_has_approved(monkeypatch: Patch) -> None:
    assert kept("approval")
    spoil(monkeypatch, "_wanted", lambda *_: False, approving)
    assert walked("approval")


def test_an_approval_that_is_not_signed_where_names_count_is_none(monkeypatch: Patch) -> None:
    monkeypatch.setattr(voting, "objection", lambda *_: "")
    world = switching(approvals=Approvals((Stage.SHIFT,), approvers=("ann",)))
    world.waits("WaitingApproval")
    world.vote("ann", verified=False)
    world.until(lambda w: w.tick().rule == "climb")
    assert any("nobody gave" in said for edge in world.edges for said in broken(edge))


def test_a_quorum_is_not_reached_by_one(monkeypatch: Patch) -> None:
    spoil(monkeypatch, "voters", lambda *_: ("ann", "bob"), approving)
    assert walked("approval")


def test_nothing_of_a_target_is_started_before_it_may(monkeypatch: Patch) -> None:
    def stable_limps(**changes: object) -> World:
        world = switching(approvals=Approvals((Stage.PREFLIGHT,)), **changes)
        world.put(B, UNREADY, "v1", "api")
        world.slow.add("v1")
        return world.until(lambda w: w.now > 20)

    def said(world: World) -> str:
        return " ".join(said for edge in world.edges for said in broken(edge))

    assert not said(stable_limps())
    spoil(monkeypatch, "_unstarted", lambda *_: False, rest)
    assert "nobody was asked" in said(stable_limps())
    world = serving()
    world.closed = (Closed(0.0, None, "deny"),)
    world.commit(spec(G, green="v2"))
    assert "started in a closed window" in said(world.until(lambda w: w.now > 20))


def test_no_stage_begins_on_an_approval_that_is_gone(monkeypatch: Patch) -> None:
    def withdrawn() -> list[str]:
        world = switching(approvals=Approvals((Stage.SHIFT,)))
        world.waits("WaitingApproval")
        world.vote("ann")
        world.until(lambda w: bool(w.state.transition and w.state.transition.admitted))
        world.votes.clear()
        for _ in range(10):
            world.tick()
        return [said for edge in world.edges for said in broken(edge)]

    assert not withdrawn()
    spoil(monkeypatch, "_meant", lambda *_: None, approving)
    assert any("does not mean it any more" in said for said in withdrawn())


def test_nothing_goes_forward_in_a_closed_window(monkeypatch: Patch) -> None:
    assert kept("windows")
    spoil(monkeypatch, "closed", lambda *_: None, freezing)
    assert walked("windows")
