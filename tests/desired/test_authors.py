"""Who may not approve because the change is his own: whoever had a part in it since stable became stable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desired_keys import SshKey
from desired_repository import GitRepository
from test_votes import PLAN, Polls

from reconciler.core.events import Accepted, Adopted, ApprovalAsked, Began, Bootstrapped, Ended, Event, Phase
from reconciler.core.history import fold
from reconciler.core.model import Pair, Release, SetWeight, Slot, Stage
from reconciler.core.state import State
from reconciler.desired import authors
from reconciler.desired.beside import Beside

B, G = Slot.BLUE, Slot.GREEN


@pytest.fixture
def polls(repo: GitRepository, tmp_path: Path) -> Iterator[Polls]:
    made = Polls(repo, tmp_path / "allowed_signers", SshKey(tmp_path, "anna@corp.example"))
    yield made
    made.repository.close()


def text(manifest: str, active: Slot, green: str, name: str = "production") -> str:
    return manifest.replace("activeSlot: green", f"activeSlot: {active}").replace("1.4.2", green).replace(
        "name: production", f"name: {name}"
    )  # fmt: skip


def by(repo: GitRepository, who: str, *moved: str, **files: str) -> str:
    """A commit of somebody's; `moved`: a file and its new name."""
    for name, content in files.items():
        repo.write(f"environments/{name}.yaml", content)
    repo.git("add", "--all")
    if moved:
        repo.git("mv", *(f"environments/{name}.yaml" for name in moved))
    repo.git("commit", "--quiet", "--author", f"{who} <{who}@x.invalid>", "-m", "x")
    return repo.git("rev-parse", "HEAD")


def accepted(revision: str, green: str, active: Slot) -> Accepted:
    return Accepted(revision, revision, Pair("1.4.1", green), "gw", active)


def asking(*events: Event, revision: str, green: str = "2") -> State:
    """What is remembered after these events, when green is asked about, which `revision` made active."""
    state = State()
    began = Began("t-1", Release(B, "1.4.1"), Release(G, green), "d", revision, (SetWeight(100),))
    for event in (*events, accepted(revision, green, G), began, ApprovalAsked(Stage.SHIFT, PLAN, "")):
        state = fold(state, event)
    return state


def serving(revision: str, green: str = "1.4.2") -> tuple[Event, ...]:
    return accepted(revision, green, B), Bootstrapped(Release(B, "1.4.1"))


def himself(polls: Polls, state: State, *people: str) -> list[bool | None]:
    """Of each: is the change his own?"""
    for name in people:
        polls.vote(email=f"{name}@x.invalid")
    return [vote.author for vote in Beside("production", polls.votes, None).votes(state)]  # type: ignore[arg-type]


def test_who_pinned_the_version_is_an_author_though_another_makes_it_active(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", production=text(manifest, B, "1.4.2"))
    pinned = by(polls.repo, "ann", production=text(manifest, B, "2"))
    active = by(polls.repo, "bob", production=text(manifest, G, "2"))
    state = asking(*serving(first), accepted(pinned, "2", B), revision=active)
    assert himself(polls, state, "ann", "bob", "cid", "root") == [True, True, False, False]


def test_who_changed_the_file_is_an_author_though_another_renames_it(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", prod=text(manifest, B, "1.4.2"))
    by(polls.repo, "ann", prod=text(manifest, G, "2"))
    renamed = by(polls.repo, "bob", "prod", "live")
    assert himself(polls, asking(*serving(first), revision=renamed), "ann", "bob", "cid") == [True, True, False]


def test_a_rename_while_the_question_is_open_hides_no_author_and_blocks_nobody(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", prod=text(manifest, B, "1.4.2"))
    asked = by(polls.repo, "ann", prod=text(manifest, G, "2"))
    by(polls.repo, "bob", "prod", "live")
    assert himself(polls, asking(*serving(first), revision=asked), "cid", "ann", "bob") == [False, True, False]


def test_nobody_hides_behind_a_file_of_another_name_that_is_no_manifest_yet(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", prod=text(manifest, B, "1.4.2"))
    by(polls.repo, "ann", "prod", "live", prod=text(manifest, G, "2") + "  oops: 1\n")
    mended = by(polls.repo, "bob", live=text(manifest, G, "2"))
    assert himself(polls, asking(*serving(first), revision=mended), "ann", "bob", "cid") == [True, True, False]


def test_a_name_that_is_spelt_with_escapes_is_the_same_name(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", production=text(manifest, B, "1.4.2"))
    hidden = text(manifest, G, "2", name='"\\u0070roduction"')
    by(polls.repo, "bob", "production", "x")
    by(polls.repo, "ann", x=hidden)
    last = by(polls.repo, "cid", "x", "y")
    state = asking(*serving(first), revision=last)
    assert himself(polls, state, "ann", "bob", "cid", "dan") == [True, True, True, False]


def test_authors_of_what_succeeded_before_are_no_authors_of_what_comes_after(polls: Polls, manifest: str) -> None:
    first = by(polls.repo, "root", production=text(manifest, B, "1.4.2"))
    ann = by(polls.repo, "ann", production=text(manifest, G, "2"))
    bob = by(polls.repo, "bob", production=text(manifest, G, "2").replace("1.4.1", "3"))
    cid = by(polls.repo, "cid", production=text(manifest, B, "2").replace("1.4.1", "3"))
    state = asking(*serving(first), revision=ann)
    newcomer = Began("t-2", Release(G, "2"), Release(B, "3"), "d", cid, (SetWeight(100),))
    for event in (Ended(Phase.SUCCEEDED), accepted(bob, "2", G), newcomer, ApprovalAsked(Stage.SHIFT, PLAN, "")):
        state = fold(state, event)
    assert himself(polls, state, "ann", "bob", "cid") == [False, True, True]


def test_after_an_adoption_whoever_changed_it_last_is_the_author(polls: Polls, manifest: str) -> None:
    """Git asked for another release already, so nothing was changed since."""
    by(polls.repo, "root", production=text(manifest, B, "1.4.2"))
    ann = by(polls.repo, "ann", production=text(manifest, G, "2"))
    later = by(polls.repo, "bob", staging=text(manifest, B, "1.4.2", name="staging"))
    events = (accepted(ann, "2", G), Adopted(Release(B, "1.4.1")))
    assert himself(polls, asking(*events, revision=later), "ann", "bob") == [True, False]


def test_a_neighbours_authors_are_none_here_and_an_evil_merges_is(polls: Polls, manifest: str) -> None:
    repo = polls.repo
    first = by(repo, "root", production=text(manifest, B, "1.4.2"), staging=text(manifest, B, "1.4.2", name="staging"))
    repo.git("switch", "--quiet", "-c", "side")
    by(repo, "ann", production=text(manifest, B, "2"))
    repo.git("switch", "--quiet", "main")
    by(repo, "bob", staging=text(manifest, G, "1.4.2", name="staging"))
    repo.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    merged = by(repo, "cid", production=text(manifest, G, "2"))
    assert himself(polls, asking(*serving(first), revision=merged), "ann", "bob", "cid") == [True, False, True]


def test_more_changes_than_can_be_looked_through_leave_the_author_unknown(
    polls: Polls, manifest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authors, "MOST_CHANGES", 1)
    first = by(polls.repo, "root", production=text(manifest, B, "1.4.2"))
    for number in range(2):
        last = by(polls.repo, "ann", production=text(manifest, G, "2") + "#" * number)
    assert himself(polls, asking(*serving(first), revision=last), "bob") == [None]
