"""The newcomer dies, the gateway dies, the gateway falls silent: each in mid-shift, with users on both slots."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from e2e_account import assert_jobs_done_once, unexcused
from e2e_laws import assert_lawful, changes
from e2e_manifest import PARKED, PARKED_RUNGS
from e2e_playground import ALL, Playground, until
from e2e_users import Users, assert_nothing_lost, lost, served_by

from reconciler.core.events import Applied, DriftFound, Intended, Phase
from reconciler.core.model import Admission, Pair, Slot, all_on, share
from reconciler.core.steps import Result, Route, Start, Stop

pytestmark = pytest.mark.real

HANDFUL = 8  # requests
OWNED = ("setWeight: 100", "handOver: [worker]")


def parked_at_half(playground: Playground) -> Playground:
    playground.serving(steps=PARKED)
    playground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    return playground


@contextmanager
def noticed(playground: Playground, users: Users) -> Iterator[None]:
    """The loop stands still until somebody has lost something by what is done: else it may be mended sooner."""
    playground.runs[-1].send_signal(signal.SIGSTOP)
    try:
        yield
        until(lambda: lost(users.so_far()), "a loss", playground.story)
    finally:
        playground.runs[-1].send_signal(signal.SIGCONT)


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_newcomer_killed_at_half_costs_a_handful_and_is_rolled_back(playground: Playground) -> None:
    """What it had in hand when it died is lost with it, however much that was; after it, as many requests as go there
    until the gateway has met the first refused connection, and later one or two at each of its new tries."""
    parked_at_half(playground)
    users = playground.users(rate=100)
    newcomer = playground.member("api", "green")
    alive = time.monotonic()
    playground.kill(newcomer)
    dead = time.monotonic()
    state = playground.until_stable("blue", "1.0.0")
    rolled_back = users.more()
    playground.until_status(lambda status: status["reason"] == "InSync" and status["held"])
    requests = users.stop()
    not_in_hand = [one for one in lost(requests) if one.end < alive or one.start > dead]
    assert len(not_in_hand) <= HANDFUL, not_in_hand
    assert state.last is not None
    assert state.last.phase is Phase.ROLLED_BACK
    assert [held.version for held in state.held] == ["1.1.0"]
    assert served_by(requests, after=rolled_back) == {"blue"}
    assert changes(playground.entries()) == [(100, 0), (50, 50), (100, 0)]
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_stables_death_at_half_is_mended_and_not_held_against_the_newcomer(playground: Playground) -> None:
    parked_at_half(playground)
    users = playground.users(rate=100)
    with noticed(playground, users):
        playground.kill(playground.member("api", "blue"))
    lives_again(playground, "demo api-blue")
    playground.until_status(lambda status: status["reason"] == "PromotionAwaited")
    playground.ask("promote")
    state = playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert state.held == ()
    assert lost(requests), "stable had half of the users when it died"
    assert changes(playground.entries()) == [(100, 0), (50, 50), (0, 100)]
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_killed_gateway_comes_back_at_its_weights_and_the_transition_goes_on(playground: Playground) -> None:
    parked_at_half(playground)
    users, seq, first = playground.users(rate=100), playground.state().seq, playground.envoy()
    killed = time.monotonic()
    with noticed(playground, users):
        playground.kill(first)
    playground.until_event(lambda event: isinstance(event, Applied) and event.result is Result.DONE, after=seq)
    back = time.monotonic()
    assert playground.status()["weights"] == {"blue": 50, "green": 50}
    assert playground.envoy() not in (first, None)
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert lost(requests), "nobody noticed that the gateway was killed?"
    assert unexcused(requests, killed, back) == []
    assert changes(playground.entries()) == [(100, 0), (50, 50), (0, 100)]
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def test_a_new_owner_that_dies_in_the_soak_takes_the_newcomer_back_and_the_journal_says_it_was_read_so(
    playground: Playground,
) -> None:
    """No entry tells that it ended. The judge, which has the last word on every test, knows it by what was read."""
    playground.serving(steps=OWNED)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=OWNED, soak="10m")
    playground.until(lambda state: state.transition and state.transition.phase is Phase.SOAKING)
    seq = playground.state().seq
    playground.kill(playground.member("worker", "green"))
    state = playground.until_stable("blue", "1.0.0")
    requests = users.stop()
    assert state.last is not None
    assert state.last.phase is Phase.ROLLED_BACK
    since = playground.events(Intended, after=seq)
    assert [one.act for one in since if isinstance(one.act, Stop)] == []
    (back,) = [one for one in since if isinstance(one.act, Start)]
    assert back.act == Start(Slot.BLUE, "1.0.0", ("worker",), owner=True)
    assert back.reason == "start worker in blue; worker in green reads stopped"
    assert_nothing_lost(requests)
    assert changes(playground.entries()) == [(100, 0), (0, 100), (100, 0)]
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), {0, 100})


def test_a_silent_gateway_is_unknown_and_nothing_is_done_until_it_answers(playground: Playground) -> None:
    parked_at_half(playground)
    users = playground.users()
    envoy, silent = playground.envoy(), time.monotonic()
    playground.kill(envoy, signal.SIGSTOP)
    try:
        status = playground.until_status(lambda status: status["reason"] == "GatewayUnreachable")
        seq = playground.state().seq
        playground.ask("promote")
        time.sleep(1)  # time enough for an act that must not come
        assert (status["sync"], status["health"], status["weights"]) == ("Unknown", "Unknown", None)
        assert [event for event in playground.events(Intended, after=seq) if isinstance(event.act, Route)] == []
    finally:
        playground.kill(envoy, signal.SIGCONT)
    answers = time.monotonic()
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert unexcused(requests, silent, answers) == []
    assert playground.envoy() == envoy
    assert changes(playground.entries()) == [(100, 0), (50, 50), (0, 100)]
    assert_jobs_done_once(playground, requests)
    assert_lawful(playground.entries(), PARKED_RUNGS)


def lives_again(playground: Playground, who: str) -> None:
    until(lambda: who in playground.data_plane(), f"the next life of {who}", playground.story)


def test_what_dies_at_rest_comes_back(playground: Playground) -> None:
    playground.serving()
    for who in ("api-blue", "worker-blue", "envoy"):
        before = playground.data_plane()[f"demo {who}"]
        playground.kill(before)
        lives_again(playground, f"demo {who}")
    playground.until_status(lambda status: (status["reason"], status["sync"]) == ("InSync", "Synced"))
    users = playground.users()
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue"}
    assert changes(playground.entries()) == [(100, 0)]
    assert_jobs_done_once(playground, requests)


def test_weights_moved_by_a_stranger_are_put_on_record_and_healed(playground: Playground) -> None:
    playground.serving()
    users = playground.users()
    routes = playground.place.state / "demo" / "gateway" / "routes" / "routes.json"
    forged = (
        routes.read_text(encoding="utf-8")
        .replace('"weight": 100', '"weight": 70')
        .replace('"weight": 0', '"weight": 30')
    )
    draft = routes.parent.parent / "forged.json"
    draft.write_text(forged, encoding="utf-8")
    draft.rename(routes)
    found = playground.until_event(lambda event: isinstance(event, DriftFound))
    assert found.event == DriftFound(all_on(Slot.BLUE), share(Slot.GREEN, 30), Pair(Admission.OPEN, Admission.CLOSED))
    playground.until_status(lambda status: status["weights"] == {"blue": 100, "green": 0})
    assert_nothing_lost(users.stop())
