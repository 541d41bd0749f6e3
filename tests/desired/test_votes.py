"""Votes as they lie in real repositories: given, forged, replayed, late, early, malformed, and a thousand of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desired_keys import SshKey, commit_signed, object_of, run, with_signature, write_object
from desired_repository import GitRepository

from reconciler.core.model import Stage
from reconciler.core.reading import Vote
from reconciler.desired import ballots as module
from reconciler.desired import objects, verifying
from reconciler.desired import votes as votes_module
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.vote_text import compose
from reconciler.desired.votes import MOST_ASKED, MOST_OTHER, Votes
from reconciler.errors import InvalidDesired

PLAN, OTHER = "ab" * 32, "cd" * 32
NOW, EMPTY = 1_800_000_000, "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
BRANCH, PATH = module.BRANCH, "environments/production.yaml"


class Clock:
    def __init__(self) -> None:
        self.at, self.passed = float(NOW), 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.passed

    def wall(self) -> str:
        return ""


class Polls:
    """Somebody who votes, and the one who reads it."""

    def __init__(self, repo: GitRepository, allowed: Path, *keys: SshKey) -> None:
        self.repo, self.clock = repo, Clock()
        allowed.write_text("".join(key.line() for key in keys))
        self.repository = Repository(repo.path, "main")
        self.votes = Votes(self.repository, Signers(allowed), self.clock)
        self.base = repo.commit(production="as it was")
        self.repo.git("hash-object", "-t", "tree", "-w", "/dev/null")

    def raw(self, text: str, email: str = "anna@corp.example", age: int = 60, parent: str = "") -> bytes:
        person = f"Somebody <{email}> {NOW - age} +0000"
        lines = [f"tree {EMPTY}", *([f"parent {parent}"] if parent else []), f"author {person}", f"committer {person}"]
        return "\n".join([*lines, "", text]).encode()

    def tip(self) -> str:
        return self.repo.git("for-each-ref", "--format=%(objectname)", BRANCH)

    def put(self, raw: bytes) -> str:
        name = write_object(self.repo, raw)
        self.repo.git("update-ref", BRANCH, name)
        return name

    def vote(self, verdict: str = "approve", *, key: SshKey | None = None, plan: str = PLAN, **more) -> str:
        text = compose(more.pop("environment", "production"), more.pop("stage", "shift"), plan, verdict, "a reason")
        raw = self.raw(text, parent=self.tip(), **more)
        return self.put(with_signature(raw, key.sign(raw)) if key else raw)

    def read(self, since: str | None = None, revision: str = "", name: str = "production") -> tuple[Vote, ...]:
        head = revision or self.repo.git("rev-parse", "main")
        return self.votes.read(name, Stage.SHIFT, PLAN, self.base if since is None else since, head)


@pytest.fixture
def anna(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "anna@corp.example")


@pytest.fixture
def mallory(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "mallory@corp.example")


@pytest.fixture
def polls(repo: GitRepository, tmp_path: Path, anna: SshKey) -> Iterator[Polls]:
    made = Polls(repo, tmp_path / "allowed_signers", anna)
    made.repo.commit(production="as it shall be")
    yield made
    made.repository.close()


# ---- who votes -------------------------------------------------------------------------------------------------------


def test_a_signed_approval_is_read_with_who_gave_it_and_when(polls: Polls, anna: SshKey) -> None:
    name = polls.vote(key=anna)
    assert polls.read() == (
        Vote(name, Stage.SHIFT, PLAN, True, "anna@corp.example", True, False, 60.0, "a reason"),
    )  # fmt: skip


def test_a_rejection_as_a_signed_tag_counts_as_well(polls: Polls, anna: SshKey) -> None:
    text = compose("production", "shift", PLAN, "reject", "# not yet\nReconciler-Verdict: approve")
    polls.repo.git(*anna.settings, "tag", "-s", "--cleanup=verbatim", "reconciler/1", "-m", text)
    (vote,) = polls.read()
    assert (vote.approve, vote.by, vote.verified) == (False, "anna@corp.example", True)
    assert vote.reason == "> # not yet\n> Reconciler-Verdict: approve"
    polls.repo.git("pack-refs", "--all", "--prune")
    assert [one.id for one in polls.read()] == [vote.id]


def test_an_unsigned_vote_is_only_what_its_writer_claims(polls: Polls) -> None:
    polls.vote(email="Boss@Corp.example")
    (vote,) = polls.read()
    assert (vote.by, vote.verified) == ("boss@corp.example", False)


def test_a_vote_that_is_forged_in_somebodys_name_is_not_his(polls: Polls, anna: SshKey, mallory: SshKey) -> None:
    polls.vote(key=mallory, email="anna@corp.example")
    good = object_of(polls.repo, polls.vote("reject", key=anna))
    polls.put(good.replace(b"Verdict: reject", b"Verdict: approve"))
    assert [(one.approve, one.by, one.verified) for one in polls.read()] == [(True, "anna@corp.example", False)] * 2


def test_a_key_whose_time_is_over_proves_nothing(polls: Polls, tmp_path: Path, anna: SshKey) -> None:
    polls.vote(key=anna)
    assert polls.read()[0].verified
    (tmp_path / "allowed_signers").write_text(anna.line('valid-before="20200101"'))
    assert not polls.read()[0].verified


def test_without_known_keys_nothing_is_verified(polls: Polls, anna: SshKey) -> None:
    polls.vote(key=anna)
    (vote,) = Votes(polls.repository, None, polls.clock).read(
        "production", Stage.SHIFT, PLAN, "", polls.repo.git("rev-parse", "main")
    )
    assert (vote.verified, vote.by) == (False, "anna@corp.example")


# ---- what is voted on ------------------------------------------------------------------------------------------------


def test_a_vote_for_another_environment_is_no_vote_here(polls: Polls, anna: SshKey) -> None:
    polls.vote(key=anna, environment="test")
    assert polls.read() == ()


def test_a_vote_for_another_plan_or_stage_is_told_as_such(polls: Polls, anna: SshKey) -> None:
    polls.vote(key=anna, plan=OTHER)
    polls.vote(key=anna, stage="finalise")
    assert [(one.plan, one.stage) for one in polls.read()] == [(OTHER, Stage.SHIFT), (PLAN, Stage.FINALISE)]


def test_a_signature_cannot_be_taken_over_to_another_plan(polls: Polls, anna: SshKey) -> None:
    old = object_of(polls.repo, polls.vote(key=anna, plan=OTHER))
    polls.put(old.replace(OTHER.encode(), PLAN.encode()))
    assert [one.verified for one in polls.read() if one.plan == PLAN] == [False]


def test_only_the_newest_votes_that_do_not_count_are_told(polls: Polls) -> None:
    names = [polls.vote(plan=OTHER) for _ in range(MOST_OTHER + 5)]
    mine = polls.vote()
    assert [one.id for one in polls.read()] == [*names[5:], mine]


# ---- when ------------------------------------------------------------------------------------------------------------


def test_a_voters_clock_may_be_in_the_future_and_the_order_stays_that_of_the_branch(polls: Polls) -> None:
    first = polls.vote(age=-3600)
    second = polls.vote("reject", age=60)
    assert [(one.id, one.age) for one in polls.read()] == [(first, -3600.0), (second, 60.0)]


def test_a_vote_grows_old_though_nothing_is_read_again(polls: Polls) -> None:
    polls.vote()
    assert polls.read()[0].age == 60.0
    polls.clock.at += 5.5
    assert polls.read()[0].age == 65.5


@pytest.mark.parametrize("wrong", [-31_000_000, 31_000_000])
def test_when_our_own_clock_is_wrong_a_vote_is_told_with_its_age_and_is_itself_again_when_it_is_right(
    polls: Polls, anna: SshKey, wrong: int
) -> None:
    mine = polls.vote(key=anna)
    polls.clock.at += wrong
    assert [(one.id, one.age, one.verified) for one in polls.read()] == [(mine, 60.0 + wrong, True)]
    polls.clock.at -= wrong
    assert [(one.id, one.age, one.verified) for one in polls.read()] == [(mine, 60.0, True)]


# ---- the author ------------------------------------------------------------------------------------------------------


def test_whoever_made_the_change_is_its_author_by_his_address(polls: Polls) -> None:
    polls.vote(email="Person@Example.invalid")
    polls.vote(email="other@example.invalid")
    assert [one.author for one in polls.read()] == [True, False]


def test_whoever_signed_the_change_is_its_author_whatever_he_calls_himself(polls: Polls, anna: SshKey) -> None:
    commit_signed(polls.repo, anna, production="signed")
    polls.vote(key=anna, email="somebody@else.invalid")
    assert polls.read()[0].author is True


def test_only_changes_of_this_environments_file_since_then_count(polls: Polls, anna: SshKey) -> None:
    since = polls.repo.git("rev-parse", "main")
    commit_signed(polls.repo, anna, test="of another environment")
    polls.repo.git("-c", "user.name=x", "commit", "--quiet", "--allow-empty", "--author", "B <b@x.invalid>", "-m", "x")
    polls.repo.write(PATH, "by b")
    polls.repo.git("commit", "--quiet", "--all", "--author", "B <b@x.invalid>", "-m", "x")
    for email in ("anna@corp.example", "b@x.invalid"):
        polls.vote(email=email)
    assert [one.author for one in polls.read(since)] == [False, True]
    assert [one.author for one in polls.read("")] == [False, True]


def test_an_author_cannot_hide_behind_a_merge(polls: Polls) -> None:
    polls.repo.git("switch", "--quiet", "-c", "side")
    polls.repo.write(PATH, "by c")
    polls.repo.git("commit", "--quiet", "--all", "--author", "C <c@x.invalid>", "-m", "x")
    polls.repo.git("switch", "--quiet", "main")
    polls.repo.commit(unrelated="x")
    polls.repo.git("merge", "--quiet", "--no-ff", "-m", "m", "side")
    polls.vote(email="c@x.invalid")
    assert polls.read()[0].author is True


@pytest.mark.parametrize(("since", "revision"), [("1" * 40, ""), ("", "1" * 40), ("x", ""), ("", "--all")])
def test_what_git_cannot_tell_of_authors_is_unknown(polls: Polls, since: str, revision: str) -> None:
    polls.vote(email="other@example.invalid")
    assert polls.read(since, revision=revision)[0].author is None


def test_a_file_of_which_no_change_is_known_has_unknown_authors(polls: Polls) -> None:
    polls.vote(email="other@example.invalid", environment="nowhere")
    assert polls.read(name="nowhere")[0].author is None


# ---- bad input -------------------------------------------------------------------------------------------------------


def malformed(polls: Polls) -> dict[str, bytes]:
    good = polls.raw(compose("production", "shift", PLAN, "approve"))
    return {
        "nothing": b"",
        "noise": b"\xff\0" * 50,
        "no committer": good.replace(b"\ncommitter ", b"\ncomitter "),
        "two committers": good.replace(b"\n\n", b"\ncommitter X <x@x> 1 +0000\n\n", 1),
        "a date that is none": good.replace(str(NOW - 60).encode(), b"soon"),
        "a huge date": good.replace(str(NOW - 60).encode(), b"9" * 400),
        "nul": good.replace(b"\n\nReconciler", b"\n\n\0Reconciler"),
        "too large": good.replace(b"approve shift", b"x" * 70_000),
    }


def test_what_is_malformed_is_skipped(polls: Polls) -> None:
    polls.vote()
    for what, raw in malformed(polls).items():
        name = write_object(polls.repo, raw)
        polls.repo.write(".git/refs/tags/reconciler/bad", name)
        polls.repo.write(f".git/{BRANCH}", name)
        assert polls.read() == (), what
    for missing in ("1" * 40, polls.repo.git("rev-parse", "main"), polls.repo.git("rev-parse", "main:environments")):
        polls.repo.write(f".git/{BRANCH}", missing)
        assert polls.read() == (), missing


def test_a_malformed_vote_does_not_hide_those_below_it(polls: Polls) -> None:
    first = polls.vote()
    polls.put(polls.raw("no vote at all", parent=first))
    polls.put(
        polls.raw(compose("production", "shift", PLAN, "approve"), parent=polls.tip()).replace(b" +0000", b" east")
    )
    last = polls.vote("reject")
    assert [one.id for one in polls.read()] == [first, last]


@pytest.mark.parametrize("what", ["too large", "two trees", "two committers", "nul"])
def test_what_is_too_large_or_malformed_hides_none_of_the_votes_below_it(polls: Polls, what: str) -> None:
    first = polls.vote("reject")
    big = polls.raw("x" * 70_000, parent=first)
    polls.put(
        {
            "too large": big,
            "two trees": polls.raw("", parent=first).replace(b"\nauthor", b"\ntree 1\nauthor"),
            "two committers": polls.raw("", parent=first).replace(b"\n\n", b"\ncommitter X <x@x> 1 +0000\n\n", 1),
            "nul": polls.raw("a\0b", parent=first),
        }[what]
    )
    last = polls.vote()
    assert [one.id for one in polls.read()] == [first, last]


def test_of_what_is_too_large_only_so_many_parents_are_looked_at(polls: Polls, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_PARENTS", 1)
    one, other = (write_object(polls.repo, polls.raw(f"not a vote {n}")) for n in "12")
    big = polls.raw("x" * 70_000, parent=one)
    polls.put(big.replace(f"parent {one}\n".encode(), f"parent {one}\nparent {other}\n".encode()))
    read: list[str] = []
    real = module.raw
    monkeypatch.setattr(module, "raw", lambda *words: read.append(words[1]) or real(*words))
    assert polls.read() == ()
    assert one in read
    assert other not in read


def test_a_tag_that_is_no_annotated_one_is_no_vote(polls: Polls) -> None:
    name = polls.vote()
    polls.repo.git("tag", "reconciler/light", name)
    polls.read()
    polls.repo.git("update-ref", "-d", BRANCH)
    polls.repo.write(".git/refs/tags/reconciler/link", "ref: refs/heads/main")
    polls.repo.write(".git/refs/tags/reconciler/torn", "123")
    assert polls.read() == ()


def test_a_repository_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidDesired, match="does not exist"):
        Votes(Repository(tmp_path / "none"), None, Clock()).read("a", Stage.SHIFT, PLAN, "", "1" * 40)


def test_a_repository_without_votes_has_none(polls: Polls, tmp_path: Path, make_repo: Callable) -> None:
    assert polls.read() == ()
    polls.vote()
    polls.repo.git("clone", "--quiet", "--mirror", str(polls.repo.path), str(tmp_path / "bare.git"))
    bare = Repository(tmp_path / "bare.git", "main")
    head = polls.repo.git("rev-parse", "main")
    found = Votes(bare, None, polls.clock).read("production", Stage.SHIFT, PLAN, polls.base, head)
    bare.close()
    assert [dataclasses.replace(one, verified=False) for one in polls.read()] == list(found)


# ---- how much --------------------------------------------------------------------------------------------------------


def test_nothing_is_read_again_while_no_reference_moves(polls: Polls, anna: SshKey, monkeypatch) -> None:
    polls.vote(key=anna)
    first = polls.read()
    for where, name in ((module, "raw"), (objects, "changes"), (verifying.subprocess, "run")):
        monkeypatch.setattr(where, name, lambda *_words, **_options: pytest.fail("read again"))
    monkeypatch.setattr(polls.repository, "ask", lambda _question: pytest.fail("read again"))
    head = (polls.repo.path / ".git/refs/heads/main").read_text().strip()
    assert polls.votes.read("production", Stage.SHIFT, PLAN, polls.base, head) == first


def test_of_a_thousand_votes_the_newest_are_read_and_one_more_reads_one_more(polls: Polls, monkeypatch) -> None:
    """Written the way git itself writes in bulk."""
    text = compose("production", "shift", PLAN, "approve")
    stream = "".join(
        f"commit {BRANCH}\ncommitter V <v{number}@x.invalid> {NOW - 2000 + number} +0000\ndata {len(text)}\n{text}\n"
        for number in range(1100)
    )
    run("git", "-C", polls.repo.path, "fast-import", "--quiet", stdin=stream.encode())
    found = polls.read()
    assert [one.by for one in found] == [f"v{number}@x.invalid" for number in range(1100 - MOST_ASKED, 1100)]
    read: list[str] = []
    real = module.raw
    monkeypatch.setattr(module, "raw", lambda *words: read.append(words[1]) or real(*words))
    last = polls.vote("reject")
    assert polls.read()[-1].id == last
    assert read == [last]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many unproved votes are kept, and so many signatures asked about at once."""
    monkeypatch.setattr(votes_module, "MOST_ASKED", 3)
    return 3


