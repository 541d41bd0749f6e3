"""Whoever finds a commit of ours at the head learns from it which commit it took back."""

from __future__ import annotations

from rolled_back import RolledBack

from reconciler.desired.repository import Repository
from reconciler.desired.taken_back import last_typed, taken_back


def told(story: RolledBack, revision: str) -> str:
    return taken_back(Repository(story.repo.path, "main"), revision)


def typed(story: RolledBack) -> str:
    found = Repository(story.repo.path, "main")
    return last_typed(found, found.head())


def test_our_own_commit_names_the_one_that_it_took_back(story: RolledBack) -> None:
    assert told(story, story.put_back()) == story.failed


def test_a_commit_of_somebody_else_takes_nothing_back(story: RolledBack) -> None:
    assert told(story, story.head) == ""
    story.put_back()
    story.repo.write("README.md", "more")
    assert told(story, story.repo.commit()) == ""


def test_trailers_alone_name_nothing_that_the_commit_does_not_stand_on(story: RolledBack) -> None:
    ours = story.repo.git("log", "-1", "--format=%B", story.put_back())
    story.repo.git("switch", "--quiet", "--detach", story.good)
    story.repo.git("commit", "--quiet", "--allow-empty", "-m", ours)
    assert told(story, story.repo.git("rev-parse", "HEAD")) == ""


def test_words_about_such_a_commit_are_not_one(story: RolledBack) -> None:
    ours = story.repo.git("log", "-1", "--format=%B", story.put_back())
    story.repo.git("commit", "--quiet", "--allow-empty", "-m", f"{ours}\n\nthat is what it said")
    assert told(story, story.repo.git("rev-parse", "HEAD")) == ""


def test_what_was_typed_last_lies_below_all_commits_of_ours_and_need_not_have_failed(story: RolledBack) -> None:
    assert typed(story) == story.head
    first = story.put_back()
    story.is_done(first)
    assert typed(story) == story.head != story.failed
    ours = story.repo.git("log", "-1", "--format=%B", first)
    story.repo.git("commit", "--quiet", "--allow-empty", "-m", ours)  # as another environment's
    assert typed(story) == story.head
    story.repo.write("README.md", "more")
    newest = story.repo.commit()
    assert typed(story) == newest
