"""The reconciler ends in every way a process can; the data plane does not notice, and the next one goes on."""

from __future__ import annotations

import signal

import pytest
from e2e_account import assert_jobs_done_once, end_state
from e2e_laws import assert_lawful
from e2e_manifest import PARKED, PARKED_RUNGS, RUNGS, STEPS
from e2e_playground import ALL, PATIENCE, Playground
from e2e_users import assert_nothing_lost

from reconciler.core.events import Accepted, GenerationTaken, Intended, Phase

pytestmark = pytest.mark.real


DIRECT = ("setWeight: 100", "handOver: [worker]")
# Kills among the weights on Envoy are the matrix's in every test run (test_e2e_matrix), and here with all the others.
# The acts of a transition, counted: of STEPS three weight changes first; of DIRECT one, the worker's stop, its start.
TRAFFIC = (STEPS, RUNGS, [("intent-written", 1), ("effect-done", 2), ("effect-read-back", 3)])
WORKER = (DIRECT, {0, 100}, [("outcome-written", 1), ("effect-done", 2), ("intent-written", 3)])


@pytest.mark.parametrize(
    ("playground", "steps", "rungs", "points"),
    [("haproxy", *WORKER), *([("envoy", *TRAFFIC), ("envoy", *WORKER), ("haproxy", *TRAFFIC)] if ALL else [])],
    indirect=["playground"],
)
def test_a_killed_reconciler_is_continued_as_if_nothing_had_happened(
    playground: Playground, steps: tuple[str, ...], rungs: set[int], points: list[tuple[str, int]]
) -> None:
    playground.serving(steps=steps)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=steps)
    playground.until_stable("green", "1.1.0")
    undisturbed = end_state(playground)
    slot, version = "green", "1.1.0"
    for point, count in points:
        slot, version = ("blue", "1.0.0") if slot == "green" else ("green", "1.1.0")
        playground.stop_run()
        playground.commit(slot, "1.0.0", "1.1.0", steps=steps)
        struck = playground.run_until_struck(point, count)
        assert struck.wait(PATIENCE) == -signal.SIGKILL, (point, count, playground.log)
        playground.run()
        playground.until_stable(slot, version)
        assert end_state(playground) == undisturbed, (point, count)
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), rungs)


@pytest.mark.started
def test_ctrl_c_in_mid_shift_leaves_the_data_plane_alone_and_the_next_run_goes_on(playground: Playground) -> None:
    playground.serving(steps=PARKED)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    before = playground.data_plane()
    assert playground.stop_run(signal.SIGINT) in (0, 130)
    assert playground.data_plane() == before
    alone = playground.status()
    assert (alone["attended"], alone["next"]) == (False, "reconcile run")
    assert "no loop works on this journal" in playground.reconcile("pause", "demo").stderr
    playground.ask("resume")
    playground.run()
    playground.until_status(lambda status: status["attended"])
    refused = playground.reconcile("adopt", "demo", "--stable", "green")
    assert (refused.returncode, "without a gate" in refused.stderr) == (64, True), refused.stderr
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)


def test_a_restart_at_rest_adopts_what_runs_and_touches_nothing(playground: Playground) -> None:
    playground.serving()
    before, seq = playground.data_plane(), playground.state().seq
    playground.stop_run(signal.SIGKILL)
    playground.run()
    playground.until_event(lambda event: isinstance(event, GenerationTaken), after=seq)
    playground.commit("blue", "1.0.0", "1.1.0", soak="2s")  # a sign of life that is no act
    playground.until_event(lambda event: isinstance(event, Accepted), after=seq)
    playground.until_status(lambda status: status["reason"] == "InSync")
    assert playground.data_plane() == before
    assert playground.events(Intended, after=seq) == []


def test_after_a_reboot_in_mid_shift_stable_serves_and_the_switch_is_tried_again(playground: Playground) -> None:
    playground.serving(steps=PARKED)
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    playground.stop_run(signal.SIGKILL)
    for identity in playground.data_plane().values():
        playground.kill(identity)
    playground.run()
    state = playground.until(lambda state: state.last is not None)
    assert state.last.phase is Phase.ROLLED_BACK
    assert state.held == (), "the machine went down, not the version"
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    users = playground.users()
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)
