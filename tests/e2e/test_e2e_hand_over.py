"""Members that stand by change hands by a number: on real processes, through crashes, sleep and the way back."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_account import assert_jobs_done_once
from e2e_playground import ALL, ENVIRONMENT, PATIENCE, Playground, until
from e2e_users import assert_nothing_lost

from reconciler.core.events import Ended, Intended, LetGo, Phase, RollbackBegan, StagePassed
from reconciler.core.model import Stage
from reconciler.core.steps import Start
from reconciler.demo import account
from reconciler.demo.place import WARM
from reconciler.drivers.identity import Identity
from reconciler.evidence.pack.place import ROLLBACK_SH

pytestmark = pytest.mark.real

DRAINED = """\
    handOver:
      - {name: jobs, kind: queue-drained, folder: in-hand, apart: 100ms}
      - {name: files, kind: queue-drained, folder: to-copy, apart: 100ms}
"""
# Without its gates: what a sleeping owner has in hand is never drained, and such a hand-over goes back.
UNPROVED: dict[str, Any] = {"steps": ("setWeight: 100", "handOver: [worker, sync]"), "gates": ""}
DIRECT: dict[str, Any] = {"steps": ("setWeight: 100", "handOver: [worker, sync]"), "gates": DRAINED}


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Playground]:
    ground = Playground(tmp_path / "p", warm=WARM)
    try:
        yield ground
    finally:
        ground.tear_down()


def done(playground: Playground) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (playground.place.data / "done.jsonl").read_text().splitlines()]


def owner(playground: Playground, member: str = "worker") -> dict[str, Any]:
    folder = playground.place.state / "demo" / "members" / member / "members"
    found: dict[str, Any] = json.loads((folder / f"{member}.ownership.json").read_text())
    return found


def asleep(playground: Playground) -> Identity:
    """Blue's worker, stopped by SIGSTOP with a job in hand, and not while it is alone in the store: there the other one
    would wait for it for ever."""
    blue, in_hand = playground.member("worker", "blue"), playground.place.data / "claimed"
    assert blue
    while True:
        until(lambda: any(in_hand.iterdir()), "a job in hand", playground.story)
        playground.kill(blue, signal.SIGSTOP)
        until(lambda: every_thread_stopped(blue), "its sleep", playground.story)
        if any(in_hand.iterdir()) and nobody_is_in(playground.place.data / "fence.lock"):
            return blue
        playground.kill(blue, signal.SIGCONT)


def every_thread_stopped(process: Identity) -> bool:
    """A signal is only sent when `kill` returns; what still runs may finish a job, or go into the store."""
    try:
        said = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):  # one ended just then
        return False
    return all(text.rpartition(")")[2].split()[0] == "T" for text in said)


def nobody_is_in(lock: Path) -> bool:
    with lock.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def assert_one_owner(playground: Playground) -> None:
    """In every list, over the whole test: nobody began while another one was at work, and numbers never fell."""
    for file in (playground.place.data / "done.jsonl", playground.place.data / "sync" / "done.jsonl"):
        records = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        assert account.overlaps(records) == 0
        numbers = [each["number"] for each in records]
        assert numbers == sorted(numbers)


def test_it_is_handed_over_warm_proved_and_back_again_on_rollback(warm: Playground) -> None:
    warm.serving(**DIRECT)
    users = warm.users()
    blue = warm.member("worker", "blue")
    assert owner(warm)["owner"] == "blue"
    warm.commit("green", "1.0.0", "1.1.0", **DIRECT | {"soak": "10m"})
    warm.until(lambda state: state.transition and state.transition.phase is Phase.SOAKING)
    assert owner(warm)["owner"] == owner(warm, "sync")["owner"] == "green"
    kinds = [type(e) for e in warm.events(LetGo) + [s for s in warm.events(StagePassed) if s.stage is Stage.HAND_OVER]]
    assert kinds == [LetGo, StagePassed]
    until(lambda: done(warm)[-1]["slot"] == "green", "work by green")
    warm.ask("abort", "--reason", "a test")
    warm.until_event(lambda event: isinstance(event, Ended) and event.phase is Phase.ABORTED)
    until(lambda: owner(warm)["owner"] == "blue" and done(warm)[-1]["slot"] == "blue", "work by blue again")
    assert warm.member("worker", "blue") == blue
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(warm, requests)
    assert_one_owner(warm)


def typed(line: str) -> str:
    """By a person, into a shell in which nothing of ours is."""
    words = ["/bin/sh", "-ec", line]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def lines(told: str, number: int) -> list[str]:
    """What the script says to type as step `number`, for each member, as it is printed."""
    return [line.partition(": ")[2] for line in told.splitlines() if line.strip("- ").startswith(f"{number}. ")]


def test_the_reconciler_is_gone_and_who_stands_by_gets_its_owner_by_what_the_script_says(warm: Playground) -> None:
    warm.record()
    warm.serving(**DIRECT)
    users = warm.users()
    warm.commit("green", "1.0.0", "1.1.0", **DIRECT | {"soak": "10m"})
    state = warm.until(lambda state: state.transition and state.transition.phase is Phase.SOAKING)
    assert state.transition
    script = warm.place.state / "evidence" / ENVIRONMENT / state.transition.id / ROLLBACK_SH
    until(script.exists, "the script", warm.story)
    warm.stop_run(signal.SIGKILL)
    told = typed(f"'{script}' --yes")
    take, away, here, give, last = (lines(told, number) for number in range(1, 6))
    assert [len(step) for step in (take, away, here, give, last)] == [2] * 5, told
    for line in take:
        typed(line)
    for line in (*away, *here):
        until(lambda line=line: json.loads(typed(line))["role"] == "standby", f"standby by: {line}")  # type: ignore[misc]
    for line in give:
        typed(line)
    for line in last:
        until(lambda line=line: json.loads(typed(line))["role"] == "owner", f"owner by: {line}")  # type: ignore[misc]
    assert owner(warm)["owner"] == owner(warm, "sync")["owner"] == "blue"
    until(lambda: done(warm)[-1]["slot"] == "blue", "work by blue")

    warm.run()
    warm.until_status(lambda status: status["reason"] == "Suspended")
    warm.ask("resume")
    warm.until(lambda state: not state.by_hand)
    assert owner(warm)["owner"] == "blue"
    warm.ask("retry", "-m", "it was moved by hand")
    warm.commit("green", "1.0.0", "1.1.0", **DIRECT)
    warm.until_stable("green", "1.1.0")
    assert owner(warm)["owner"] == "green", "it goes on from the numbers that a person gave"
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(warm, requests)
    assert_one_owner(warm)


# The acts of DIRECT, counted: one weight change, then worker and sync let go, then each is granted. `make test` strikes
# when the first has let go, when both are on record as having let go, and when the last grant is begun.
BLOWS = (("effect-done", 2), ("intent-written", 2), ("outcome-written", 3), ("effect-done", 4),
         ("intent-written", 5), ("effect-read-back", 4))  # fmt: skip


@pytest.mark.timeout(400)
def test_a_reconciler_that_is_killed_in_mid_hand_over_loses_no_job_and_runs_none_twice(warm: Playground) -> None:
    warm.serving(**DIRECT)
    users = warm.users()
    slot, version = "blue", "1.0.0"
    for point, count in BLOWS if ALL else BLOWS[::2]:
        slot, version = ("blue", "1.0.0") if slot == "green" else ("green", "1.1.0")
        warm.stop_run()
        warm.commit(slot, "1.0.0", "1.1.0", **DIRECT)
        assert warm.run_until_struck(point, count).wait(PATIENCE) == -signal.SIGKILL, (point, count, warm.log)
        warm.run()
        warm.until_stable(slot, version)
        assert owner(warm)["owner"] == slot
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(warm, requests)
    assert_one_owner(warm)


def test_an_owner_that_hangs_is_ended_by_force_before_another_one_begins(warm: Playground) -> None:
    warm.serving(**UNPROVED)
    users = warm.users()
    blue = asleep(warm)
    warm.commit("green", "1.0.0", "1.1.0", **UNPROVED)
    warm.until_stable("green", "1.1.0")
    assert not blue.alive()
    requests = users.stop()
    records = warm.jobs_done()
    found = account.jobs(requests, records)
    assert (found.lost, found.twice) == (0, 0)
    assert_one_owner(warm)


def test_an_owner_that_wakes_up_after_its_hand_over_is_refused_by_the_fence(warm: Playground) -> None:
    """A person swore that it had stopped, and it only slept: what it has in hand is done by the new owner, once."""
    warm.serving(**UNPROVED)
    users = warm.users()
    blue = asleep(warm)
    record = warm.place.state / "demo" / "members" / "worker" / "members" / "worker-blue.json"
    kept = record.read_text()
    record.write_text("lost")
    warm.commit("green", "1.0.0", "1.1.0", **UNPROVED)
    warm.until(lambda state: state.transition and state.transition.phase is Phase.HANDING_OVER)
    warm.ask("handover", "--force", "--from", "blue", "--reason", "I saw it stopped")
    try:
        until(lambda: done(warm)[-1]["slot"] == "green", "work by green", warm.story)
    finally:
        warm.kill(blue, signal.SIGCONT)
        record.write_text(kept)
    refused = warm.place.data / "refused.jsonl"
    until(lambda: refused.exists() and refused.stat().st_size, "a word of the fence", warm.story)
    warm.until_stable("green", "1.1.0")
    requests = users.stop()
    found = account.jobs(requests, warm.jobs_done())
    assert (found.lost, found.twice) == (0, 0)
    assert_one_owner(warm)
    told = [json.loads(line) for line in refused.read_text().splitlines()]
    assert all(each["number"] < each["seen"] for each in told)


def test_nobody_owns_until_the_gate_says_drained_and_without_that_it_goes_back(warm: Playground) -> None:
    (warm.place.data / "sync" / "queue").mkdir(parents=True)
    warm.serving(**DIRECT)
    stuck = warm.place.data / "claimed" / "00000000000000000001-stuck.1"
    stuck.parent.mkdir(exist_ok=True)
    stuck.touch()  # somebody's job that never ends
    warm.commit("green", "1.0.0", "1.1.0", **DIRECT)
    let_go = warm.until_event(lambda event: isinstance(event, LetGo))
    assert owner(warm)["owner"] is None
    warm.until(lambda state: state.transition and state.transition.sayer == "jobs")
    warm.commit("green", "1.0.0", "1.1.0", **DIRECT | {"deadline": "5s"})  # now that it waits for that
    ended = warm.until_event(lambda event: isinstance(event, Ended)).event
    assert isinstance(ended, Ended)
    assert ended.phase is Phase.ROLLED_BACK
    until(lambda: owner(warm)["owner"] == "blue", "the owner before", warm.story)
    assert owner(warm)["since"]["green"] == 0, "it was never granted"
    back = warm.until_event(lambda event: isinstance(event, RollbackBegan))
    assert isinstance(back.event, RollbackBegan)
    assert back.event.condition == "ProgressDeadlineExceeded"
    between = [one.event for one in warm.entries() if let_go.seq < one.seq < back.seq]
    assert not [one for one in between if isinstance(one, Intended) and isinstance(one.act, Start) and one.act.owner]
