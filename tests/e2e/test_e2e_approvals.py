"""Stages that wait for people, on real git, with real keys, real processes and real users."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from e2e_playground import Playground
from e2e_users import assert_nothing_lost

from reconciler.core.events import Admitted, ApprovalAsked, Ended, Phase
from reconciler.core.model import Stage

pytestmark = pytest.mark.real
ASKED = ("approvals: {before: [preflight, shift]}",)


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Who types has a git configuration of his own, and nobody else's."""
    config = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    me(config, "ann@example.com")
    return config


def me(config: Path, email: str, key: Path | None = None) -> None:
    """Git's configuration of one person; with a key, he signs."""
    signing = f"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {key}\n" if key else ""
    config.write_text(f"[user]\n\tname = {email.partition('@')[0]}\n\temail = {email}\n{signing}", encoding="utf-8")


def key(folder: Path, name: str) -> Path:
    file = folder / f"key-{name}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file


def waiting(playground: Playground, stage: str) -> dict[str, Any]:
    """Until this stage is asked about."""
    playground.until(lambda state: (t := state.transition) and t.asked and t.asked.stage == stage)
    return playground.until_status(lambda status: status["reason"] == "WaitingApproval" and stage in status["message"])


def test_a_switch_waits_for_its_approvals_and_loses_nothing(playground: Playground) -> None:
    playground.serving(more=ASKED)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", more=ASKED)
    status = waiting(playground, "preflight")
    assert (status["phase"], status["weights"]) == ("WaitingApproval", {"blue": 100, "green": 0})
    assert playground.reconcile("status").returncode == 3
    done = playground.reconcile("approve", "demo", "--yes", "-m", "have a look at it")
    assert done.returncode == 0, done.stderr
    assert "may preflight of green@1.1.0 begin?" in done.stdout
    waiting(playground, "shift")
    done = playground.reconcile("approve", "demo", "--stage", "shift", "--yes")
    for said in ("weights: blue 75 %, green 25 %", "Successful", "rollback safe: yes", "errors found: none"):
        assert said in done.stdout, done.stdout
    playground.until_stable("green", "1.1.0")
    assert_nothing_lost(users.stop())
    assert [event.by for event in playground.events(Admitted)] == [("ann@example.com",)] * 2
    told = playground.place.git("log", "--format=%an %s", "reconciler/approvals")
    assert told.splitlines() == ["ann approve shift of demo", "ann approve preflight of demo"]


def test_a_drill_is_approved_for_its_way_out_and_comes_home(playground: Playground) -> None:
    playground.serving("1.0.0", "1.0.0", more=ASKED)
    playground.until_status(lambda status: status["reason"] == "InSync")
    playground.ask("drill")
    for stage in ("preflight", "shift"):
        waiting(playground, stage)
        done = playground.reconcile("approve", "demo", "--stage", stage, "--yes")
        assert f"may {stage} of green@1.0.0, in a drill (switch-and-back), begin?" in done.stdout, done.stderr
    playground.until(lambda state: state.drilled and not state.drill)
    assert [event.phase for event in playground.events(Ended)] == [Phase.SUCCEEDED, Phase.SUCCEEDED]
    assert len(playground.events(Admitted)) == 2
    assert playground.until_stable("blue", "1.0.0").drilled[-1].phase is Phase.SUCCEEDED


def test_a_rejection_goes_back_and_git_says_who_and_why(playground: Playground) -> None:
    asked = ("approvals: {before: [handOver]}",)
    playground.serving(more=asked)
    revision = playground.commit("green", "1.0.0", "1.1.0", more=asked)
    waiting(playground, "handOver")
    assert playground.reconcile("reject", "demo", "--yes").returncode == 64  # a no needs its reason
    assert playground.reconcile("reject", "demo", "--yes", "-m", "not on a Friday").returncode == 0
    entry = playground.until_event(lambda event: isinstance(event, Ended))
    assert entry.event.phase is Phase.ABORTED  # type: ignore[union-attr]
    playground.until(lambda state: state.duty and state.duty.noted)
    assert "handOver was rejected by ann@example.com: not on a Friday" in playground.place.git(
        "notes", "--ref=reconciler", "show", revision
    )
    assert playground.state().is_held("1.1.0")


