"""Whoever is at work in the repository is left alone and told what to type; no program but git is ever run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desired_keys import SshKey, commit_signed
from rolled_back import HOOKS, IDENTITY, PATH, SEAL, RolledBack, attempt, before, by_hand, mark

from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.writing import Writing
from reconciler.errors import Refused

# ---- in the way ------------------------------------------------------------------------------------------------------


def test_a_file_that_is_changed_is_kept_and_the_command_is_named(story: RolledBack) -> None:
    story.repo.write(PATH, "my edit")
    told = story.is_pending("has changes that are not committed", "stash push", f"restore --source={story.good[:12]}")
    assert (story.repo.path / PATH).read_text() == "my edit"
    by_hand(told)
    assert story.text() == story.good_text
    assert story.clean()
    story.nothing_lost()


def test_after_the_stash_that_is_proposed_it_is_put_back_by_itself(story: RolledBack) -> None:
    story.repo.write(PATH, "my edit")
    story.repo.git("stash", "push", "--quiet", "--", PATH)
    story.is_done(story.put_back())
    assert story.repo.git("show", "stash@{0}:" + PATH) == "my edit"


def test_a_file_that_is_staged_deleted_a_link_or_hidden_from_git_is_kept(story: RolledBack) -> None:
    repo, file = story.repo, story.repo.path / PATH
    repo.write(PATH, "my edit")
    repo.git("add", PATH)
    story.is_pending("not committed")
    repo.git("reset", "--quiet", "--hard")
    file.unlink()
    story.is_pending("not committed")
    file.symlink_to("staging.yaml")
    story.is_pending("not committed")
    repo.git("reset", "--quiet", "--hard")
    file.chmod(0o755)
    story.is_pending("not committed")
    repo.git("config", "core.fileMode", "false")
    assert story.reading().obstacle == ""
    repo.git("config", "core.fileMode", "true")
    repo.git("reset", "--quiet", "--hard")
    repo.git("update-index", "--assume-unchanged", PATH)
    story.is_pending("not committed")
    repo.git("update-index", "--no-assume-unchanged", PATH)
    story.is_done(story.put_back())


def test_a_folder_that_is_a_link_is_not_followed(story: RolledBack, tmp_path: Path) -> None:
    (story.repo.path / "environments").rename(tmp_path / "outside")
    (story.repo.path / "environments").symlink_to(tmp_path / "outside")
    story.is_pending("not committed")
    assert (tmp_path / "outside/production.yaml").read_text() == story.bad_text


def diverge(story: RolledBack) -> None:
    """Branch `other` and `main` change the same line of README.md."""
    repo = story.repo
    repo.git("switch", "--quiet", "-c", "other")
    repo.write("README.md", "other")
    repo.commit()
    repo.git("switch", "--quiet", "main")
    repo.write("README.md", "main")
    story.commits.append(repo.commit())


@pytest.mark.parametrize(
    ("begin", "told", "end"),
    [
        (("merge", "other"), "a merge", ("merge", "--abort")),
        (("cherry-pick", "other"), "a cherry-pick", ("cherry-pick", "--abort")),
        (("rebase", "other"), "a rebase", ("rebase", "--abort")),
        (("rebase", "--apply", "other"), "a rebase", ("rebase", "--abort")),
        (("bisect", "start", "main", "main~3"), "a bisect", ("bisect", "reset")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_under_way_is_not_disturbed(story: RolledBack, begin: Any, told: str, end: Any) -> None:
    diverge(story)
    attempt(*begin, folder=story.repo.path)
    pending = story.is_pending(f"{told} is under way in {story.repo.path}", "the file is put back by itself")
    assert f"git -C {story.repo.path} {' '.join(end)}" in pending
    story.repo.git(*end)
    story.is_done(story.put_back())
    assert story.clean()


def test_a_merge_without_conflicts_that_is_not_committed_yet_is_not_disturbed(story: RolledBack) -> None:
    story.repo.git("switch", "--quiet", "-c", "other")
    story.repo.write("more.txt", "more")
    other = story.repo.commit()
    story.repo.git("switch", "--quiet", "main")
    story.repo.git("merge", "--quiet", "--no-ff", "--no-commit", "other")
    story.is_pending("a merge is under way")
    story.repo.git("commit", "--quiet", "-m", "merged")
    story.is_done(story.put_back())
    story.nothing_lost(other)


def test_a_revert_and_a_stopped_am_are_not_disturbed(story: RolledBack, tmp_path: Path) -> None:
    diverge(story)
    attempt("revert", story.head, folder=story.repo.path)
    story.is_pending("a revert is under way", "revert --abort")
    story.repo.git("revert", "--abort")
    (tmp_path / "patch").write_text(story.repo.git("format-patch", "-1", "--stdout", "other") + "\n")
    attempt("am", str(tmp_path / "patch"), folder=story.repo.path)
    story.is_pending("an `am` is under way", "am --abort")


def test_a_rebase_of_this_branch_in_a_linked_work_tree_is_not_disturbed_and_one_of_another_is_no_matter(
    story: RolledBack, tmp_path: Path
) -> None:
    diverge(story)
    linked = tmp_path / "linked"
    story.repo.git("switch", "--quiet", "--detach")
    story.repo.git("worktree", "add", "--quiet", str(linked), "main")
    attempt("rebase", "other", folder=linked)
    story.is_pending(f"a rebase is under way in {linked}")
    story.repo.git("-C", str(linked), "rebase", "--abort")
    story.repo.git("-C", str(linked), "switch", "--quiet", "other")
    attempt("rebase", "main", folder=linked)
    assert (story.repo.path / ".git/worktrees/linked/rebase-merge").exists()
    story.is_done(story.put_back())


def test_conflicts_of_a_stash_are_not_disturbed(story: RolledBack) -> None:
    story.repo.write("README.md", "stashed")
    story.repo.git("stash", "--quiet")
    story.repo.write("README.md", "committed")
    story.commits.append(story.repo.commit())
    attempt("stash", "pop", folder=story.repo.path)
    story.is_pending("has conflicts")


def test_a_work_tree_that_is_gone_is_named_with_what_forgets_it(story: RolledBack, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    story.repo.git("switch", "--quiet", "--detach")
    story.repo.git("worktree", "add", "--quiet", str(linked), "main")
    linked.rename(tmp_path / "away")
    story.is_pending("is gone", f"git -C {story.repo.path} worktree prune")
    story.repo.git("worktree", "lock", str(linked))
    story.is_pending(f"worktree unlock {linked}")
    story.repo.git("worktree", "unlock", str(linked))
    story.repo.git("worktree", "prune")
    story.is_done(story.put_back())


def test_files_that_are_all_gone_are_not_made_anew(story: RolledBack) -> None:
    for name in story.repo.git("ls-files").split("\n"):
        (story.repo.path / name).unlink()
    story.is_pending("not committed")


def test_a_sparse_work_tree_is_left_alone(story: RolledBack) -> None:
    story.repo.git("sparse-checkout", "set", "--no-cone", "/README.md")
    story.is_pending("is sparse", "restore --source")


@pytest.mark.parametrize("file", ["index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"])
def test_a_lock_file_that_another_git_left_is_named_with_its_age_and_never_removed(
    story: RolledBack, file: str
) -> None:
    lock = story.repo.write(f".git/{file}", "")
    os.utime(lock, (1893488400, 1893488400))  # 2030-01-01T09:00:00Z
    story.is_pending(str(lock), "for 3 hours", f"if no git runs there any more: rm {lock}")
    assert lock.exists()
    lock.unlink()
    story.is_done(story.put_back())


def test_a_lock_that_comes_at_the_last_moment_leaves_everything_as_it_was(
    story: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = story.repo.path / ".git/refs/heads/main.lock"
    before(monkeypatch, "update-ref", lock.touch)
    with pytest.raises(Refused, match="cannot be written"):
        story.put_back()
    lock.unlink()
    assert story.clean()
    assert story.text() == story.bad_text
    story.nothing_lost()
    story.is_done(story.put_back())


def test_where_the_head_has_to_be_signed_and_there_is_no_key_the_branch_stays_as_it_is(
    story: RolledBack, tmp_path: Path
) -> None:
    anna, allowed = SshKey(tmp_path, "anna@corp.example"), tmp_path / "allowed"
    allowed.write_text(anna.line())
    anybody = Signers(allowed)
    story.commits.append(commit_signed(story.repo, anna))
    story.repo.git("clone", "--quiet", "--bare", str(story.repo.path), str(tmp_path / "bare.git"))
    for path, typed in (
        (story.repo.path, f"git -C {story.repo.path} commit -S -m"),
        (tmp_path / "bare.git", "git push"),
    ):
        writing = story.writing(path, heads=anybody)
        found = writing.reading("production", "t-17", story.failed, story.good)
        assert "[repository.signing] names no key" in found.obstacle
        assert typed in found.obstacle
        with pytest.raises(Refused, match="has to be signed"):
            writing.put_back("production", story.act, SEAL)
    assert story.clean()
    story.nothing_lost()


# ---- another branch --------------------------------------------------------------------------------------------------


def headed(story: RolledBack) -> Writing:
    """No branch is configured: the one that HEAD names is looked at."""
    return Writing(Repository(story.repo.path), IDENTITY, None, story.clock)


def test_a_branch_that_somebody_switches_to_gets_no_commit_of_ours(story: RolledBack) -> None:
    story.act = replace(story.act, branch="main")
    story.repo.git("switch", "--quiet", "-c", "feature")
    mine = story.repo.git("rev-parse", "feature")
    with pytest.raises(Refused, match="it failed on branch 'main', and 'feature' is looked at now") as refusal:
        headed(story).put_back("production", story.act, SEAL)
    found = headed(story).reading("production", "t-17", story.failed, story.good, "main")
    assert (found.asks, found.obstacle) == (True, str(refusal.value))
    assert (story.repo.git("rev-parse", "feature"), story.repo.git("rev-parse", "main")) == (mine, mine)
    story.repo.git("switch", "--quiet", "main")
    story.is_done(headed(story).put_back("production", story.act, SEAL))


def test_what_another_branch_asks_for_says_nothing_of_the_one_that_failed(story: RolledBack) -> None:
    story.repo.git("switch", "--quiet", "-c", "feature")
    story.repo.commit(production=story.bad_text + "# mine")
    assert headed(story).reading("production", "t-17", story.failed, story.good, "main").asks is True
    story.repo.git("branch", "-D", "main")
    assert headed(story).reading("production", "t-17", story.failed, story.good, "main").asks is False
    with pytest.raises(Refused, match="is gone"):
        headed(story).put_back("production", replace(story.act, branch="main"), SEAL)


# ---- programs that must not run --------------------------------------------------------------------------------------


def test_no_hook_and_no_program_of_the_repositorys_configuration_is_ever_run(
    story: RolledBack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, git = mark(tmp_path), story.repo.path / ".git"
    (git / "hooks").mkdir(exist_ok=True)
    (git / "config").write_text(
        (git / "config").read_text()
        + f"""
