"""Preview: the whole road in advance, from the same rules, on a world that is only simulated."""

from __future__ import annotations

import pytest
from core_world import API, WORKER, G, World, at, serving, spec, switching

from reconciler.core.diff import differences
from reconciler.core.events import Ended, HoldBegan, Phase, RollbackBegan, Verb
from reconciler.core.model import (
    Analysis,
    GateSpec,
    HandOver,
    Member,
    Mode,
    OnFailure,
    Outcome,
    Pause,
    SetWeight,
    Stage,
    Traffic,
)
from reconciler.core.preview import Preview, preview, rollback_seconds
from reconciler.core.simulate import WhatIf
from reconciler.core.steps import Route


def seen(world: World, what_if: WhatIf | None = None) -> Preview:
    return preview(world.desired, world.look(), world.state, world.now, what_if)


def rungs(found: Preview) -> list[int]:
    return [step.what.after.weights[G] for step in found.steps if isinstance(step.what, Route)]


def test_it_says_every_rung_when_it_comes_and_how_long_the_whole_takes() -> None:
    found = seen(switching())
    assert rungs(found)[:3] == [10, 50, 100]
    times = [step.after for step in found.steps if isinstance(step.what, Route)]
    assert times[:3] == [0.0, 5.0, 5.0]
    assert found.ended == Ended(Phase.SUCCEEDED, "web Successful")
    assert found.seconds == 25.0
    assert found.end.reason == "InSync"


def test_it_names_the_gates_that_each_step_rests_on() -> None:
    found = seen(switching())
    by_rung = {step.weight: step.gates for step in found.steps if isinstance(step.what, Route)}
    assert by_rung[10] == ()
    assert by_rung[50] == ("web",)


def test_it_writes_nothing() -> None:
    world = switching()
    before = (world.state, world.observed, list(world.events))
    seen(world)
    assert (world.state, world.observed, world.events) == before


def test_at_rest_there_is_nothing_to_do() -> None:
    found = seen(serving())
    assert found.steps == ()
    assert found.end.reason == "InSync"
    assert found.seconds is None


@pytest.mark.parametrize("rung", [10, 50, 100])
def test_what_if_a_rung_fails_shows_the_way_back_from_there(rung: int) -> None:
    found = seen(switching(), WhatIf(rung, Outcome.FAILED))
    assert max(rungs(found)) == rung
    assert rungs(found)[-1] == 0
    began = next(step.what for step in found.steps if isinstance(step.what, RollbackBegan))
    assert f"supposed to be Failed at {rung} %" in began.reason
    assert found.ended
    assert found.ended.phase is Phase.ROLLED_BACK
    assert found.end.reason == "RevisionHeld"


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.PENDING, Outcome.RUNNING])
def test_what_if_there_is_no_evidence_shows_a_pause_and_no_rollback(outcome: Outcome) -> None:
    found = seen(switching(), WhatIf(50, outcome))
    assert found.ended is None
    assert max(rungs(found)) == 50
    assert found.end.blocked


def test_what_if_under_hold_shows_that_the_share_stays_until_its_timeout() -> None:
    found = seen(switching(on_failure=OnFailure.HOLD), WhatIf(50, Outcome.FAILED))
    held = next(step for step in found.steps if isinstance(step.what, HoldBegan))
    assert found.seconds == held.after + 200.0


def test_it_stops_where_a_person_is_needed_and_names_the_command() -> None:
    found = seen(switching(steps=(SetWeight(10), Pause(None), SetWeight(100), HandOver(("worker",)))))
    assert found.end.reason == "PromotionAwaited"
    assert "reconcile promote demo" in found.end.message
    assert found.seconds is None


def test_from_mid_transition_it_shows_only_what_is_left() -> None:
    world = switching().until(at(50))
    assert rungs(seen(world))[0] == 100


def test_a_held_version_shows_no_step() -> None:
    world = switching()
    world.verdicts["v2"] = Outcome.FAILED
    world.ended()
    world.waits("RevisionHeld")
    assert seen(world).steps == ()
    assert seen(world).end.reason == "RevisionHeld"


def test_a_late_rollback_is_previewed_too() -> None:
    world = switching()
    world.ended()
    world.settled()
    world.say(Verb.ROLLBACK)
    assert [step.rule for step in seen(world).steps][:2] == ["late-rollback", "go-back"]


def test_from_nothing_it_shows_the_bootstrap() -> None:
    found = seen(World())
    assert [step.rule for step in found.steps][-1] == "arrive"
    assert found.end.reason == "InSync"


@pytest.mark.parametrize("members", [(API,), (API, WORKER, Member("frontend", Traffic.WEIGHTED))])
def test_a_commit_with_other_members_than_were_looked_at_is_no_error(members: tuple[Member, ...]) -> None:
    world = serving()
    asked = spec(G, green="v2", members=members)
    world.commit(asked)
    assert seen(world).steps
    assert differences(asked, world.look(), world.state)


def test_how_long_a_rollback_takes_is_told_before_anything_begins() -> None:
    world = switching()
    took = rollback_seconds(world.desired, world.look(), world.state, world.now)
    assert took == 0.0
    assert rollback_seconds(serving().desired, serving().look(), serving().state, 0.0) is None


def test_an_analysis_is_counted_by_its_evidence_and_not_by_its_longest() -> None:
    found = seen(switching(steps=(SetWeight(10), Analysis(60.0), SetWeight(100)), soak=0.0))
    assert found.seconds == 0.0


def test_an_analysis_that_waits_for_confidence_is_previewed_as_it_will_go() -> None:
    learning = (SetWeight(10), Analysis(60.0, confident=True), SetWeight(100))
    found = seen(switching(steps=learning, soak=0.0))
    assert rungs(found)[-1] == 100
    assert found.ended
    assert found.ended.phase is Phase.SUCCEEDED


def test_what_if_a_gate_fails_before_anybody_moves() -> None:
    alive = GateSpec("alive", "http", Stage.PREFLIGHT, Mode.ENFORCE)
    world = switching(gates=(alive,))
    found = preview(world.desired, world.look(), world.state, world.now, WhatIf(0, Outcome.FAILED))
    assert found.ended
    assert found.ended.phase is Phase.ROLLED_BACK
    assert max(rungs(found), default=0) == 0
