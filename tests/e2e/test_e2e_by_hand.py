"""The reconciler is gone, and somebody goes back by hand, with the script that the transition left; then it returns."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from e2e_account import assert_jobs_done_once
from e2e_manifest import PARKED
from e2e_playground import ALL, ENVIRONMENT, PATIENCE, Playground, until
from e2e_users import Users, assert_nothing_lost, served_by

from reconciler.core.events import Applied, Ended, Intended, MovedByHand, Phase
from reconciler.core.steps import Result
from reconciler.evidence.pack.place import ROLLBACK_SH

pytestmark = pytest.mark.real
BOTH = pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)


def at_half(playground: Playground) -> Path:
    """Half the users are on green@1.1.0; the script that leads back, as it lies in the transition's pack."""
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
    state = playground.until(lambda state: state.transition and state.transition.rung == 50)
    assert state.transition
    script = playground.place.state / "evidence" / ENVIRONMENT / state.transition.id / ROLLBACK_SH
    return until(lambda: script if script.exists() else None, "the script", playground.story)


def typed(script: Path, *words: str, said: str = "yes\n") -> subprocess.CompletedProcess[str]:
    """By whoever has a terminal, and nothing of ours in it."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(
        [str(script), *words], input=said, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def answering(users: Users, count: int = 60) -> set[str]:
    """The slots that answer those who come from now on."""
    now = users.more(count)
    return served_by(users.so_far(), now)


@BOTH
def test_killed_at_half_and_gone_back_by_hand_nobody_loses_anything_and_it_stands_still(playground: Playground) -> None:
    playground.record()
    playground.serving(steps=PARKED)
    users = playground.users()
    script = at_half(playground)
    assert answering(users, 80) == {"blue", "green"}
    playground.stop_run(signal.SIGKILL)
    before, seq = playground.data_plane(), playground.state().seq
    refused = typed(script, said="\n")
    assert (refused.returncode, playground.state().seq) == (2, seq)
    done = typed(script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "worker has one owner at a time" in done.stdout
    assert answering(users, 120) == {"blue"}
    assert typed(script, "--yes").returncode == 0, "once more is no change"

    playground.run()
    found = playground.until_status(lambda status: status["reason"] == "Suspended")
    assert (found["phase"], found["health"]) == ("RolledBack", "Suspended")
    assert "by hand" in found["message"]
    assert found["next"] == f"reconcile resume {ENVIRONMENT}"
    assert [event.phase for event in playground.events(Ended, after=seq)] == [Phase.ROLLED_BACK]
    assert playground.state().held[0].condition == "MovedByHand"
    assert len(playground.events(MovedByHand)) == 1
    assert playground.events(Intended, after=seq) == []
    assert playground.data_plane() == before, "it touches nothing"

    playground.ask("resume")
    playground.until_stable("blue", "1.0.0")
    playground.until(lambda state: not state.by_hand)
    playground.ask("retry", "-m", "it was moved by hand")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)


def test_the_script_of_a_transition_that_has_succeeded_goes_where_it_says_and_a_person_decides(
    playground: Playground,
) -> None:
    playground.record()
    playground.serving(steps=PARKED)
    users = playground.users()
    script = at_half(playground)
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    playground.stop_run(signal.SIGKILL)
    done = typed(script, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "back to blue@1.0.0" in done.stdout
    assert "whatever has become of it since" in done.stdout
    assert answering(users) == {"blue"}
    playground.run()
    found = playground.until_status(lambda status: status["reason"] == "AdoptionNeeded")
    assert "not to green@1.1.0" in found["message"]
    assert answering(users) == {"blue"}, "nothing heals it"
    playground.ask("adopt", "--stable", "green")
    playground.ask("resume")
    playground.until(lambda state: not state.by_hand)
    assert answering(users) == {"green"}
    assert_nothing_lost(users.stop())


def test_where_the_gateway_is_down_too_it_says_so_and_resume_opens_it_on_stable(playground: Playground) -> None:
    playground.record()
    playground.serving(steps=PARKED)
    script = at_half(playground)
    playground.stop_run(signal.SIGKILL)
    playground.kill(playground.envoy())
    done = typed(script, "--yes")
    assert done.returncode == 1
    assert "nobody is served" in done.stderr
    playground.run()
    found = playground.until_status(lambda status: status["reason"] == "Suspended")
    assert "the gateway is down" in found["message"]
    playground.ask("resume")
    playground.until_stable("blue", "1.0.0")
    playground.until(lambda state: not state.by_hand)
    users = playground.users()
    assert served_by(users.so_far()) == {"blue"}
    assert_nothing_lost(users.stop())


def test_a_gateway_that_a_person_has_started_is_seen_to_serve_and_is_ours_again_after_resume(
    playground: Playground,
) -> None:
    playground.record()
    playground.serving(steps=PARKED)
    script = at_half(playground)
    playground.stop_run(signal.SIGKILL)
    playground.kill(playground.envoy())
    start = typed(script, "--yes").stderr.rpartition("start it: ")[2]
    subprocess.run(["sh", "-c", start], check=True)
    until(lambda: typed(script, "--yes").returncode == 0, "the gateway that was typed", playground.story)
    users = playground.users()
    playground.run()
    found = playground.until_status(lambda status: status["reason"] == "Suspended")
    assert (found["weights"], "the gateway is down" in found["message"]) == ({"blue": 100, "green": 0}, False)
    seq = playground.state().seq
    playground.ask("resume")
    playground.until_stable("blue", "1.0.0")
    playground.until(lambda state: not state.by_hand)
    assert {event.result for event in playground.events(Applied, after=seq)} == {Result.DONE}, "and nothing is started"
    assert served_by(users.so_far()) == {"blue"}
    assert_nothing_lost(users.stop())
