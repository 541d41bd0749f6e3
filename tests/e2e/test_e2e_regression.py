"""What no fixed limit finds is found beside stable, by what the gateway counts; what is healthy climbs as soon as the
evidence allows."""

from __future__ import annotations

import pytest
from e2e_laws import assert_lawful
from e2e_playground import ALL, Playground
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Phase, RollbackBegan, StepPassed

pytestmark = pytest.mark.real

CONFIDENT = "analysis: {until: confident, atMost: 200s}"
PATIENCE = 200.0  # seconds: fewer users come to a machine that is busy, and evidence is counted in users
STEPS = ("setWeight: 25", CONFIDENT, "setWeight: 50", CONFIDENT, "setWeight: 100", "handOver: [worker]")
RUNGS = {0, 25, 50, 100}
MANY = 90.0  # requests per second: evidence is counted in them
BESIDE = """\
    shift:
      - {name: users, kind: regression, objective: "<= 1 %"}
"""


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_version_that_fails_seldom_comes_back_and_the_evidence_is_named(playground: Playground) -> None:
    playground.release("1.4.0", search_errors=0.08)
    playground.serving(steps=STEPS, gates=BESIDE)
    users = playground.users(rate=MANY)
    playground.commit("green", "1.0.0", "1.4.0", steps=STEPS, gates=BESIDE)
    state = playground.until(lambda state: state.last is not None, patience=PATIENCE)
    requests = users.stop()
    assert state.last
    assert (state.last.phase, state.last.newcomer.version) == (Phase.ROLLED_BACK, "1.4.0")
    assert state.is_held("1.4.0")
    (back,) = playground.events(RollbackBegan)
    assert back.condition == "AnalysisFailed"
    assert "a healthy green would look this bad less than once in 1,000 rollouts" in back.reason
    failed = [request for request in requests if request.outcome == "failed"]
    assert {request.version for request in failed} == {"1.4.0"}
    assert_lawful(playground.entries(), RUNGS)


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_healthy_version_climbs_as_soon_as_the_evidence_allows(playground: Playground) -> None:
    playground.serving(steps=STEPS, gates=BESIDE)
    users = playground.users(rate=MANY)
    playground.commit("green", "1.0.0", "1.1.0", steps=STEPS, gates=BESIDE)
    playground.until_stable("green", "1.1.0", patience=PATIENCE)
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue", "green"}
    passed = [event.evidence for event in playground.events(StepPassed) if event.evidence]
    assert any("users Successful" in evidence for evidence in passed), passed
    assert_lawful(playground.entries(), RUNGS)
