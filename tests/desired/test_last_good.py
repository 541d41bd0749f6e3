"""Which text of a file was good last, which commit asked for what failed, and what still counts as asking for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rolled_back import IDENTITY, PATH, SEAL, RolledBack, named

from reconciler.core.steps import Note, PutBack
from reconciler.desired.repository import Repository
from reconciler.desired.texts import asked_at
from reconciler.desired.writing import Writing
from reconciler.errors import Refused

SOAK = "    soak: 2s\n"
BLUE, GREEN = "activeSlot: blue", "activeSlot: green"


@pytest.fixture
def blue(manifest: str) -> str:
    return manifest.replace(GREEN, BLUE)


def put_back(repo, failed: str, good: str) -> str:
    act = PutBack("t", failed, good, "production: blue@1.4.1 again", "because")
    writing = Writing(Repository(repo.path, "main"), IDENTITY)
    assert writing.reading("production", "t", failed, good).asks
    commit = writing.put_back("production", act, SEAL)
    assert writing.put_back("production", act, SEAL) == commit
    assert repo.git("status", "--porcelain") == ""
    return commit


def text(repo, revision: str) -> str:
    return repo.git("show", f"{revision}:{PATH}") + "\n"


# ---- the text that was good last -------------------------------------------------------------------------------------


def test_a_policy_commit_that_was_pushed_with_the_switch_is_kept(repo, blue: str) -> None:
    """Only the second of them failed; the loop has never seen the first as head."""
    good = repo.commit(production=blue)
    policy = repo.commit(production=blue + SOAK)
    failed = repo.commit(production=(blue + SOAK).replace(BLUE, GREEN))
    commit = put_back(repo, failed, good)
    assert text(repo, commit) == blue + SOAK
    assert f"Reconciler-Restores: {policy}" in repo.git("log", "-1", "--format=%B", commit)


def test_of_several_the_newest_is_kept_though_neighbours_and_comments_came_between(repo, blue: str) -> None:
    good = repo.commit(production=blue)
    repo.commit(production=blue + SOAK)
    repo.commit(production=blue + "    soak: 3s\n")
    repo.commit(staging=named(blue, "staging"))
    repo.commit(production=blue + "    soak: 3s\n# three\n")
    failed = repo.commit(production=(blue + "    soak: 3s\n# three\n").replace(BLUE, GREEN))
    assert text(repo, put_back(repo, failed, good)) == blue + "    soak: 3s\n# three\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [("spec:", "spec: ["), ("setWeight: 10\n", "setWeight: ten\n"), ("1.4.2", "1.4.9"), ("8080", "8089")],
    ids=["not to be read", "not valid", "pins another version", "another gateway"],
)
def test_what_could_not_be_in_force_or_would_end_the_hold_is_not_taken(repo, blue: str, old: str, new: str) -> None:
    between = blue.replace(old, new)
    assert between != blue
    good = repo.commit(production=blue)
    repo.commit(production=between)
    failed = repo.commit(production=blue.replace(BLUE, GREEN).replace("1.4.2", "1.5.0"))
    assert text(repo, put_back(repo, failed, good)) == blue


def test_what_the_operators_file_refuses_is_not_taken(repo, blue: str) -> None:
    class Strict:
        def listen_problem(self, address: str) -> str:
            return ""

        def app_problem(self, name: str, *, weighted: bool, standby: bool) -> str:
            return "no such app" if name == "demo-wroker" else ""

        def problem(self, section: str, name: str) -> str:
            return ""

        def signers_problem(self) -> str:
            return ""

    good = repo.commit(production=blue)
    repo.commit(production=blue.replace("demo-worker", "demo-wroker"))
    failed = repo.commit(production=blue.replace(BLUE, GREEN))
    writing = Writing(Repository(repo.path, "main"), IDENTITY, operator=Strict())
    commit = writing.put_back("production", PutBack("t", failed, good, "again", "because"), SEAL)
    assert text(repo, commit) == blue


def test_once_found_it_is_not_looked_for_again_though_it_is_a_later_text_than_was_asked(
    repo, blue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = repo.commit(production=blue)
    repo.commit(production=blue + SOAK)
    failed = repo.commit(production=(blue + SOAK).replace(BLUE, GREEN))
    writing = Writing(Repository(repo.path, "main"), IDENTITY)
    assert writing.reading("production", "t", failed, good)
    monkeypatch.setattr("reconciler.desired.writing.case", lambda *_: pytest.fail("looked for again"))
    commit = writing.put_back("production", PutBack("t", failed, good, "again", "because"), SEAL)
    assert text(repo, commit) == blue + SOAK


def test_a_side_of_a_merge_that_was_left_out_was_never_good(repo, blue: str) -> None:
    good = repo.commit(production=blue)
    repo.git("switch", "--quiet", "-c", "side")
    repo.commit(production=blue + SOAK)
    repo.git("switch", "--quiet", "main")
    repo.commit(production=blue + "# main\n")
    repo.git("merge", "--quiet", "-s", "ours", "-m", "not that", "side")
    failed = repo.commit(production=(blue + "# main\n").replace(BLUE, GREEN))
    assert text(repo, put_back(repo, failed, good)) == blue + "# main\n"


# ---- what still asks for it ------------------------------------------------------------------------------------------


def test_a_comment_that_came_since_is_somebodys_and_stays(story: RolledBack) -> None:
    """What is put back is the very text that failed: whoever has touched it since has read it, and decides."""
    story.commits.append(story.repo.commit(production=story.bad_text + "# ticket 4711\n"))
    assert not story.reading().asks
    with pytest.raises(Refused, match="somebody has changed it since"):
        story.put_back()
    assert story.repo.git("rev-parse", "HEAD") == story.commits[-1]


# ---- what it was before is not there ---------------------------------------------------------------------------------


def test_what_it_was_before_and_is_not_in_a_shallow_clone_is_named_and_put_back_once_it_is(
    story: RolledBack, tmp_path: Path
) -> None:
    whole, shallow = story.repo.path, tmp_path / "shallow"
    story.repo.git("clone", "--quiet", "--depth", "2", f"file://{whole}", str(shallow))
    story.repo.path = shallow
    found = story.reading()
    assert found.asks
    assert "git fetch --unshallow" in found.obstacle
    with pytest.raises(Refused, match="git fetch --unshallow"):
        story.put_back()
    story.repo.git("fetch", "--quiet", "--unshallow")
    story.is_done(story.put_back())


def test_once_somebody_has_decided_nothing_is_asked_of_a_shallow_clone(story: RolledBack) -> None:
    story.repo.commit(production=story.bad_text.replace("1.5.0", "1.6.0"))
    found = story.writing().reading("production", "t", story.failed, "0" * 40)
    assert (found.asks, found.obstacle) == (False, "")


# ---- who asked for it ------------------------------------------------------------------------------------------------


def test_the_note_is_at_the_commit_that_asked_and_not_at_what_was_pushed_with_it(repo, blue: str) -> None:
    repo.commit(production=blue)
    asked = repo.commit(production=blue.replace(BLUE, GREEN))
    repo.commit(production=blue.replace(BLUE, GREEN) + "# a thought\n")
    repo.write("README.md", "about")
    head = repo.commit(staging=named(blue, "staging"))
    Writing(Repository(repo.path, "main"), IDENTITY).note("production", Note("t", head, "Succeeded: it serves"), SEAL)
    assert "Succeeded" in repo.git("notes", "--ref=reconciler", "show", asked)
    assert len(repo.git("notes", "--ref=reconciler", "list").splitlines()) == 1


def test_who_asked_stands_on_the_side_of_a_merge_from_which_it_came(repo, blue: str) -> None:
    repo.commit(production=blue)
    repo.git("switch", "--quiet", "-c", "side")
    asked = repo.commit(production=blue.replace(BLUE, GREEN))
    repo.git("switch", "--quiet", "main")
    repo.write("README.md", "about")
    repo.commit()
    repo.git("merge", "--quiet", "--no-ff", "-m", "merged", "side")
    found = Repository(repo.path, "main")
    assert asked_at(found, "production", found.head()) == asked


def test_what_git_cannot_tell_is_the_revision_itself(repo, blue: str) -> None:
    head = repo.commit(production="spec: [\n")
    found = Repository(repo.path, "main")
    assert asked_at(found, "production", head) == head
    assert asked_at(found, "elsewhere", head) == head
    assert asked_at(found, "production", "0" * 40) == "0" * 40
