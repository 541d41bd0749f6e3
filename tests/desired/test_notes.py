"""What became of every revision is noted at it, beside whatever other people note there, and seals the journal."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rolled_back import HOOKS, IDENTITY, SEAL, RolledBack, before, mark

from reconciler.core.steps import Note
from reconciler.desired.repository import Repository
from reconciler.desired.writing import Writing
from reconciler.errors import Conflict, Refused, Unreachable

OTHER = f"j0urna1 413 {'6a' * 32}"


@pytest.fixture
def ended(story: RolledBack) -> Note:
    return Note("t-17", story.failed, "RolledBack (AnalysisFailed): green@1.5.0 went back\nput back: 1f2e")


def shown(story: RolledBack, revision: str = "") -> str:
    return str(story.repo.git("log", "-1", "--notes=reconciler", "--format=%N", revision or story.failed))


def tip(story: RolledBack) -> str:
    return str(story.repo.git("rev-parse", "refs/notes/reconciler"))


def test_git_log_tells_what_became_of_a_commit(story: RolledBack, ended: Note) -> None:
    story.writing().note("production", ended, SEAL)
    assert shown(story) == (
        "production: RolledBack (AnalysisFailed): green@1.5.0 went back\n"
        "  put back: 1f2e\n"
        "  transition: t-17\n"
        f"  journal: {SEAL}"
    )
    assert story.repo.git("log", "-1", "--format=%an <%ae>", "refs/notes/reconciler") == IDENTITY
    assert shown(story, story.head) == ""
    assert story.clean()
    story.nothing_lost()


def test_a_bare_repository_is_noted_in_like_any_other(story: RolledBack, ended: Note, tmp_path: Path) -> None:
    story.repo.git("clone", "--quiet", "--bare", str(story.repo.path), str(tmp_path / "bare.git"))
    story.writing(tmp_path / "bare.git").note("production", ended, SEAL)
    story.repo.path = tmp_path / "bare.git"
    assert shown(story).startswith("production: RolledBack")


def test_written_twice_changes_nothing_and_written_anew_replaces_only_its_own_section(
    story: RolledBack, ended: Note
) -> None:
    writing = story.writing()
    writing.note("production", ended, SEAL)
    writing.note("staging", replace(ended, text="Succeeded", transition="t-3"), OTHER)
    first = tip(story)
    writing.note("production", ended, SEAL)
    story.writing().note("staging", replace(ended, text="Succeeded", transition="t-3"), OTHER)
    assert tip(story) == first
    writing.note("production", replace(ended, text="RolledBack: put back"), OTHER)
    assert shown(story) == (
        f"production: RolledBack: put back\n  transition: t-17\n  journal: {OTHER}\n"
        f"staging: Succeeded\n  transition: t-3\n  journal: {OTHER}"
    )


def test_an_earlier_note_that_git_takes_late_does_not_replace_a_later_one(story: RolledBack, ended: Note) -> None:
    """Each note that git refused has a time of its own at which it is tried again."""
    writing, later = story.writing(), replace(ended, text="Succeeded", transition="1000002-green-1.5.0")
    earlier = replace(ended, transition="000417-green-1.5.0")
    writing.note("production", later, OTHER)
    writing.note("staging", earlier, SEAL)
    kept = shown(story)
    writing.note("production", earlier, f"j0urna1 999 {'7b' * 32}")  # the number of the transition counts
    assert shown(story) == kept
    assert kept.startswith("production: Succeeded\n")
    writing.note("production", replace(later, text="Succeeded: anew"), OTHER)
    assert shown(story).startswith("production: Succeeded: anew\n")
    writing.note("production", earlier, f"an0ther 3 {'7b' * 32}")  # another journal has numbers of its own
    assert shown(story).startswith("production: RolledBack")
    writing.note("production", replace(later, text="Succeeded"), f"an0ther 4 {'7b' * 32}")
    assert shown(story).startswith("production: Succeeded\n")


def test_what_other_people_note_there_is_kept(story: RolledBack, ended: Note) -> None:
    git = story.repo.git
    text = "production: looked fine to me\n\n  indented\nünicode"
    git("notes", "--ref=reconciler", "add", "-m", text, story.failed)
    git("notes", "--ref=reconciler", "add", "-m", "elsewhere", story.good)
    writing = story.writing()
    writing.note("production", ended, SEAL)
    assert shown(story).startswith(f"{text}\n\nproduction: RolledBack")
    git("notes", "--ref=reconciler", "append", "-m", "after it", story.failed)
    writing.note("production", replace(ended, text="again"), OTHER)
    assert shown(story).startswith(text)
    assert shown(story).endswith("\n\nafter it")
    assert shown(story).count("  transition: ") == 1
    assert shown(story, story.good) == "elsewhere"


def test_bytes_that_are_no_text_survive(story: RolledBack, ended: Note) -> None:
    blob = story.repo.git("hash-object", "-w", "--stdin", stdin=b"\xff\xfe here\n")
    story.repo.git("notes", "--ref=reconciler", "add", "-C", blob, story.failed)
    story.writing().note("production", ended, SEAL)
    found = story.repo.git("notes", "--ref=reconciler", "list", story.failed)
    raw = subprocess.run(("git", "cat-file", "blob", found), cwd=story.repo.path, capture_output=True, check=True)
    assert raw.stdout.startswith(b"\xff\xfe here\n\nproduction: ")


def test_notes_that_git_has_spread_over_folders_are_found_and_none_becomes_two(story: RolledBack, ended: Note) -> None:
    git = story.repo.git
    tree = git("rev-parse", "main^{tree}")
    for number in range(300):
        commit = git("commit-tree", "-m", f"{number}", tree)
        git("notes", "--ref=reconciler", "add", "-m", f"note {number}", commit)
    git("notes", "--ref=reconciler", "add", "-m", "mine", story.failed)
    assert "/" in git("ls-tree", "-r", "--name-only", "refs/notes/reconciler")
    writing = story.writing()
    for revision in (story.failed, story.good):
        writing.note("production", replace(ended, revision=revision), SEAL)
    names = git("ls-tree", "-r", "--name-only", "refs/notes/reconciler").replace("/", "").split("\n")
    assert len(names) == len(set(names)) == 302
    assert shown(story).startswith("mine\n\nproduction: RolledBack")
    git("notes", "--ref=reconciler", "append", "-m", "git writes on", story.good)
    assert shown(story, story.good).startswith("production: RolledBack")
    assert len(git("notes", "--ref=reconciler", "list").split("\n")) == 302


@pytest.mark.parametrize("first", [True, False])
def test_a_note_that_somebody_writes_at_the_same_moment_is_not_lost(
    story: RolledBack, ended: Note, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    writing = story.writing()
    if not first:
        writing.note("staging", ended, SEAL)
    person = ("notes", "--ref=reconciler", "add", "-m", "a person's", story.good)
    before(monkeypatch, "update-ref", lambda: story.repo.git(*person))
    with pytest.raises(Conflict, match="refs/notes/reconciler has moved"):
        writing.note("production", ended, SEAL)
    writing.note("production", ended, SEAL)
    assert shown(story, story.good) == "a person's"
    assert "production: RolledBack" in shown(story)


def test_a_text_can_pretend_neither_to_be_another_environments_nor_to_be_the_seal(
    story: RolledBack, ended: Note
) -> None:
    forged = f"x\nstaging: Succeeded\n  transition: t\n  journal: {OTHER}\r\n\x1b[31mred"
    writing = story.writing()
    writing.note("production", replace(ended, text=forged), SEAL)
    assert [(anchor.environment, anchor.entry) for anchor in writing.anchors()] == [("production", 412)]
    assert "\x1b" not in shown(story)
    writing.note("production", replace(ended, text=""), SEAL)
    assert shown(story).startswith("production: ended\n")


def test_every_state_of_the_journal_that_was_noted_can_be_read_back(story: RolledBack, ended: Note) -> None:
    writing = story.writing()
    assert writing.anchors() == []
    writing.note("production", ended, SEAL)
    writing.note("staging", ended, OTHER)
    writing.note("production", replace(ended, revision=story.good, text="Succeeded"), OTHER)
    story.repo.git("notes", "--ref=reconciler", "add", "-m", "staging: no seal\n  journal: 1", story.head)
    assert {tuple(anchor) for anchor in writing.anchors()} == {
        ("production", story.failed, "j0urna1", 412, "5f" * 32),
        ("staging", story.failed, "j0urna1", 413, "6a" * 32),
        ("production", story.good, "j0urna1", 413, "6a" * 32),
    }


def test_a_note_that_is_too_long_is_named_and_hides_no_other(story: RolledBack, ended: Note) -> None:
    writing = story.writing()
    writing.note("production", replace(ended, revision=story.good), SEAL)
    blob = story.repo.git("hash-object", "-w", "--stdin", stdin=b"x" * 300_000)
    story.repo.git("notes", "--ref=reconciler", "add", "-C", blob, story.failed)
    with pytest.raises(Refused, match="git notes --ref=reconciler edit"):
        writing.note("production", ended, SEAL)
    assert len(writing.anchors()) == 1


def test_a_lock_file_a_foreign_revision_and_a_repository_that_is_gone_are_named(
    story: RolledBack, ended: Note, tmp_path: Path
) -> None:
    writing = story.writing()
    lock = story.repo.write(".git/refs/notes/reconciler.lock", "")
    with pytest.raises(Refused, match=r"reconciler\.lock"):
        writing.note("production", ended, SEAL)
    lock.unlink()
    for revision in ("0" * 40, "--help", "main; rm"):
        with pytest.raises(Refused, match="there is no commit"):
            writing.note("production", replace(ended, revision=revision), SEAL)
    story.repo.path.rename(tmp_path / "away")
    with pytest.raises(Unreachable):
        writing.note("production", ended, SEAL)
    shutil.rmtree(tmp_path / "away")
    with pytest.raises(Unreachable):
        writing.anchors()


def test_noting_runs_no_hook_and_no_program(story: RolledBack, ended: Note, tmp_path: Path) -> None:
    program = mark(tmp_path)
    for hook in HOOKS:
        story.repo.write(f".git/hooks/{hook}", Path(program).read_text()).chmod(0o755)
    for key in ("core.editor", "gpg.program", "core.fsmonitor", "alias.notes", "core.pager"):
        story.repo.git("config", key, program)
    story.repo.git("config", "commit.gpgSign", "true")
    Writing(Repository(story.repo.path, "main"), IDENTITY).note("production", ended, SEAL)
    assert not (tmp_path / "marked").exists()
