"""A vote is put into a real repository: by whom, signed by what, and with nobody else's programs or files touched."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desired_keys import PgpKey, SshKey, gnupg, object_of
from desired_repository import GitRepository

from reconciler.core.model import Stage
from reconciler.desired import voting as module
from reconciler.desired.ballots import BRANCH
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.vote_text import compose
from reconciler.desired.votes import Votes
from reconciler.desired.voting import tag_command, vote
from reconciler.errors import Conflict, Refused, UsageError

PLAN = "ab" * 32
TEXT = compose("production", "shift", PLAN, "approve", "looks good")
PATH = "environments/production.yaml"


class Person:
    """Whose configuration git finds."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = home / ".gitconfig"
        home.mkdir()
        for who in ("AUTHOR", "COMMITTER"):
            for what in ("NAME", "EMAIL"):
                monkeypatch.delenv(f"GIT_{who}_{what}", raising=False)
        monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        self.set("user.name", "Anna")
        self.set("user.email", "anna@corp.example")

    def set(self, key: str, value: str) -> None:
        subprocess.run(("git", "config", "--file", self.file, key, value), check=True)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path / "home", monkeypatch)


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Repository]]:
    every: list[Repository] = []

    def opening(path: Path) -> Repository:
        every.append(Repository(path, "main"))
        return every[-1]

    yield opening
    for one in every:
        one.close()


@pytest.fixture
def place(repo: GitRepository, opened: Callable[[Path], Repository]) -> Repository:
    repo.commit(production="x")
    return opened(repo.path)


def read(repository: Repository, signers: Signers | None = None):
    head = repository.head()
    return Votes(repository, signers).read("production", Stage.SHIFT, PLAN, "", head)


# ---- whose it is -----------------------------------------------------------------------------------------------------


def test_a_vote_carries_the_persons_own_name_and_is_found_by_the_reader(repo, person: Person, place) -> None:
    name = vote(place, TEXT)
    (found,) = read(place)
    assert (found.id, found.by, found.verified, found.reason) == (name, "anna@corp.example", False, "looks good")
    assert repo.git("show", "--no-patch", "--format=%an <%ae> %cn <%ce>", name) == " ".join(
        ["Anna <anna@corp.example>"] * 2
    )
    assert repo.git("ls-tree", name) == ""


def test_a_vote_in_a_bare_repository_is_like_any_other(repo, person: Person, place, tmp_path: Path, opened) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    bare = opened(tmp_path / "bare.git")
    first, second = vote(bare, TEXT), vote(bare, TEXT)
    assert [one.id for one in read(bare)] == [first, second]


def test_a_vote_from_a_linked_work_tree_lands_where_all_of_them_look(repo, person, place, tmp_path, opened) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    name = vote(opened(tmp_path / "linked"), TEXT)
    assert [one.id for one in read(place)] == [name]


def test_nobody_without_a_name_votes_and_the_commands_are_told(person: Person, place, repo) -> None:
    person.file.unlink()
    repo.git("config", "user.name", "The Repository")
    repo.git("config", "user.email", "repository@corp.example")
    with pytest.raises(UsageError) as caught:
        vote(place, TEXT)
    assert 'git config --global user.name "YOUR NAME"; git config --global user.email YOUR@ADDRESS' in str(caught.value)
    assert read(place) == ()


def test_what_is_no_vote_is_not_written(person: Person, place) -> None:
    for action in (lambda: vote(place, "hello"), lambda: tag_command("hello")):
        with pytest.raises(UsageError, match="not the text of a vote"):
            action()


# ---- signing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def anna(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "anna@corp.example")


def signers_of(tmp_path: Path, *keys: SshKey) -> Signers:
    file = tmp_path / "allowed_signers"
    file.write_text("".join(key.line() for key in keys))
    return Signers(file)


@pytest.mark.parametrize("by_habit", [True, False])
def test_a_vote_is_signed_with_the_persons_ssh_key(person: Person, place, anna, tmp_path: Path, by_habit: bool) -> None:
    person.set("gpg.format", "ssh")
    person.set("user.signingKey", str(anna.file))
    if by_habit:
        person.set("commit.gpgSign", "true")
    vote(place, TEXT, sign=not by_habit)
    assert [(one.by, one.verified) for one in read(place, signers_of(tmp_path, anna))] == [("anna@corp.example", True)]


