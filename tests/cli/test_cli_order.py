"""`reconcile switch` and `reconcile pin`: one value, one file, one commit of the person's own; else nothing."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import PATIENCE, Folder, listing

from reconciler.core.events import Began, Bootstrapped, Ended, Event, Phase, RollbackBegan
from reconciler.core.model import Release, Slot
from reconciler.session import Session

FILE = "environments/production.yaml"
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def ready(folder: Folder) -> Folder:
    folder.reconcile("init", "--port", "8080")
    folder.commit()
    return folder


def hook(folder: Folder, name: str, script: str) -> None:
    file = folder.root / ".git" / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def standing(folder: Folder) -> tuple[str, str, bytes, str]:
    """Head, status, the file, and what is staged."""
    status = folder.git("status", "--porcelain")
    staged = folder.git("diff", "--cached")
    return folder.git("rev-parse", "HEAD"), status, (folder.root / FILE).read_bytes(), staged


# ---- what is done ----------------------------------------------------------------------------------------------------


def test_a_switch_is_previewed_and_committed_and_says_how_to_follow_it(ready: Folder) -> None:
    before = ready.git("rev-parse", "HEAD")
    text = (ready.root / FILE).read_text("utf-8")
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert "traffic: gateway is down -> green 100 %" in done.stdout
    commit = ready.git("rev-parse", "HEAD")
    assert f"the active slot is green ({commit[:12]} on main)" in done.stdout
    assert "reconcile status production --watch" in done.stdout
    assert "reconcile run" in done.stderr, "nobody would act on it"
    assert ready.git("rev-parse", "HEAD^") == before
    assert ready.git("log", "-1", "--format=%s|%an|%cn") == "production: switch to green|x@x.invalid|x@x.invalid"
    assert ready.git("show", "--format=", "--name-only", "HEAD") == FILE
    assert (ready.root / FILE).read_text("utf-8") == text.replace("activeSlot: blue", "activeSlot: green")
    assert ready.git("status", "--porcelain") == ""
    assert "green@1.1.0 is stable" in ready.reconcile("--once").stdout


def test_a_pin_is_committed_with_the_message_that_was_given(ready: Folder) -> None:
    done = ready.reconcile("pin", "production", "green", "1.10", "--yes", "-m", "Try 1.10: it's faster")
    assert done.returncode == 0, done.stderr
    assert ready.git("log", "-1", "--format=%s") == "Try 1.10: it's faster"
    assert 'green: {version: "1.10"}' in (ready.root / FILE).read_text("utf-8")


def test_what_else_is_changed_or_staged_stays_so_and_is_not_committed(ready: Folder) -> None:
    for name in ("staged", "changed"):
        (ready.root / name).write_text("1\n", encoding="utf-8")
    ready.commit()
    (ready.root / "staged").write_text("2\n", encoding="utf-8")
    ready.git("add", "staged")
    (ready.root / "staged").write_text("3\n", encoding="utf-8")
    (ready.root / "changed").write_text("2\n", encoding="utf-8")
    (ready.root / "new").write_text("1\n", encoding="utf-8")
    before = standing(ready)
    assert ready.reconcile("switch", "production", "green", "--yes").returncode == 0
    assert ready.git("show", "--format=", "--name-only", "HEAD") == FILE
    after = standing(ready)
    assert (after[1], after[3]) == (before[1], before[3])


def test_what_is_so_already_is_no_commit(ready: Folder) -> None:
    before = listing(ready.root / "environments"), ready.git("rev-parse", "HEAD")
    for words in (("switch", "production", "blue"), ("pin", "production", "green", "1.1.0")):
        done = ready.reconcile(*words)
        assert (done.returncode, "already" in done.stdout) == (0, True), done.stderr
    assert (listing(ready.root / "environments"), ready.git("rev-parse", "HEAD")) == before


def test_without_a_commit_the_file_is_changed_and_the_command_is_told(ready: Folder) -> None:
    head = ready.git("rev-parse", "HEAD")
    done = ready.reconcile("pin", "production", "green", "1.2.0", "--no-commit")
    assert done.returncode == 0, done.stderr
    assert f"git commit -m 'production: pin 1.2.0 in green' -- {FILE}" in done.stdout
    assert ready.git("rev-parse", "HEAD") == head
    assert ready.git("diff", "--name-only") == FILE
    assert 'green: {version: "1.2.0"}' in (ready.root / FILE).read_text("utf-8")


def test_his_own_hooks_run_as_for_any_commit_of_his(ready: Folder) -> None:
    hook(ready, "commit-msg", 'echo "Ticket: 17" >> "$1"')
    assert ready.reconcile("switch", "production", "green", "--yes").returncode == 0
    assert "Ticket: 17" in ready.git("log", "-1", "--format=%B")


def test_where_approval_is_asked_for_it_says_what_comes_next(ready: Folder) -> None:
    ready.edit(FILE, "  onFailure:", "  approvals: {before: [shift]}\n  onFailure:")
    ready.commit()
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert "it waits for approval before: shift; then: reconcile approve production" in done.stdout


def test_line_ends_and_attributes_of_the_repository_are_kept(ready: Folder) -> None:
    (ready.root / ".gitattributes").write_text("*.yaml text eol=crlf\n", encoding="utf-8")
    ready.commit()
    (ready.root / FILE).unlink()
    ready.git("checkout", "--", FILE)
    before = (ready.root / FILE).read_bytes()
    assert b"\r\n" in before
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert (ready.root / FILE).read_bytes() == before.replace(b"activeSlot: blue", b"activeSlot: green")
    assert ready.git("show", "--format=", "--numstat", "HEAD").split() == ["1", "1", FILE]


def test_where_the_head_must_be_signed_it_is_signed_with_his_key(ready: Folder) -> None:
    if shutil.which("ssh-keygen") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("ssh-keygen is not installed")
    key = ready.root / "state" / "key"
    key.parent.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = " ".join(key.with_suffix(".pub").read_text("utf-8").split()[:2])
    (key.parent / "signers").write_text(f"x@x.invalid {public}\n", encoding="utf-8")
    signed = '[repository.verify]\nmode = "head"\nsigners = "state/signers"\n\n[journal]'
    ready.edit("reconciler.toml", "[journal]", signed)
    ready.git("config", "gpg.format", "ssh")
    before = standing(ready)
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 1, "no key of his is known to git, and nothing is left of it"
    assert standing(ready) == before
    ready.git("config", "user.signingKey", str(key))
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert "is not signed" not in done.stderr
    assert ready.reconcile("validate").returncode == 0


# ---- what is refused -------------------------------------------------------------------------------------------------


def refused(folder: Folder, *words: str, code: int = 1) -> str:
    """What is said; nothing has changed."""
    before = standing(folder)
    done = folder.reconcile("switch", "production", "green", "--yes", *words)
    assert (done.returncode, standing(folder)) == (code, before), done.stderr
    return done.stderr


@pytest.mark.parametrize("staged", [False, True])
def test_a_file_that_has_changes_already_is_left_alone(ready: Folder, staged: bool) -> None:
    ready.edit(FILE, "soak: 30s", "soak: 40s")
    if staged:
        ready.git("add", FILE)
    told = refused(ready)
    assert f"{FILE} in {ready.root} has changes that are not committed" in told
    assert "stash push" in told


def test_another_branch_than_the_loop_follows_gets_no_commit(ready: Folder) -> None:
    ready.git("switch", "--quiet", "-c", "next")
    told = refused(ready)
    assert "'next' is checked out" in told
    assert "the loop follows 'main'" in told
    assert f"git -C {ready.root} switch main" in told
    ready.git("checkout", "--quiet", "--detach")
    assert "no branch is checked out" in refused(ready)


def test_a_merge_or_a_rebase_under_way_is_not_disturbed(ready: Folder) -> None:
    for branch, text in (("other", "1"), ("main", "2")):
        ready.git("switch", "--quiet", *(("-c",) if branch == "other" else ()), branch)
        (ready.root / "a").write_text(text, encoding="utf-8")
        ready.commit()
    for begin, told, end in (("merge", "a merge is under way", "merge"), ("rebase", "a rebase is under way", "rebase")):
        with pytest.raises(subprocess.CalledProcessError):
            ready.git(begin, "other")
        assert told in refused(ready)
        ready.git(end, "--abort")


def test_a_lock_of_another_git_is_waited_for(ready: Folder) -> None:
    (ready.root / ".git" / "index.lock").touch()
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert (done.returncode, "another git holds" in done.stderr) == (1, True)
    (ready.root / ".git" / "index.lock").unlink()


def test_a_change_that_makes_no_valid_manifest_is_not_written(ready: Folder) -> None:
    ready.edit(FILE, '    green: {version: "1.1.0"}\n', "")
    ready.commit()
    told = refused(ready)
    assert f"{FILE}:" in told
    assert "green" in told


def test_a_hook_that_rewrites_the_file_and_stages_it_leaves_a_clean_work_tree(ready: Folder) -> None:
    file = "environments/production.yaml"
    hook(ready, "pre-commit", f"echo '# formatted' >> {file} && git add {file}")
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert ready.git("show", f"HEAD:{file}").rstrip().endswith("# formatted")
    assert ready.git("status", "--porcelain", "--", file) == ""


def test_a_hook_that_rewrites_the_file_after_it_is_staged_is_told_of(ready: Folder) -> None:
    file = "environments/production.yaml"
    hook(ready, "post-commit", f"echo '# a stamp' >> {file}")
    done = ready.reconcile("switch", "production", "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{file} is not as it was committed: a hook has changed one of them; see: git -C" in done.stdout
    assert (ready.root / file).read_text().endswith("# a stamp\n")


def test_a_hook_that_says_no_is_heard_and_the_file_is_as_it_was(ready: Folder) -> None:
    hook(ready, "pre-commit", "echo 'not on a Friday' >&2; exit 1")
    assert "not on a Friday" in refused(ready)


def test_who_has_no_name_for_git_is_told_and_none_is_made_up(ready: Folder) -> None:
    for name in [name for name in ready.environ if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]:
        del ready.environ[name]
    assert "git config --global user.name" in refused(ready)


def test_where_nobody_can_be_asked_nothing_is_done_without_a_yes(ready: Folder) -> None:
    before = standing(ready)
    done = ready.process("switch", "production", "green")
    assert (done.returncode, standing(ready)) == (64, before)
    assert "--yes" in done.stderr
    assert "green 100 %" in done.stdout, "the preview was shown"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("switch", "prodution", "green"), "did you mean 'production'?"),
        (("switch", "production", "red"), "'red' is not one of"),
        (("pin", "production", "green", "1 2"), "'1 2' is no version"),
        (("pin", "production", "green", '1"}'), "is no version"),
        (("switch", "production", "green", "--yes", "-m", " "), "-m is empty"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_the_command_line(ready: Folder, words: tuple[str, ...], told: str) -> None:
    before = standing(ready)
    done = ready.reconcile(*words)
    assert (done.returncode, told in done.stderr, standing(ready)) == (64, True, before), done.stderr


@pytest.mark.parametrize("leave", [(), ("--no-commit",)])
def test_the_version_that_serves_is_not_pinned_anew_unless_it_is_forced(ready: Folder, leave: tuple[str, ...]) -> None:
    """A commit that nothing can be done with holds up every later one."""
    on_record(ready, Bootstrapped(Release(Slot.BLUE, "1.0.0")))
    before = standing(ready)
    words = ("pin", "production", "blue", "1.2.0", "--yes", *leave)
    done = ready.reconcile(*words)
    assert (done.returncode, standing(ready)) == (3, before), done.stderr
    assert "nothing was changed: StablePinned: blue@1.0.0 serves the users" in done.stderr
    assert ready.reconcile(*words, "--force").returncode == 0
    assert 'blue: {version: "1.2.0"}' in (ready.root / FILE).read_text("utf-8")


def test_a_version_that_is_held_is_not_asked_for_again_unless_it_is_forced(ready: Folder) -> None:
    blue, green = Release(Slot.BLUE, "1.0.0"), Release(Slot.GREEN, "1.1.0")
    began = Began("t", blue, green, "d", ready.git("rev-parse", "HEAD"), ())
    turned = RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "errors", hold=True)
    on_record(ready, Bootstrapped(blue), began, turned, Ended(Phase.ROLLED_BACK, ""))
    assert "RevisionHeld: green@1.1.0 is held (AnalysisFailed: errors)" in refused(ready, code=3)
    assert ready.reconcile("switch", "production", "green", "--yes", "--force").returncode == 0


def on_record(folder: Folder, *events: Event) -> None:
    with Session.open(str(folder.root / "reconciler.toml")) as session:
        for event in events:
            session.journal.append("production", event, actor="ann")


# ---- who is asked ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def typing(folder: Folder, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command on a terminal; what is typed goes into the number."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", *words]
    try:
        with subprocess.Popen(
            command,
            cwd=folder.root,
            env=folder.environ,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            yield process, ours
    finally:
        os.close(ours)
        os.close(theirs)


def interrupted(process: subprocess.Popen[str]) -> None:
    """As by Ctrl-C, and again: one that comes just before Python waits for a line is not heard until the next. But not
    soon: a second one breaks off what the first has begun."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_on_a_terminal_the_person_decides(ready: Folder, answer: str, code: int) -> None:
    before = standing(ready)
    with typing(ready, "switch", "production", "green") as (process, keys):
        os.write(keys, answer.encode())
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == code, said
    assert (standing(ready) == before) is (code == 1)
    assert ("nothing was committed" in said) is (code == 1)