@pytest.mark.parametrize("age", [60, -(10**9)], ids=["now", "in the far future"])
def test_no_flood_of_unsigned_votes_shuts_out_who_has_signed(polls: Polls, anna: SshKey, few: int, age: int) -> None:
    mine = polls.vote(key=anna, age=90)
    for _ in range(2 * few):
        polls.vote(email="eve@corp.example", age=age)
    no = polls.vote("reject", key=anna, age=30)
    for _ in range(2 * few):
        polls.vote(email="eve@corp.example", age=age)
    found = {one.id: one for one in polls.read()}
    assert found[mine].verified
    assert found[no].verified
    assert not found[no].approve


def test_no_flood_of_the_future_shuts_out_who_claims_the_present(polls: Polls, few: int) -> None:
    """Where nobody has to sign."""
    mine = polls.vote(age=90)
    for _ in range(2 * few):
        polls.vote(email="eve@corp.example", age=-(10**9))
    assert mine in {one.id for one in polls.read()}


def test_signatures_of_strangers_cost_a_few_programs_a_reading_and_keep_nobody_out(
    polls: Polls, anna: SshKey, mallory: SshKey, few: int, monkeypatch
) -> None:
    mine = polls.vote(key=anna, age=90)
    for _ in range(2 * few):
        polls.vote(key=mallory, email="mallory@corp.example")
    asked = []
    real = verifying._run
    monkeypatch.setattr(verifying, "_run", lambda command, *more: asked.append(command[2]) or real(command, *more))
    found = []
    for _ in range(3):
        before = asked.count("find-principals")
        found = [one.id for one in polls.read() if one.verified]
        assert asked.count("find-principals") - before <= few
    assert found == [mine]
    polls.clock.passed += 301  # every verdict is asked for again: who was known is asked about first
    assert [one.id for one in polls.read() if one.verified] == [mine]


