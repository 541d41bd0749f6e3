"""A switch is rehearsed with real users, and whatever happens on the way, everything is as before at its end."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from e2e_account import assert_jobs_done_once, unexcused
from e2e_laws import assert_lawful, changes
from e2e_manifest import PARKED, PARKED_RUNGS, RUNGS, STEPS
from e2e_playground import ALL, PATIENCE, Playground
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Began, DrillBegan, DrillEnded, Ended, Phase, Requested, RequestRefused, Verb
from reconciler.core.model import DrillKind
from reconciler.core.state import State

pytestmark = pytest.mark.real


def at_rest(playground: Playground, **wishes: Any) -> str:
    """Blue serves, and git pins nothing in green; the revision."""
    playground.commit("blue", "1.0.0", "1.0.0", **wishes)
    file = playground.place.repository / "environments/demo.yaml"
    text = file.read_text(encoding="utf-8")
    green = '    green: {version: "1.0.0"}\n'
    assert green in text
    revision = playground.commit_file("environments/demo.yaml", text.replace(green, ""))
    playground.run()
    playground.until_status(lambda status: status["reason"] == "InSync")
    return revision


def parked(playground: Playground, **wishes: Any) -> str:
    """A drill whose way out stands at 50 %."""
    revision = at_rest(playground, steps=PARKED, **wishes)
    playground.ask("drill")
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    return revision


def over(playground: Playground, count: int = 1) -> State:
    playground.until_event(lambda event: isinstance(event, DrillEnded))
    return playground.until(lambda state: len(state.drilled) == count and not state.intent)


def assert_as_before(playground: Playground, revision: str) -> None:
    """In the world, and in git, which was never told of it."""
    status = playground.until_status(lambda status: status["reason"] == "InSync")
    assert (status["stable"], status["weights"]) == ({"slot": "blue", "version": "1.0.0"}, {"blue": 100, "green": 0})
    assert (status["held"], status["sync"]) == ([], "Synced")
    assert playground.place.git("rev-parse", "HEAD") == revision
    assert playground.place.git("for-each-ref", "refs/notes") == ""


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_drill_of_each_kind_costs_no_user_anything_and_is_compared_with_the_last(playground: Playground) -> None:
    revision = at_rest(playground)
    users = playground.users()
    for kind in (DrillKind.SWITCH_AND_BACK, DrillKind.ROLLBACK):
        done = playground.reconcile("drill", "demo", "--kind", str(kind), "--wait")
        assert done.returncode == 0, done.stderr + playground.story()
        assert f"last {kind} Succeeded" in done.stdout
        assert_as_before(playground, revision)
    again = playground.reconcile("drill", "demo", "--kind", "rollback", "--wait")
    assert (again.returncode, again.stdout.count("(before: ")) == (0, 2), again.stdout
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue", "green"}
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), RUNGS)
    assert [event.phase for event in playground.events(Ended)] == ["Succeeded", "Succeeded", "RolledBack", "RolledBack"]
    assert "drill (rollback), transition" in playground.reconcile("history").stdout
    assert "last rollback Succeeded" in playground.reconcile("status").stdout


def test_a_commit_in_mid_drill_ends_it_and_is_done(playground: Playground) -> None:
    parked(playground)
    users = playground.users()
    revision = playground.commit("green", "1.0.0", "1.1.0", steps=STEPS)
    state = playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert [one.phase for one in state.drilled] == [Phase.SUPERSEDED]
    assert [event.phase for event in playground.events(Ended)] == [Phase.SUPERSEDED, Phase.SUCCEEDED]
    assert state.last is not None
    assert state.last.revision == revision


def test_an_abort_in_mid_drill_ends_it_at_home(playground: Playground) -> None:
    revision = parked(playground)
    users = playground.users()
    playground.ask("abort", "--reason", "enough")
    state = over(playground)
    requests = users.stop()
    assert_nothing_lost(requests)
    assert state.drilled[-1].phase is Phase.ABORTED
    assert_as_before(playground, revision)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_a_newcomer_that_dies_in_a_drill_is_not_held(playground: Playground) -> None:
    revision = parked(playground)
    users = playground.users()
    begin = users.more()
    playground.kill(playground.member("api", "green"))
    state = over(playground)
    end = users.more()
    requests = users.stop()
    assert not unexcused(requests, begin, end)
    assert state.drilled[-1].phase is Phase.ROLLED_BACK
    assert state.drilled[-1].reason.startswith("MemberDied")
    assert_as_before(playground, revision)


BLOWS = [("effect-done", 2), ("intent-written", 1), ("outcome-written", 4), ("effect-done", 8)]


@pytest.mark.parametrize(("point", "count"), BLOWS if ALL else BLOWS[:1])
def test_a_reconciler_that_is_killed_in_mid_drill_goes_on_with_it(
    playground: Playground, point: str, count: int
) -> None:
    revision = at_rest(playground)
    users = playground.users()
    playground.stop_run()
    assert "no loop works on this journal" in playground.reconcile("drill", "demo").stderr
    struck = playground.run_until_struck(point, count)
    assert struck.wait(PATIENCE) == -signal.SIGKILL, playground.log
    assert not playground.events(DrillEnded)
    playground.run()
    state = over(playground)
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert (len(playground.events(DrillBegan)), state.drilled[-1].phase) == (1, Phase.SUCCEEDED)
    assert len(playground.events(Began)) == 2
    assert_as_before(playground, revision)
    assert_lawful(playground.entries(), RUNGS)


def test_what_stands_in_the_way_is_said_at_once_and_nothing_goes_on_record(playground: Playground) -> None:
    playground.serving()
    done = playground.reconcile("drill", "demo")
    assert done.returncode == 3
    assert "green holds 1.1.0, staged for its switch" in done.stderr
    playground.ask("pause", "--reason", "lunch")
    assert "Paused: lunch" in playground.reconcile("drill", "demo", "--wait").stderr
    asked = [event for event in playground.events(Requested) if event.verb is Verb.DRILL]
    assert (asked, playground.events(RequestRefused)) == ([], [])
    assert changes(playground.entries()) == [(100, 0)]