@pytest.mark.parametrize("gone", [False, True])
def test_what_somebody_changes_while_it_is_asked_is_not_lost(ready: Folder, gone: bool) -> None:
    head = ready.git("rev-parse", "HEAD")
    with typing(ready, "switch", "production", "green") as (process, keys):
        asked(process)
        ready.edit(FILE, "soak: 30s", "soak: 40s")
        if gone:
            (ready.root / FILE).unlink()
        os.write(keys, b"y\n")
        said = process.communicate(timeout=PATIENCE)[0]
    assert (process.returncode, ready.git("rev-parse", "HEAD")) == (1, head), said
    assert "has changed meanwhile" in said
    assert (ready.root / FILE).exists() is not gone
    assert gone or "soak: 40s" in (ready.root / FILE).read_text("utf-8")


def asked(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = ""
    while "commit it" not in said:
        one = process.stdout.read(1)
        assert one, said
        said += one


def test_ctrl_c_at_the_question_leaves_everything_as_it_was(ready: Folder) -> None:
    before = standing(ready)
    with typing(ready, "switch", "production", "green") as (process, _):
        asked(process)
        interrupted(process)
    assert (process.returncode, standing(ready)) == (130, before)


def test_ctrl_c_while_a_hook_works_puts_the_file_back(ready: Folder) -> None:
    (ready.root / "state").mkdir()
    hold, begun = ready.root / "state" / "hold", ready.root / "state" / "begun"
    hold.touch()
    hook(ready, "pre-commit", f"touch {begun}; while [ -f {hold} ]; do sleep 0.05; done")
    before = standing(ready)
    with typing(ready, "switch", "production", "green", "--yes") as (process, _):
        deadline = time.monotonic() + PATIENCE
        while not begun.exists():
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
        assert (ready.root / FILE).read_bytes() != before[2]
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        hold.unlink()
    assert (process.returncode, standing(ready)) == (130, before)
    assert not Path(ready.root / ".git" / "index.lock").exists()
