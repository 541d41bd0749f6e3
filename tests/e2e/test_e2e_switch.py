"""The main job: a commit moves the traffic, and what is bad comes back by itself."""

from __future__ import annotations

import pytest
from e2e_laws import assert_lawful, changes
from e2e_manifest import PARKED, PARKED_RUNGS, RUNGS
from e2e_playground import Playground
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Ended, Phase
from reconciler.demo.account import jobs, overlaps

pytestmark = pytest.mark.real


@pytest.mark.parametrize("playground", ["envoy", "haproxy"], indirect=True)
def test_a_commit_switches_the_slot_and_loses_nothing(playground: Playground) -> None:
    playground.serving()
    users = playground.users()
    revision = playground.commit("green", "1.0.0", "1.1.0")
    state = playground.until_stable("green", "1.1.0")
    settled = users.more()
    requests = users.stop()

    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue", "green"}
    assert served_by(requests, after=settled) == {"green"}
    assert state.last is not None
    assert (state.last.phase, state.last.revision) == (Phase.SUCCEEDED, revision)
    done = playground.jobs_done()
    account = jobs(requests, done)
    assert account.asked == account.once, account
    assert overlaps(done) == 0
    assert {job["slot"] for job in done} == {"blue", "green"}
    assert changes(playground.entries()) == [(100, 0), (75, 25), (50, 50), (0, 100)]
    assert_lawful(playground.entries(), RUNGS)
    verified = playground.reconcile("history", "--verify")
    assert (verified.returncode, "chain whole" in verified.stdout) == (0, True), verified
    told = {"sync": "Synced", "health": "Healthy", "phase": "Succeeded"}
    playground.until_status(lambda status: status.items() >= told.items())


def test_another_wish_in_mid_shift_goes_back_first_and_then_anew(playground: Playground) -> None:
    playground.release("1.3.0")
    playground.serving(steps=PARKED)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    playground.commit("green", "1.0.0", "1.3.0", steps=PARKED)
    playground.until(lambda s: s.transition and (s.transition.newcomer.version, s.transition.rung) == ("1.3.0", 50))
    playground.commit("blue", "1.0.0", "1.3.0", steps=PARKED)
    state = playground.until(
        lambda state: state.transition is None and state.last and state.last.newcomer.version == "1.3.0"
    )
    status = playground.until_status(lambda status: status["reason"] == "InSync")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert state.held == ()
    assert [event.phase for event in playground.events(Ended)] == [Phase.SUPERSEDED, Phase.SUPERSEDED]
    assert changes(playground.entries()) == [(100, 0), (50, 50), (100, 0), (50, 50), (100, 0)]
    assert status["weights"] == {"blue": 100, "green": 0}
    assert_lawful(playground.entries(), PARKED_RUNGS)
