"""Somebody else at the same moment, a crash in between, a repository that goes: no commit is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rolled_back import PATH, SEAL, RolledBack, before

from reconciler.desired.committing import Committer
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.writing import Writing
from reconciler.errors import Conflict, ReconcilerError, Refused, Unreachable

# ---- at the same moment ----------------------------------------------------------------------------------------------


def test_a_branch_that_moves_between_check_and_write_is_a_conflict_and_nothing_is_lost(
    bare: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = bare.repo.git("rev-parse", "main^{tree}")
    theirs: list[str] = []

    def push() -> None:
        theirs.append(bare.repo.git("commit-tree", "-p", "main", "-m", "theirs", tree))
        bare.repo.git("update-ref", "refs/heads/main", theirs[0])

    before(monkeypatch, "update-ref", push)
    with pytest.raises(Conflict, match="has moved"):
        bare.put_back()
    assert bare.repo.git("rev-parse", "main") == theirs[0]
    bare.nothing_lost(*theirs)
    commit = bare.put_back()
    bare.is_done(commit)
    bare.nothing_lost(*theirs)


def test_a_work_tree_is_moved_back_when_the_branch_has_moved(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = story.repo.git("rev-parse", "main^{tree}")

    def push() -> None:
        commit = story.repo.git("commit-tree", "-p", "main", "-m", "theirs", tree)
        story.repo.git("update-ref", "refs/heads/main", commit)
        story.commits.append(commit)

    before(monkeypatch, "update-ref", push)
    with pytest.raises(Conflict):
        story.put_back()
    assert story.clean()
    assert (story.repo.path / PATH).read_text() == story.bad_text
    story.nothing_lost()
    story.is_done(story.put_back())


@pytest.mark.parametrize("everything", [True, False])
def test_a_commit_from_the_work_tree_in_between_takes_the_good_text_along(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    def commit() -> None:
        story.repo.write("README.md", "in between")
        story.repo.git("commit", "--quiet", *(["-a"] if everything else []), "-m", "in between")

    before(monkeypatch, "update-ref", commit)
    with pytest.raises(Conflict):
        story.put_back()
    assert story.text() == story.good_text
    assert story.reading().asks is False
    assert story.repo.git("status", "--porcelain", PATH) == ""
    assert (story.repo.path / "README.md").read_text() == "in between"
    story.nothing_lost()


def test_an_edit_in_the_last_moment_is_kept(story: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    before(monkeypatch, "add", lambda: story.repo.write(PATH, "my last edit"))
    with pytest.raises(Refused, match="cannot be moved"):
        story.put_back()
    assert (story.repo.path / PATH).read_text() == "my last edit"
    story.is_pending("not committed")
    story.nothing_lost()


def test_after_a_crash_behind_the_commit_the_reading_names_it(story: RolledBack) -> None:
    """Its maker died before it was on record; a commit of somebody else's that says the same is not ours."""
    commit = story.put_back()
    assert (story.reading().asks, story.reading().commit) == (False, commit)
    story.repo.commit(production=story.bad_text)
    story.repo.commit(production=story.good_text)
    assert (story.reading().asks, story.reading().commit) == (False, "")