def test_a_vote_is_signed_with_the_persons_openpgp_key(person: Person, place, tmp_path: Path, monkeypatch) -> None:
    with gnupg() as home:
        key = PgpKey(home, "Anna <anna@corp.example>")
        monkeypatch.setenv("GNUPGHOME", home)
        vote(place, TEXT, sign=True)
        (tmp_path / "signers.gpg").write_bytes(key.export())
        (found,) = read(place, Signers(None, tmp_path / "signers.gpg"))
    assert (found.by, found.verified) == ("anna@corp.example", True)


def test_a_person_without_a_key_is_told_what_to_type_and_nothing_is_written(person: Person, place, tmp_path) -> None:
    person.set("gpg.format", "ssh")
    with pytest.raises(UsageError, match=r"git config --global user\.signingKey"):
        vote(place, TEXT, sign=True)
    person.set("user.signingKey", str(tmp_path / "none"))
    with pytest.raises(Refused, match="commit-tree") as told:
        vote(place, TEXT, sign=True)
    assert str(told.value).endswith("No such file or directory"), "git's own text ends with a ?"
    assert read(place) == ()


def test_a_tag_that_is_typed_as_told_is_a_vote(person: Person, repo, place, anna: SshKey, tmp_path: Path) -> None:
    person.set("gpg.format", "ssh")
    person.set("user.signingKey", str(anna.file))
    command = tag_command(compose("production", "shift", PLAN, "reject", "it's\n# odd; $(touch x) `touch x`"))
    tag, push = command.rsplit("\n", 1)
    assert push.startswith("git push origin refs/tags/reconciler/20")
    subprocess.run(("sh", "-c", tag), cwd=repo.path, check=True)
    (found,) = read(place, signers_of(tmp_path, anna))
    assert (found.approve, found.verified) == (False, True)
    assert found.reason == "it's\n> # odd; $(touch x) `touch x`"
    assert not (repo.path / "x").exists()


def test_two_people_who_are_sent_the_same_command_give_two_votes_and_push_both(
    person: Person, repo, place, anna: SshKey, mallory: SshKey, tmp_path: Path
) -> None:
    person.set("gpg.format", "ssh")
    command = tag_command(TEXT)
    hub, clone = tmp_path / "hub.git", tmp_path / "clone"
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(hub))
    subprocess.run(("git", "clone", "--quiet", hub, clone), check=True)
    for who, key in (("anna@corp.example", anna), ("o'mallory+1@corp.example", mallory)):
        person.set("user.email", who)
        person.set("user.signingKey", str(key.file))
        subprocess.run(("sh", "-e", "-c", command), cwd=clone, check=True)
    repo.git("fetch", "--quiet", "--tags", str(hub))
    assert sorted(vote.by for vote in read(place)) == ["anna@corp.example", "o'mallory+1@corp.example"]


# ---- nothing else is touched or run ----------------------------------------------------------------------------------


def test_nothing_that_the_repository_configures_is_run_or_believed(
    repo, person: Person, place, anna: SshKey, tmp_path: Path
) -> None:
    mark, hostile = tmp_path / "was-run", tmp_path / "hostile"
    hostile.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hostile.chmod(0o755)
    hooks = repo.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "prepare-commit-msg"):
        (hooks / name).write_text(hostile.read_text())
        (hooks / name).chmod(0o755)
    repo.git("config", "core.hooksPath", str(hooks))
    for key in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program", "core.editor"):
        repo.git("config", key, str(hostile))
    for key in ("gpg.ssh.defaultKeyCommand", "core.fsmonitor", "core.pager", "core.sshCommand"):
        repo.git("config", key, str(hostile))
    repo.git("config", "commit.gpgSign", "true")
    repo.git("config", "user.signingKey", str(tmp_path / "none"))
    mark.unlink(missing_ok=True)
    plain = vote(place, TEXT)
    assert b"gpgsig" not in object_of(repo, plain)
    person.set("gpg.format", "ssh")
    person.set("user.signingKey", str(anna.file))
    vote(place, TEXT, sign=True)
    assert [one.verified for one in read(place, signers_of(tmp_path, anna))] == [False, True]
    assert not mark.exists()