def test_one_signer_cannot_crowd_out_another(polls: Polls, tmp_path: Path, anna: SshKey, monkeypatch) -> None:
    monkeypatch.setattr(votes_module, "MOST_OF_ONE", 2)
    berta = SshKey(tmp_path, "berta@corp.example")
    (tmp_path / "allowed_signers").write_text(anna.line() + berta.line())
    hers = polls.vote(key=berta, email="berta@corp.example", age=90)
    mine = [polls.vote(key=anna) for _ in range(4)]
    assert [one.id for one in polls.read() if one.verified] == [hers, *mine[-2:]]


def test_a_persons_name_counts_however_it_is_written(polls: Polls, tmp_path: Path, anna: SshKey) -> None:
    (tmp_path / "allowed_signers").write_text(anna.line().replace("anna@", "Anna@"))
    polls.vote(key=anna)
    assert [(one.by, one.verified) for one in polls.read()] == [("anna@corp.example", True)]


def test_of_too_many_tags_the_last_by_their_names_are_read(polls: Polls, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_TAGS", 2)
    text = compose("production", "shift", PLAN, "approve")
    for name in ("3", "1", "2"):
        polls.repo.git("tag", "-a", f"reconciler/{name}", "-m", text)
    last = {polls.repo.git("rev-parse", f"refs/tags/reconciler/{name}") for name in ("2", "3")}
    assert {one.id for one in polls.read()} == last