[core]
  fsmonitor = {program}
  hooksPath = {git}/hooks
  sshCommand = {program}
  editor = {program}
  pager = {program}
  askPass = {program}
[alias]
  commit-tree = !{program}
  read-tree = !{program}
[gpg]
  program = {program}
[commit]
  gpgSign = true
[filter "x"]
  clean = {program}
  smudge = {program}
  process = {program}
  required = true
[filter "with=sign"]
  smudge = {program}
[diff]
  external = {program}
[diff "x"]
  textconv = {program}
[merge "x"]
  driver = {program}
[gc]
  auto = 1
[notes]
  rewriteRef = refs/notes/*
"""
    )
    for hook in HOOKS:
        (git / "hooks" / hook).write_text(Path(program).read_text())
        (git / "hooks" / hook).chmod(0o755)
    for name in ("GIT_EDITOR", "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PAGER"):
        monkeypatch.setenv(name, program)
    (git / "info").mkdir(exist_ok=True)
    (git / "info/attributes").write_text("README.md filter=x\n*.yaml diff=x merge=x\n")
    story.repo.write("README.md", "changed, so that a refresh would have to clean it")
    (story.repo.path / PATH).write_text(story.bad_text)
    marked = tmp_path / "marked"
    assert story.reading().obstacle == ""
    commit = story.put_back()
    assert not marked.exists()
    assert story.text(commit) == story.good_text
    assert (story.repo.path / PATH).read_text() == story.good_text
    attempt("commit", "-a", "-m", "a person's", folder=story.repo.path)
    assert marked.exists(), "nothing would have left a mark"


@pytest.mark.parametrize("where", [".gitattributes", ".git/info/attributes", "index only"])
def test_a_file_that_goes_through_a_filter_is_left_to_people(story: RolledBack, tmp_path: Path, where: str) -> None:
    for kind in ("clean", "smudge", "process"):
        story.repo.git("config", f"filter.x.{kind}", mark(tmp_path))
    attributes = ".gitattributes" if where == "index only" else where
    story.repo.write(attributes, "environments/* filter=x\n")
    if where == "index only":
        blob = story.repo.git("hash-object", "-w", "--no-filters", ".gitattributes")
        story.repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},.gitattributes")
        story.repo.write(".gitattributes", "")  # read on the way in; the index on the way out
    (tmp_path / "marked").unlink(missing_ok=True)
    (story.repo.path / PATH).write_text(story.bad_text)
    found = story.reading()
    assert "goes through the filter 'x'" in found.obstacle
    with pytest.raises(Refused, match="goes through the filter"):
        story.put_back()
    assert not (tmp_path / "marked").exists()


def test_a_filter_that_comes_at_the_last_moment_is_not_run(
    story: RolledBack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("clean", "smudge"):
        story.repo.git("config", f"filter.x.{kind}", mark(tmp_path))
    before(monkeypatch, "read-tree", lambda: story.repo.write(".git/info/attributes", "* filter=x\n"))
    story.put_back()
    assert not (tmp_path / "marked").exists()
    assert (story.repo.path / PATH).read_text() == story.good_text
