"""What git says after a rollback, and what people then commit, with a real loop on a real repository."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable

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
    git, file = playground.place.git, playground.place.repository / FILE
    asked = file.read_text(encoding="utf-8").replace("activeSlot: blue", "activeSlot: green")
    edited = asked + "# a thought\n"
    file.write_text(asked, encoding="utf-8")
    git("add", FILE)
    file.write_text(edited, encoding="utf-8")  # before the commit: right after it the file may be put back already
    git("commit", "--quiet", "-m", "green, please")
    revision = git("rev-parse", "HEAD")
    playground.until_event(lambda event: isinstance(event, Ended))
    said = settled(playground, "RevisionHeld")
    assert "RevertPending" in said
    assert "git -C" in said
    found = playground.status()
    assert next(one for one in found["conditions"] if one["type"] == "RevertPending")["status"]
    playground.until(lambda state: state.duty and "RevertPending" in state.duty.noted)
    assert file.read_text(encoding="utf-8") == edited
    assert git("rev-parse", "HEAD") == revision
    git("commit", "--quiet", "-am", "a thought, and with it the failed text")
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


# ---- a bare repository -----------------------------------------------------------------------------------------------


@pytest.fixture
def bare(playground: Playground) -> Callable[..., str]:
    """The loop looks at a bare repository, to which somebody pushes every commit of his clone. Git, run there."""
    place, there = playground.place, playground.root / "bare.git"
    playground.commit_file("README", "about")
    place.git("clone", "--quiet", "--bare", str(place.repository), str(there))
    place.git("remote", "add", "origin", str(there))
    hook = place.repository / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexec git push --quiet origin HEAD:main\n", encoding="utf-8")
    hook.chmod(0o755)
    text = place.config.read_text(encoding="utf-8")
    assert json.dumps(str(place.repository)) in text
    place.config.write_text(text.replace(json.dumps(str(place.repository)), json.dumps(str(there))), encoding="utf-8")
    return lambda *words: place.git("-C", str(there), *words)


def test_in_a_bare_repository_a_switch_is_noted_and_what_fails_is_put_back_by_moving_the_branch(
    playground: Playground, bare: Callable[..., str]
) -> None:
    playground.release("1.2.0", search_errors=0.5)
    playground.serving()
    green = playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    playground.until(lambda state: state.duty and state.duty.over)
    assert "Succeeded: green@1.1.0 serves" in bare("notes", "--ref=reconciler", "show", green)
    playground.commit("green", "1.2.0", "1.1.0")
    failed = playground.commit("blue", "1.2.0", "1.1.0")
    playground.until(lambda state: state.duty and state.duty.commit and state.duty.over)
    assert settled(playground, "InSync") == "green@1.1.0 serves"
    commit = bare("rev-parse", "main")
    assert bare("rev-parse", "main^") == failed  # nothing was rewritten
    assert "activeSlot: green" in bare("show", f"main:{FILE}")
    said = bare("notes", "--ref=reconciler", "show", failed)
    assert "RolledBack (AnalysisFailed): blue@1.2.0 went back to green@1.1.0" in said
    assert f"put back: {commit}" in said
    playground.place.git("pull", "--quiet", "--ff-only", "origin", "main")  # and whoever pulls has it
    assert playground.place.git("rev-parse", "HEAD") == commit


# ---- whose commit an end is ------------------------------------------------------------------------------------------


def late_rollback(playground: Playground) -> None:
    playground.ask("rollback", "-m", "users complain")
    playground.until(lambda state: state.stable and state.stable.slot == "blue" and state.transition is None)
    playground.until(lambda state: state.duty and state.duty.over)


def test_a_late_rollback_under_an_invalid_edit_blames_who_asked_and_keeps_the_edit(playground: Playground) -> None:
    playground.serving()
    green = playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    text = (playground.place.repository / FILE).read_text(encoding="utf-8")
    edit = playground.commit_file(FILE, text + "  nonsense: [\n")
    settled(playground, "DesiredInvalid")
    late_rollback(playground)
    assert playground.place.git("rev-parse", "HEAD") == edit
    assert "RolledBack" in note(playground, green)
    assert playground.place.git("notes", "--ref=reconciler", "list").split()[1:] == [green]


def test_a_late_rollback_while_the_repository_is_away_is_told_when_it_is_back(playground: Playground) -> None:
    playground.serving()
    green = playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    playground.until(lambda state: state.duty and state.duty.over)
    away = playground.place.repository.with_name("away")
    playground.place.repository.rename(away)
    settled(playground, "DesiredInvalid")
    playground.ask("rollback", "-m", "users complain")
    playground.until(lambda state: state.stable and state.stable.slot == "blue" and state.transition is None)
    away.rename(playground.place.repository)
    playground.until(lambda state: state.duty and state.duty.over and state.duty.commit)
    assert "RolledBack" in note(playground, green)
    assert playground.place.git("rev-parse", "HEAD^") == green


def test_what_was_pushed_with_the_switch_is_neither_blamed_nor_taken_back(playground: Playground) -> None:
    """Three commits land at once: a policy, the switch, and something about another thing."""
    playground.release("1.2.0", search_errors=0.5)
    playground.serving(green="1.2.0")
    git, file = playground.place.git, playground.place.repository / FILE
    git("switch", "--quiet", "-c", "at-home")
    policy = file.read_text(encoding="utf-8").replace("soak: 0.3s", "soak: 0.4s")
    playground.commit_file(FILE, policy)
    asked = playground.commit("green", "1.0.0", "1.2.0", soak="0.4s")
    playground.commit_file("README", "about")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--ff-only", "at-home")
    playground.until(lambda state: state.duty and state.duty.commit and state.duty.over)
    assert file.read_text(encoding="utf-8") == policy
    assert "RolledBack (AnalysisFailed)" in note(playground, asked)
    assert git("notes", "--ref=reconciler", "list").split()[1:] == [asked]


def test_a_locked_reference_of_notes_is_told_beside_in_sync_and_noted_when_it_is_free(playground: Playground) -> None:
    playground.serving()
    lock = playground.place.repository / ".git/refs/notes/reconciler.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    green = playground.commit("green", "1.0.0", "1.1.0")
    playground.until(lambda state: bool(state.untold))
    said = settled(playground, "InSync")
    assert said.startswith("green@1.1.0 serves; NotePending: nothing can be noted: another git holds ")
    assert f"rm {lock}" in said
    found = playground.status()
    assert found["reason"] == "InSync"
    assert next(one for one in found["conditions"] if one["type"] == "NotePending")["status"]
    lock.unlink()
    playground.until(lambda state: state.duty and state.duty.over)
    assert "Succeeded" in note(playground, green)
    assert settled(playground, "InSync") == "green@1.1.0 serves"
