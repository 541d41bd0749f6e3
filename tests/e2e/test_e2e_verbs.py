"""What a person may type while traffic stands on both slots, and afterwards."""

from __future__ import annotations

import http.client
from collections import Counter
from typing import Any

import pytest
from e2e_account import assert_jobs_done_once
from e2e_laws import assert_lawful, changes
from e2e_manifest import NOTE, PARKED, PARKED_RUNGS
from e2e_playground import Playground
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Intended, Phase, Requested, RequestRefused, Verb

pytestmark = pytest.mark.real


def parked_at_half(playground: Playground, **wishes: Any) -> Playground:
    playground.serving(steps=PARKED, **wishes)
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED, **wishes)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    return playground


def test_abort_goes_back_holds_the_version_and_loses_nothing(playground: Playground) -> None:
    parked_at_half(playground, more=NOTE)
    users = playground.users()
    playground.ask("abort", "--reason", "I do not like it")
    state = playground.until_stable("blue", "1.0.0")
    status = playground.until_status(lambda status: status["reason"] == "RevisionHeld")
    settled = users.more()
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue", "green"}
    assert served_by(requests, after=settled) == {"blue"}
    assert state.last is not None
    assert (state.last.phase, state.last.reason) == (Phase.ABORTED, "I do not like it")
    assert "I do not like it" in status["message"]
    assert "reconcile retry demo" in status["message"]
    assert playground.reconcile("status").returncode == 3
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_a_pause_stops_the_climb_until_resume(playground: Playground) -> None:
    parked_at_half(playground)
    users = playground.users()
    playground.ask("pause", "--reason", "lunch")
    playground.ask("promote")
    status = playground.until_status(lambda status: status["reason"] == "Paused")
    assert (status["phase"], status["weights"]) == ("Paused", {"blue": 50, "green": 50})
    assert changes(playground.entries()) == [(100, 0), (50, 50)]
    playground.ask("resume")
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_suspended_means_untouched_even_while_traffic_is_split(playground: Playground) -> None:
    parked_at_half(playground)
    refused = playground.reconcile("suspend", "demo")
    assert refused.returncode == 64, refused
    assert "--leave-split" in refused.stderr
    playground.ask("suspend", "--leave-split")
    status = playground.until_status(lambda status: status["reason"] == "Suspended")
    assert (status["health"], status["weights"]) == ("Suspended", {"blue": 50, "green": 50})
    seq = playground.state().seq
    playground.kill(playground.member("api", "green"))  # even this is not answered
    playground.ask("promote")
    playground.until_status(lambda status: status["reason"] == "Suspended")
    assert playground.events(Intended, after=seq) == []
    playground.ask("resume")
    state = playground.until_stable("blue", "1.0.0")
    assert state.last is not None
    assert state.last.phase is Phase.ROLLED_BACK
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_down_stops_everything_and_resume_brings_it_back(playground: Playground) -> None:
    playground.serving()
    playground.ask("down", "--yes")
    playground.until_status(lambda status: status["reason"] == "Down")
    assert playground.data_plane() == {}
    with pytest.raises(OSError):
        get(playground.place.port, "")
    playground.ask("resume")
    playground.until_status(lambda status: status["reason"] == "InSync")
    users = playground.users()
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue"}
    assert_jobs_done_once(playground, requests)


def test_a_late_rollback_takes_one_step_and_loses_nothing(playground: Playground) -> None:
    playground.serving()
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    playground.ask("rollback", "--reason", "customers complain")
    state = playground.until_stable("blue", "1.0.0")
    playground.until_status(lambda status: status["reason"] == "InSync" and status["held"])
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(playground, requests)
    assert [held.version for held in state.held] == ["1.1.0"]
    assert changes(playground.entries())[-2:] == [(0, 100), (100, 0)]
    again = playground.reconcile("rollback", "demo")
    assert again.returncode == 64, again
    assert playground.events(RequestRefused) == []
    assert [event.verb for event in playground.events(Requested)] == [Verb.ROLLBACK]


def test_sticky_users_stay_with_their_slot_and_a_rollback_moves_them_too(playground: Playground) -> None:
    parked_at_half(playground, sessions="sticky")
    port = playground.place.port
    cookies = [get(port, "")[1] for _ in range(40)]
    first = [get(port, cookie)[0] for cookie in cookies]
    again = [get(port, cookie)[0] for cookie in cookies]
    assert first == again
    assert set(first) == {"blue", "green"}, "with 40 users this is no matter of luck"
    playground.ask("abort")
    playground.until_stable("blue", "1.0.0")
    assert Counter(get(port, cookie)[0] for cookie in cookies) == {"blue": 40}


def get(port: int, cookie: str) -> tuple[str, str]:
    """Who answered a user with this cookie, and the cookie that he has then."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/search?q=slot", headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        return answer.headers["X-Slot"], (answer.headers["Set-Cookie"] or cookie).partition(";")[0]
    finally:
        connection.close()
