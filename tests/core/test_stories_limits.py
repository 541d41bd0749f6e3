"""What a gate may be forgiven, what it may not, and when a person is asked. Each name is a promise."""

from __future__ import annotations

from core_story import FAILED, INCONCLUSIVE, happened
from core_world import WEB, G, World, at, serving, spec, switching

from reconciler.core.events import PausedByRule, Phase, RollbackBegan, StepPassed, Verb
from reconciler.core.model import Analysis, Limits, Mode, OnFailure, Outcome, SetWeight, share

ERROR = Outcome.ERROR
LEARNING = (SetWeight(10), Analysis(60.0, confident=True), SetWeight(100))


def limited(steps: object = None, **limits: object) -> World:
    """At 10 %, on the way to green, with one gate that has these limits."""
    gate = WEB.__class__(WEB.name, WEB.kind, WEB.stage, Mode.ENFORCE, limits=Limits(**limits))  # type: ignore[arg-type]
    world = serving()
    world.commit(spec(G, green="v2", gates=(gate,), **({"steps": steps} if steps else {})))
    return world.until(at(10))


def says(world: World, outcome: Outcome, **telling: object) -> World:
    world.verdicts["v2"], world.telling = outcome, telling
    return world


def test_a_failure_within_the_limit_goes_neither_on_nor_back() -> None:
    world = says(limited(failures=2), FAILED, failures=2)
    for _ in range(20):
        world.tick()
    assert world.weights == share(G, 10)
    assert not happened(world, RollbackBegan)
    assert says(world, Outcome.SUCCESSFUL).ended() is Phase.SUCCEEDED


def test_one_failure_more_than_the_limit_goes_back() -> None:
    world = says(limited(failures=2), FAILED, failures=3)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.state.is_held("v2")


def test_a_gate_that_is_not_critical_stops_the_newcomer_and_asks() -> None:
    world = says(limited(critical=False), FAILED, failures=1)
    assert "not critical" in world.waits("Paused").message
    assert world.weights == share(G, 10)
    says(world, Outcome.SUCCESSFUL).say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_errors_in_a_row_beyond_the_limit_ask_a_person_and_never_go_back_by_themselves() -> None:
    world = says(limited(errors=3), ERROR, errors=3)
    assert world.waits("GateError")
    says(world, ERROR, errors=4)
    assert "4 times in a row, 3 tolerated" in world.waits("Paused").message
    assert not happened(world, RollbackBegan)


def test_without_a_limit_errors_wait_for_their_step() -> None:
    world = says(limited(), ERROR, errors=900)
    assert world.waits("GateError")
    assert not happened(world, PausedByRule)


def test_too_little_data_too_often_asks_a_person() -> None:
    world = says(limited(inconclusives=5), INCONCLUSIVE, inconclusives=6)
    assert "6 times, 5 tolerated" in world.waits("Paused").message


def test_a_gate_that_must_have_data_and_has_none_too_often_goes_back() -> None:
    world = says(limited(inconclusives=5, must_have_data=True), INCONCLUSIVE, inconclusives=6)
    assert world.ended() is Phase.ROLLED_BACK


def test_a_gate_that_must_have_data_goes_back_when_an_analysis_ends_without() -> None:
    world = says(limited(LEARNING, must_have_data=True), INCONCLUSIVE)
    assert world.ended() is Phase.ROLLED_BACK
    (back,) = happened(world, RollbackBegan)
    assert back.condition == "NoData"
    assert "it must have data" in back.reason


def test_without_that_wish_an_analysis_without_data_only_pauses() -> None:
    world = says(limited(LEARNING), INCONCLUSIVE)
    assert world.waits("Paused")
    assert world.weights == share(G, 10)


def test_an_analysis_until_confident_waits_for_the_evidence_and_not_for_the_time() -> None:
    world = says(limited(LEARNING), Outcome.SUCCESSFUL, confident=False)
    assert "not confident yet" in world.waits("GateInconclusive").message
    before = world.now
    says(world, Outcome.SUCCESSFUL, confident=True).until(at(100))
    assert world.now == before
    assert world.ended() is Phase.SUCCEEDED


def test_a_gate_that_cannot_tell_confidence_gives_none() -> None:
    world = says(limited(LEARNING), Outcome.SUCCESSFUL)
    world.waits("Paused")
    assert not happened(world, StepPassed)


def test_a_person_who_resumes_opens_a_new_window() -> None:
    world = says(limited(errors=0), ERROR, errors=1)
    world.waits("Paused")
    before = world.state.transition
    says(world, Outcome.SUCCESSFUL).say(Verb.RESUME)
    assert before
    assert world.state.transition
    assert world.state.transition.opened > before.opened


def test_on_failure_hold_also_holds_for_missing_data() -> None:
    world = serving()
    gate = WEB.__class__(WEB.name, WEB.kind, WEB.stage, Mode.ENFORCE, limits=Limits(must_have_data=True))
    world.commit(spec(G, green="v2", gates=(gate,), steps=LEARNING, on_failure=OnFailure.HOLD))
    says(world.until(at(10)), INCONCLUSIVE)
    assert world.waits("Holding")


def test_a_switch_without_limits_is_as_it_was() -> None:
    assert switching().ended() is Phase.SUCCEEDED


def test_what_a_gate_wants_looked_at_alerts_in_the_soak_and_decides_nothing() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    assert not world.waits("Soaking").alert
    world.telling = {"alert": "it fails more often than was known"}
    wait = world.waits("Soaking")
    assert wait.alert
    assert "web: it fails more often than was known" in wait.message
    assert world.ended() is Phase.SUCCEEDED