def test_a_dirty_work_tree_in_the_middle_of_a_merge_stays_as_it_is(repo, person: Person, place) -> None:
    repo.git("switch", "--quiet", "-c", "side")
    repo.commit(production="side")
    repo.git("switch", "--quiet", "main")
    repo.commit(production="main")
    with pytest.raises(subprocess.CalledProcessError):
        repo.git("merge", "--quiet", "side")
    repo.write("untracked", "x")

    def state() -> list[object]:
        index = (repo.path / ".git/index").read_bytes()
        return [index, repo.git("status", "--porcelain=v2"), repo.git("rev-parse", "HEAD", "MERGE_HEAD")]

    before = state()
    vote(place, TEXT)
    assert state() == before


def test_a_git_that_this_process_was_started_from_leads_nowhere_else(
    repo, make_repo, person: Person, place, monkeypatch
) -> None:
    """As it is inside a hook."""
    decoy = make_repo("decoy")
    monkeypatch.setenv("GIT_DIR", str(decoy.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(decoy.path / ".git/index"))
    name = vote(place, TEXT)
    monkeypatch.delenv("GIT_DIR")
    assert repo.git("rev-parse", BRANCH) == name


# ---- others vote, too ------------------------------------------------------------------------------------------------


def test_people_who_vote_at_once_all_land(repo, person: Person, place, opened) -> None:
    """None of them has to try again by hand: who loses waits a little, each for another time."""
    landed: list[str] = []
    begin = threading.Barrier(16)

    def work() -> None:
        repository = opened(repo.path)
        begin.wait()
        landed.append(vote(repository, TEXT))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(landed)) == 16
    assert {one.id for one in read(place)} == set(landed)


def test_somebody_approves_and_somebody_rejects_at_once_and_both_are_read(repo, person: Person, place, opened) -> None:
    """Whichever landed first: the no is taken first (tests/core), so both have to be there at the same look."""
    begin, landed = threading.Barrier(2), dict[str, str]()

    def work(text: str) -> None:
        repository = opened(repo.path)
        begin.wait()
        landed[text] = vote(repository, text)

    no = TEXT.replace("approve", "reject")
    threads = [threading.Thread(target=work, args=(text,)) for text in (TEXT, no)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.id: one.approve for one in read(place)} == {landed[TEXT]: True, landed[no]: False}


def test_a_lock_that_is_there_for_a_moment_is_waited_for(repo, person: Person, place, monkeypatch) -> None:
    lock = repo.write(f".git/{BRANCH}.lock", "")
    real = module._Git.moved

    def moved(self, *words):
        done = real(self, *words)
        lock.unlink(missing_ok=True)
        return done

    monkeypatch.setattr(module._Git, "moved", moved)
    mine = vote(place, TEXT)
    assert [one.id for one in read(place)] == [mine]


def test_a_branch_that_moves_between_check_and_write_loses_no_vote(repo, person: Person, place, monkeypatch) -> None:
    other: list[str] = []
    real = module._Git.commit

    def commit(self, *words):
        made = real(self, *words)
        if not other:
            other.append(made)  # so that the second time nobody is in between
            other.append(vote(place, TEXT.replace("looks good", "me first")))
        return made

    monkeypatch.setattr(module._Git, "commit", commit)
    mine = vote(place, TEXT)
    assert [one.id for one in read(place)] == [other[1], mine]


def test_a_branch_that_always_moves_is_told(repo, person: Person, place, monkeypatch) -> None:
    head, tips = repo.git("rev-parse", "main"), iter(range(100))

    def commit(self, *words):
        tip = repo.git("commit-tree", f"{head}^{{tree}}", "-m", str(next(tips)))
        repo.git("update-ref", BRANCH, tip)
        return head

    monkeypatch.setattr(module._Git, "commit", commit)
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    with pytest.raises(Conflict, match=f"moved {module.ATTEMPTS} times"):
        vote(place, TEXT)


@pytest.mark.parametrize("obstacle", ["a lock", "a branch in the way"])
def test_what_stands_in_the_way_is_told(repo, person: Person, place, obstacle: str) -> None:
    if obstacle == "a lock":
        repo.write(f".git/{BRANCH}.lock", "")
    else:
        repo.git("branch", "reconciler")
    with pytest.raises(Refused, match="git does not write refs/heads/reconciler/approvals: "):
        vote(place, TEXT)
    assert read(place) == ()


def test_a_git_that_is_missing_is_told(person: Person, place, monkeypatch, tmp_path: Path) -> None:
    place.head()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="git cannot be started"):
        vote(place, TEXT)