def test_after_a_crash_between_tree_and_reference_the_next_try_finishes(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    before(monkeypatch, "update-ref", crash)
    with pytest.raises(KeyboardInterrupt):
        story.put_back()
    assert story.text() == story.bad_text
    assert story.repo.git("status", "--porcelain") == f"M  {PATH}"
    found = story.reading()
    assert (found.asks, found.obstacle) == (True, "")
    story.is_done(story.put_back())
    assert story.clean()


def test_after_a_crash_between_tree_and_reference_the_next_commit_takes_the_good_text_along(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    before(monkeypatch, "update-ref", crash)
    with pytest.raises(KeyboardInterrupt):
        story.put_back()
    story.repo.write("README.md", "unrelated")
    story.repo.git("commit", "--quiet", "-a", "-m", "unrelated")
    assert story.text() == story.good_text
    assert story.reading().asks is False
    story.nothing_lost()


def editing(story: RolledBack, folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
    """`git commit` with an editor that is open, and stays so until a line is written into the pipe."""
    begun, go, editor = folder / "begun", folder / "go", folder / "editor"
    os.mkfifo(begun)
    os.mkfifo(go)
    editor.write_text(f'#!/bin/sh\necho >{begun}\nread line <{go}\necho "my message" >"$1"\n')
    editor.chmod(0o755)
    words = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", f"core.editor={editor}", "commit")
    environment = {name: value for name, value in os.environ.items() if "EDITOR" not in name}
    process = subprocess.Popen((*words, *arguments), cwd=story.repo.path, env=environment, stderr=subprocess.PIPE)
    begun.read_text()
    return process, go


def test_a_commit_whose_message_is_being_written_is_refused_by_git_and_brings_nothing_back(
    story: RolledBack, tmp_path: Path
) -> None:
    story.repo.write("README.md", "mine")
    story.repo.git("add", "README.md")
    process, go = editing(story, tmp_path)
    commit = story.put_back()
    go.write_text("\n")
    assert b"cannot lock ref" in process.communicate()[1]
    assert (story.repo.path / ".git/COMMIT_EDITMSG").read_text() == "my message\n"
    story.is_done(commit)
    story.repo.git("commit", "--quiet", "-F", ".git/COMMIT_EDITMSG")
    assert story.text() == story.good_text
    assert story.text(path="README.md") == "mine\n"
    story.nothing_lost(commit)


def test_a_commit_of_everything_whose_message_is_being_written_is_waited_for(story: RolledBack, tmp_path: Path) -> None:
    story.repo.write("README.md", "mine")
    process, go = editing(story, tmp_path, "-a")
    story.is_pending("index.lock", "wait for it")
    go.write_text("\n")
    process.communicate()
    assert process.returncode == 0
    story.commits.append(story.repo.git("rev-parse", "main"))
    story.is_done(story.put_back())


def test_two_writers_at_once_make_one_commit(bare: RolledBack) -> None:
    results: list[object] = []
    start = threading.Barrier(2)

    def write(writing: Writing) -> None:
        start.wait()
        try:
            results.append(writing.put_back("production", bare.act, SEAL))
        except ReconcilerError as error:
            results.append(type(error))

    threads = [threading.Thread(target=write, args=(bare.writing(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = {one for one in results if isinstance(one, str)}
    assert len(made) == 1
    assert {one for one in results if not isinstance(one, str)} <= {Conflict, Refused}
    assert bare.repo.git("rev-list", "--count", f"{bare.head}..main") == "1"
    bare.is_done(made.pop())


def test_two_environments_that_failed_at_once_are_both_put_back(story: RolledBack) -> None:
    writing = story.writing()
    first = writing.put_back("production", story.act, SEAL)
    second = writing.put_back("staging", replace(story.act, transition="t-18"), SEAL)
    assert story.text(path="environments/staging.yaml") != story.neighbour
    assert story.text() == story.good_text
    assert story.clean()
    story.nothing_lost(first, second)


def test_a_repository_that_vanishes_does_not_answer(story: RolledBack, tmp_path: Path) -> None:
    writing = story.writing()
    assert writing.reading("production", "t-17", story.failed, story.good).asks
    story.repo.path.rename(tmp_path / "away")
    with pytest.raises(Unreachable) as told:
        writing.put_back("production", story.act, SEAL)
    assert str(story.repo.path) in str(told.value)
    assert writing.reading("production", "t-17", story.failed, story.good).asks is None
    (tmp_path / "away").rename(story.repo.path)
    story.is_done(writing.put_back("production", story.act, SEAL))


def test_a_repository_that_vanishes_in_the_middle_does_not_answer(
    story: RolledBack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, "write-tree", lambda: story.repo.path.rename(tmp_path / "away"))
    with pytest.raises(Unreachable):
        story.put_back()
    (tmp_path / "away").rename(story.repo.path)
    monkeypatch.undo()
    for left in (story.repo.path / ".git").glob("reconciler-*"):
        shutil.rmtree(left)  # the private index, which could not be cleaned up where it was not
    assert story.clean()
    story.is_done(story.put_back())


def test_a_git_that_hangs_is_ended_and_its_effect_looked_up(
    story: RolledBack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsleep 600\n")
    program.chmod(0o755)
    writing = story.writing()
    assert writing.reading("production", "t-17", story.failed, story.good).obstacle == ""
    story.clock.seconds = 6
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        patch.setattr("reconciler.desired.plumbing.SECONDS", 0.3)
        found = writing.reading("production", "t-17", story.failed, story.good)
        assert found.asks is True
        assert "has not ended in 0.3 s" in found.obstacle
        with pytest.raises(Unreachable, match="is the disk, or its network, away"):
            writing.put_back("production", story.act, SEAL)
    monkeypatch.undo()
    story.is_done(story.put_back())


def test_a_reference_that_git_moves_without_telling_in_time_is_found_moved(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deed is done, and its maker is thought to hang."""
    move = Committer.move

    def silent(*arguments: Any) -> None:
        move(*arguments)
        raise Unreachable("`git update-ref` has not ended in 20 s")

    monkeypatch.setattr(Committer, "move", silent)
    story.is_done(story.put_back())
    assert story.clean()


# ---- a look costs little ---------------------------------------------------------------------------------------------


def test_an_unchanged_repository_is_asked_every_five_seconds_and_a_change_is_seen_at_once(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = Plumbing.run, []
    monkeypatch.setattr(Plumbing, "run", lambda *a, **k: (count.append(a), real(*a, **k))[1])
    writing = story.writing()

    def look() -> tuple[Any, int]:
        count.clear()
        return writing.reading("production", "t-17", story.failed, story.good), len(count)

    assert look()[1] > 0
    story.clock.seconds = 4.9
    assert look()[1] == 0
    story.repo.write(PATH, "an edit that no mark shows")
    assert look()[0].obstacle == ""
    story.clock.seconds = 5.1
    found, processes = look()
    assert "not committed" in found.obstacle
    assert processes
    story.repo.git("stash", "--quiet")
    assert look()[0].obstacle == ""
    story.put_back()
    found, processes = look()
    assert found.asks is False
    assert processes == 2  # whose commit it is
    assert look()[1] == 0
