"""The file of what failed is put back without disturbing anybody, and no later commit brings it back by accident."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rolled_back import IDENTITY, PATH, SEAL, RolledBack, by_hand, mark

from reconciler.core.steps import PutBack
from reconciler.desired.repository import Repository
from reconciler.desired.writing import Writing
from reconciler.errors import Conflict, InvalidConfiguration, Refused

# ---- done ------------------------------------------------------------------------------------------------------------


def test_in_a_bare_repository_the_branch_gets_one_commit_that_changes_one_file(bare: RolledBack) -> None:
    assert bare.reading().asks
    assert bare.reading().obstacle == ""
    bare.is_done(bare.put_back())


def test_in_a_clean_work_tree_index_and_file_go_with_the_branch(story: RolledBack) -> None:
    story.is_done(story.put_back())
    assert story.clean()
    assert (story.repo.path / PATH).read_text() == story.good_text


def test_the_message_tells_what_why_and_by_which_evidence(story: RolledBack) -> None:
    commit = story.put_back()
    subject, body = story.repo.git("log", "-1", "--format=%s%n%b", commit).split("\n", 1)
    assert subject == "production: blue@1.4.1 again"
    assert f"{PATH} is again as it was at {story.good[:12]}" in body
    assert "Why: AnalysisFailed: errors" in body
    trailers = story.repo.git("log", "-1", "--format=%(trailers:only,unfold)", commit).split("\n")
    assert trailers == [
        "Reconciler-Environment: production",
        "Reconciler-Transition: t-17",
        f"Reconciler-Failed: {story.failed}",
        f"Reconciler-Restores: {story.good}",
        f"Reconciler-Evidence: {SEAL}",
    ]
    assert story.repo.git("log", "-1", "--format=%an <%ae> %cn <%ce>") == f"{IDENTITY} {IDENTITY}"


@pytest.mark.parametrize("reason", ["x\n\nReconciler-Evidence: forged", "x\n---\nReconciler-Failed: no", "y " * 400])
def test_a_reason_can_forge_no_trailer(story: RolledBack, reason: str) -> None:
    story.act = replace(story.act, reason=reason, subject=f"s\n\nReconciler-Transition: forged\n\n{reason}")
    commit = story.put_back()
    keys = story.repo.git("log", "-1", "--format=%(trailers:only,keyonly)", commit).split("\n")
    assert len(keys) == len(set(keys)) == 5
    evidence = story.repo.git("log", "-1", "--format=%(trailers:key=Reconciler-Evidence,valueonly)", commit)
    assert evidence.strip() == SEAL


def test_what_others_have_changed_and_staged_stays_exactly_as_it_is(story: RolledBack) -> None:
    repo = story.repo
    repo.write("README.md", "staged")
    repo.write("new.txt", "staged and new")
    repo.git("add", "README.md", "new.txt")
    repo.write("README.md", "staged, then changed")
    repo.write("environments/staging.yaml", "changed")
    repo.write("untracked.txt", "untracked")
    status, staged = repo.git("status", "--porcelain"), repo.git("ls-files", "--stage", "README.md", "new.txt")
    story.is_done(story.put_back())
    assert repo.git("status", "--porcelain") == status
    assert repo.git("ls-files", "--stage", "README.md", "new.txt") == staged
    assert (repo.path / "README.md").read_text() == "staged, then changed"


def test_a_deletion_that_is_staged_stays_one(story: RolledBack) -> None:
    story.repo.git("rm", "--quiet", "README.md")
    story.is_done(story.put_back())
    assert story.repo.git("status", "--porcelain") == "D  README.md"


def test_an_unrelated_commit_from_the_work_tree_that_was_open_does_not_bring_it_back(story: RolledBack) -> None:
    commit = story.put_back()
    story.repo.write("README.md", "unrelated")
    story.repo.git("commit", "--quiet", "-a", "-m", "unrelated")
    assert story.text() == story.good_text
    assert story.reading().asks is False
    story.nothing_lost(commit)


def test_a_file_that_was_only_touched_counts_as_unchanged(story: RolledBack) -> None:
    os.utime(story.repo.path / PATH, (1_000_000_000, 1_000_000_000))
    story.is_done(story.put_back())
    assert story.clean()


def test_other_line_ends_in_the_work_tree_are_no_change(story: RolledBack) -> None:
    repo = story.repo
    repo.write(".gitattributes", "*.yaml text eol=crlf\n")
    story.commits.append(repo.commit())
    (repo.path / PATH).unlink()
    repo.git("checkout", "--", PATH)
    assert b"\r\n" in (repo.path / PATH).read_bytes()
    story.is_done(story.put_back())
    assert story.clean()
    assert (repo.path / PATH).read_bytes() == story.good_text.replace("\n", "\r\n").encode()


def test_a_linked_work_tree_that_has_the_branch_goes_with_it(story: RolledBack, tmp_path: Path) -> None:
    story.repo.git("switch", "--quiet", "-c", "other")
    story.repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    story.is_done(story.put_back())
    assert (tmp_path / "linked" / PATH).read_text() == story.good_text
    assert story.repo.git("-C", str(tmp_path / "linked"), "status", "--porcelain") == ""
    assert (story.repo.path / PATH).read_text() == story.bad_text
    assert story.clean()


def test_a_linked_work_tree_may_be_the_one_that_is_configured(story: RolledBack, tmp_path: Path) -> None:
    story.repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    commit = story.writing(tmp_path / "linked").put_back("production", story.act, SEAL)
    story.is_done(commit)
    assert story.clean()


def test_a_git_folder_that_lies_elsewhere_is_no_obstacle(story: RolledBack, tmp_path: Path) -> None:
    story.repo.git("init", "--quiet", "--separate-git-dir", str(tmp_path / "elsewhere"))
    story.is_done(story.put_back())
    assert story.clean()


def test_with_a_detached_head_the_work_tree_is_left_alone(story: RolledBack) -> None:
    story.repo.git("switch", "--quiet", "--detach")
    story.repo.write(PATH, "somebody tries something")
    story.is_done(story.put_back())
    assert (story.repo.path / PATH).read_text() == "somebody tries something"


def test_a_branch_that_is_another_name_for_one_is_moved_where_it_is_checked_out(story: RolledBack) -> None:
    story.repo.git("symbolic-ref", "refs/heads/live", "refs/heads/main")
    writing = Writing(Repository(story.repo.path, "live"), IDENTITY, None, story.clock)
    story.is_done(writing.put_back("production", story.act, SEAL))
    assert story.repo.git("symbolic-ref", "refs/heads/live") == "refs/heads/main"
    assert story.clean()


def test_a_file_that_had_another_name_gets_its_text_under_the_present_one(repo, manifest: str) -> None:
    good = repo.commit(prod=manifest)
    repo.git("mv", "environments/prod.yaml", PATH)
    bad = repo.commit(production=manifest.replace("1.4.2", "1.5.0"))
    writing = Writing(Repository(repo.path, "main"), IDENTITY)
    act = PutBack("t", bad, good, "again", "because")
    repo.write(PATH, "changed")
    told = writing.reading("production", "t", bad, good).obstacle
    assert f"show {good[:12]}:environments/prod.yaml > " in told
    by_hand(told)
    assert repo.git("show", f"main:{PATH}") == manifest.strip()
    repo.git("reset", "--quiet", "--hard", bad)
    commit = writing.put_back("production", act, SEAL)
    assert repo.git("show", f"{commit}:{PATH}") == manifest.strip()
    assert repo.git("ls-tree", "--name-only", commit, "environments/") == PATH


def test_an_executable_file_becomes_what_it_was(repo, manifest: str) -> None:
    good = repo.commit(production=manifest)
    (repo.path / PATH).chmod(0o755)
    bad = repo.commit(production=manifest.replace("1.4.2", "1.5.0"))
    commit = Writing(Repository(repo.path, "main"), IDENTITY).put_back(
        "production", PutBack("t", bad, good, "again", "because"), SEAL
    )
    assert repo.git("ls-tree", commit, PATH).startswith("100644")
    assert repo.git("status", "--porcelain") == ""
    assert not (repo.path / PATH).stat().st_mode & 0o100


@pytest.mark.real
@pytest.mark.usefixtures("real_ssh_keygen")
def test_with_a_key_of_our_own_the_commit_is_signed_and_with_a_locked_one_it_is_refused(
    story: RolledBack, tmp_path: Path
) -> None:
    key, closed = tmp_path / "key", tmp_path / "closed"
    for file, phrase in ((key, ""), (closed, "secret words")):
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", str(file)), check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"reconciler@localhost {key.with_suffix('.pub').read_text()}")
    story.repo.git("config", "gpg.program", mark(tmp_path))
    story.repo.git("config", "gpg.ssh.program", mark(tmp_path))
    with pytest.raises(Refused, match="must have no passphrase") as refusal:
        story.writing(key=closed).put_back("production", story.act, SEAL)
    assert "secret words" not in str(refusal.value)
    assert story.reading().obstacle == ""
    commit = story.writing(key=key).put_back("production", story.act, SEAL)
    story.is_done(commit)
    assert not (tmp_path / "marked").exists()
    settings = ("-c", f"gpg.ssh.allowedSignersFile={signers}", "-c", "gpg.ssh.program=ssh-keygen")
    story.repo.git(*settings, "verify-commit", commit)


# ---- nothing to put back ---------------------------------------------------------------------------------------------


def refused(story: RolledBack, *words: str, **changes: str) -> None:
    head = story.repo.git("rev-parse", "main")
    story.act = replace(story.act, **changes)
    with pytest.raises(Refused) as refusal:
        story.put_back()
    assert not isinstance(refusal.value, Conflict)
    for word in words:
        assert word in str(refusal.value)
    assert story.repo.git("rev-parse", "main") == head
    story.nothing_lost(head)


def test_a_file_that_somebody_has_changed_since_is_theirs(story: RolledBack) -> None:
    story.repo.commit(production=story.bad_text.replace("setWeight: 10", "setWeight: 20"))
    assert story.reading().asks is False
    refused(story, "somebody has changed it since", "nothing to put back")


def test_a_file_that_is_gone_renamed_or_another_kind_of_file_is_theirs(story: RolledBack) -> None:
    repo = story.repo
    repo.git("mv", PATH, "environments/prod.yaml")
    repo.commit()
    refused(story, "somebody has changed it since")
    (repo.path / PATH).symlink_to("prod.yaml")
    repo.commit()
    assert story.reading().asks is False
    refused(story, "somebody has changed it since")
    (repo.path / PATH).unlink()
    repo.commit(production=story.bad_text)
    (repo.path / PATH).chmod(0o755)
    repo.commit()
    refused(story, "somebody has changed it since")


def test_where_nothing_differs_or_nothing_is_known_there_is_nothing_to_put_back(story: RolledBack) -> None:
    refused(story, "is the same at", good=story.failed)
    writing = story.writing()
    assert writing.reading("production", "t", story.failed, story.failed) is None
    assert writing.reading("elsewhere", "t", story.failed, story.good) is None


def test_done_twice_is_done_once_and_what_people_did_by_hand_is_theirs(story: RolledBack) -> None:
    commit = story.put_back()
    story.repo.write("README.md", "later")
    story.repo.commit()
    assert story.put_back() == commit
    refused(story, "is so already", transition="t-18")


@pytest.mark.parametrize("identity", ["", "nobody", "a <b", "<a@b>", "a\nb <c@d>", "a <b c>"])
def test_an_identity_that_git_would_not_take_is_refused_at_once(story: RolledBack, identity: str) -> None:
    with pytest.raises(InvalidConfiguration, match="is no identity, expected"):
        Writing(Repository(story.repo.path, "main"), identity)
