"""A pipeline commits, waits for the outcome, and is told the outcome of what it committed."""

from __future__ import annotations

import pytest
from e2e_playground import PATIENCE, Playground

pytestmark = pytest.mark.real


def asked(playground: Playground, *words: str) -> int:
    return playground.reconcile("status", "--wait", "--timeout", f"{PATIENCE:g}", *words).returncode


def test_status_after_a_rollback_is_that_of_the_commit_whether_or_not_its_file_was_put_back(
    playground: Playground,
) -> None:
    playground.release("1.2.0", search_errors=0.5)
    playground.serving(green="1.2.0")
    git = playground.place.git
    git("switch", "--quiet", "-c", "of-the-pipeline")
    playground.commit("green", "1.0.0", "1.2.0")
    unrelated = playground.commit_file("notes.txt", "a pipeline pushes both at once")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--ff-only", "of-the-pipeline")
    assert asked(playground) == 4  # while it is under way
    ended = playground.until(lambda state: state.duty and state.duty.commit)
    assert ended.duty
    head = git("rev-parse", "HEAD")
    assert head == ended.duty.commit  # the head is ours by now
    assert asked(playground) == 4
    assert asked(playground, "--revision", "HEAD") == 4
    assert asked(playground, "--revision", unrelated) == 4
    assert asked(playground, "--revision", head) == 0  # whoever asks about ours by its name gets ours
    playground.commit_file("notes.txt", "the next thing that somebody commits")
    assert asked(playground) == 0