def test_only_approvers_with_their_own_key_count_and_never_the_author(playground: Playground, somebody: Path) -> None:
    ann, bob, eve = (key(playground.root, name) for name in ("ann", "bob", "eve"))
    allowed = "".join(f"{n}@example.com {k.with_suffix('.pub').read_text()}" for n, k in (("ann", ann), ("bob", bob)))
    (playground.root / "allowed_signers").write_text(allowed, encoding="utf-8")
    with playground.place.config.open("r+", encoding="utf-8") as file:
        text = file.read().replace('branch = "main"\n', 'branch = "main"\nverify = {signers = "allowed_signers"}\n')
        file.seek(0)
        file.write(text)
    policy = "approvers: [ann@example.com, bob@example.com], selfApproval: false"
    asked = (f"approvals: {{before: [shift], {policy}}}",)
    playground.serving(more=asked)
    playground.place.git("config", "user.email", "ann@example.com")  # she makes the change
    playground.commit("green", "1.0.0", "1.1.0", more=asked)
    waiting(playground, "shift")
    for email, own, why in (
        ("bob@example.com", eve, "is not signed by a key that the operator's file knows"),
        ("ann@example.com", ann, "is by the author of the change"),
    ):
        me(somebody, email, own)
        done = playground.reconcile("approve", "demo", "--yes")
        assert done.returncode == 0
        assert f"it does not count: it {why}" in done.stdout
        playground.until_status(lambda status, why=why: why in status["message"])  # type: ignore[misc]
    assert not playground.events(Admitted)
    me(somebody, "bob@example.com", bob)
    assert "it counts, and nobody else is needed" in playground.reconcile("approve", "demo", "--yes").stdout
    playground.until_stable("green", "1.1.0")
    assert playground.events(Admitted)[0].by == ("bob@example.com",)


def test_what_was_approved_is_void_when_the_policy_changes(playground: Playground) -> None:
    asked = ("approvals: {before: [shift]}",)
    playground.serving(more=asked)
    playground.commit("green", "1.0.0", "1.1.0", more=asked)
    waiting(playground, "shift")
    first = playground.events(ApprovalAsked)[0]
    playground.commit("green", "1.0.0", "1.1.0", more=asked, soak="1s")
    playground.until(lambda state: (t := state.transition) and t.asked and t.asked.plan != first.plan)
    assert playground.state().transition is not None
    assert not playground.events(Admitted)
    assert playground.reconcile("approve", "demo", "--yes").returncode == 0
    playground.until_stable("green", "1.1.0")
    asked_again = playground.events(ApprovalAsked)
    assert [event.stage for event in asked_again] == [Stage.SHIFT, Stage.SHIFT]
    assert [event.plan for event in playground.events(Admitted)] == [asked_again[1].plan]


def test_a_loop_that_is_killed_while_it_waits_asks_the_same_and_counts_the_vote(playground: Playground) -> None:
    playground.serving(more=ASKED)
    playground.commit("green", "1.0.0", "1.1.0", more=ASKED)
    waiting(playground, "preflight")
    playground.stop_run(9)
    done = playground.reconcile("approve", "demo", "--yes")
    assert done.returncode == 0
    assert "no loop works on this journal" in done.stderr
    playground.run()
    waiting(playground, "shift")
    assert len(playground.events(ApprovalAsked)) == 2


def test_nobody_votes_on_what_nobody_asks(playground: Playground) -> None:
    playground.serving(more=ASKED)
    done = playground.reconcile("approve", "demo", "--yes")
    assert done.returncode == 64
    assert "nothing waits for approval now" in done.stderr


def test_in_a_closed_window_it_can_be_approved_and_begins_when_somebody_overrides(playground: Playground) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    deny = f'deny: "{began.minute} {began.hour} {began.day} {began.month} *"'
    shut = ("approvals: {before: [preflight]}", f"windows: [{{{deny}, duration: 5h, reason: stocktaking}}]")
    playground.serving(more=shut)
    playground.commit("green", "1.0.0", "1.1.0", more=shut)
    waiting(playground, "preflight")
    assert playground.reconcile("approve", "demo", "--yes").returncode == 0
    status = playground.until_status(lambda status: status["reason"] == "Frozen")
    assert "stocktaking" in status["message"]
    assert playground.reconcile("status").returncode == 3
    assert playground.reconcile("resume", "demo", "--override-freeze").returncode == 64  # it needs its reason
    playground.ask("resume", "--override-freeze", "-m", "the old one loses orders")
    playground.until_stable("green", "1.1.0")
