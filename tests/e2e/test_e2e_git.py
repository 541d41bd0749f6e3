"""What git says after a rollback, and what people then commit, with a real loop on a real repository."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
import typed
from e2e_playground import Playground

from reconciler.core.events import Began, Ended, Phase
from reconciler.demo.place import ENVIRONMENT

pytestmark = pytest.mark.real
FILE = f"environments/{ENVIRONMENT}.yaml"


def rolled_back(playground: Playground, **wishes: object) -> str:
    """1.2.0 fails one of two searches; everybody is back on blue. The revision that asked for it."""
    playground.release("1.2.0", search_errors=0.5)
    playground.serving(green="1.2.0", **wishes)
    revision = playground.commit("green", "1.0.0", "1.2.0", **wishes)
    entry = playground.until_event(lambda event: isinstance(event, Ended))
    assert entry.event.phase is Phase.ROLLED_BACK  # type: ignore[union-attr]
    playground.until(lambda state: state.duty and state.duty.noted)
    return revision


def note(playground: Playground, revision: str) -> str:
    return playground.place.git("notes", "--ref=reconciler", "show", revision)


def settled(playground: Playground, wanted: str) -> str:
    """Until that is the reason; the message."""
    return str(playground.until_status(lambda status: status["reason"] == wanted)["message"])


def test_after_a_rollback_the_file_the_index_and_the_work_tree_are_as_they_were(playground: Playground) -> None:
    revision = rolled_back(playground)
    git = playground.place.git
    playground.until(lambda state: state.duty and state.duty.commit)
    settled(playground, "InSync")
    assert git("rev-parse", "HEAD^") == revision  # nothing was rewritten
    assert git("diff", "HEAD~2", "HEAD", "--stat") == ""
    assert git("status", "--porcelain", FILE) == ""
    assert "activeSlot: blue" in (playground.place.repository / FILE).read_text(encoding="utf-8")
    assert "RolledBack (AnalysisFailed)" in note(playground, revision)
    assert git("rev-parse", "HEAD") in note(playground, revision)
    trailers = git("log", "-1", "--format=%(trailers)")
    assert f"Reconciler-Failed: {revision}" in trailers


def test_an_unrelated_commit_from_a_work_tree_that_was_open_does_not_bring_it_back(playground: Playground) -> None:
    """Somebody's own clone still has the failed text; he commits something else and pushes over what he never saw."""
    rolled_back(playground)
    playground.until(lambda state: state.duty and state.duty.commit)
    settled(playground, "InSync")
    began = len(playground.events(Began))
    playground.commit("green", "1.0.0", "1.2.0")  # his file, as he had it open
    settled(playground, "RevisionHeld")
    playground.commit_file("notes.txt", "something else")
    settled(playground, "RevisionHeld")
    assert len(playground.events(Began)) == began
    playground.release("1.2.0")  # mended
    playground.ask("retry", "-m", "the database was full")
    playground.until(lambda state: len(playground.events(Began)) > began)


def test_a_file_that_somebody_is_editing_stays_as_it_is_and_status_says_what_to_type(playground: Playground) -> None:
    playground.release("1.2.0", search_errors=0.5)
    playground.serving(green="1.2.0")
    revision = playground.commit("green", "1.0.0", "1.2.0")
    file = playground.place.repository / FILE
    edited = file.read_text(encoding="utf-8") + "# a thought\n"
    file.write_text(edited, encoding="utf-8")
    playground.until_event(lambda event: isinstance(event, Ended))
    said = settled(playground, "RevisionHeld")
    assert "RevertPending" in said
    assert "git -C" in said
    found = playground.status()
    assert next(one for one in found["conditions"] if one["type"] == "RevertPending")["status"]
    playground.until(lambda state: state.duty and "RevertPending" in state.duty.noted)
    assert file.read_text(encoding="utf-8") == edited
    assert playground.place.git("rev-parse", "HEAD") == revision
    playground.place.git("commit", "--quiet", "-am", "a thought, and with it the failed text")
    settled(playground, "RevisionHeld")  # held, whoever commits it
    assert len(playground.events(Began)) == 1


def test_with_note_only_the_branch_is_not_written(playground: Playground) -> None:
    revision = rolled_back(playground, more=("rollback: {git: note}",))
    settled(playground, "RevisionHeld")
    assert playground.place.git("rev-parse", "HEAD") == revision
    assert "RolledBack" in note(playground, revision)


def test_a_success_is_noted_too_and_an_older_copy_of_the_journal_is_found_out(playground: Playground) -> None:
    """A copy that somebody put back is whole in itself. What git was told of the journal is not in it."""
    playground.serving()
    journal, copy = playground.place.state / "journal.db", playground.root / "copy.db"
    with contextlib.closing(sqlite3.connect(journal)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    revision = playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    playground.until(lambda state: state.duty and state.duty.noted)
    assert "Succeeded: green@1.1.0 serves" in note(playground, revision)
    assert playground.reconcile("history", "--verify").returncode == 0
    playground.stop_run()
    older = playground.root / "older.toml"
    text = playground.place.config.read_text(encoding="utf-8")
    older.write_text(text.replace("state/journal.db", "copy.db"), encoding="utf-8")
    done = typed.reconcile("--config", str(older), "history", "--verify", folder=playground.root)
    assert done.returncode == 1
    assert f"git's note at {revision[:12]} knows entry" in done.stderr
