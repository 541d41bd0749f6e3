"""The frame: exit codes, errors in one message, help that costs nothing."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from cli_folder import Folder, until

import reconciler.cli as frame
from reconciler.journal.sqlite import open_journal


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["reconcile", *words])
    with pytest.raises(SystemExit) as ended:
        frame.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; nothing of this machine's configuration is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "RECONCILER_CONFIG", "RECONCILER_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.usefixtures("elsewhere")
class TestExitCodes:
    def test_help_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run(monkeypatch, "--help") == 0

    def test_no_arguments_show_the_help(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(monkeypatch) == 0
        assert "Usage:" in capsys.readouterr().out

    def test_an_unknown_command_is_answered_with_the_nearest(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(monkeypatch, "statsu") == 64
        assert "did you mean 'status'?" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ("--onec",),
            ("status", "--wat"),
            ("abort",),
            ("gates",),
            ("status", "--revision", "x"),
            ("--apply",),
            ("--once", "status"),
        ],
    )
    def test_a_command_line_that_makes_no_sense_is_64(
        self, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
    ) -> None:
        assert run(monkeypatch, *words) == 64

    @pytest.mark.parametrize("words", [(), ("-m", " "), ("--accept-rewritten",)])
    def test_a_retry_needs_its_reason(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
    ) -> None:
        assert run(monkeypatch, "retry", "production", *words) == 64
        assert "a retry needs its reason: -m WHY" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["50", "50:bad", "x:fail", ":fail"])
    def test_a_supposition_that_cannot_be_read_is_64(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        assert run(monkeypatch, "--once", "--what-if", text) == 64

    @pytest.mark.parametrize("words", [(), ("--force",), ("--reason", "I saw it"), ("--force", "--reason", " ")])
    def test_handover_needs_force_and_a_reason_and_says_what_it_may_lead_to(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
    ) -> None:
        assert run(monkeypatch, "handover", "production", "--from", "blue", *words) == 64
        assert "two owners at once" in capsys.readouterr().err

    def test_a_folder_without_anything_says_how_to_begin(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(monkeypatch, "status") == 1
        assert "reconcile init" in capsys.readouterr().err

    def test_a_file_that_config_names_must_exist(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(monkeypatch, "--config", "nowhere.toml", "status") == 1
        assert "--config names it" in capsys.readouterr().err

    def test_a_defect_is_one_line_and_a_traceback_only_when_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("for this test")

        monkeypatch.setattr(frame, "cli", broken)
        assert run(monkeypatch, "status") == 1
        assert "ZeroDivisionError: for this test (a defect" in (quiet := capsys.readouterr().err)
        assert "Traceback" not in quiet
        monkeypatch.setenv("RECONCILER_DEBUG", "1")
        assert run(monkeypatch, "status") == 1
        assert "Traceback" in capsys.readouterr().err


def test_every_command_of_the_list_exists_and_explains_itself() -> None:
    for name in frame.COMMANDS:
        if name != "demo":  # needs nothing more than the others, but imports the whole demo
            assert frame.Lazy(name="x").get_command(None, name).help, name  # type: ignore[arg-type, union-attr]


def test_help_lists_every_command_and_loads_none() -> None:
    code = "import sys, reconciler.cli as c\ntry: c.main()\nexcept SystemExit: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    listed, _, modules = done.stdout.rpartition("\n[")
    assert all(f"  {name} " in listed for name in frame.COMMANDS)
    assert not {"git", "httpx", "rich", "pydantic", "yaml", "reconciler.session"} & set(
        modules.replace("'", "").split(", ")
    )


def test_who_starts_the_loop_or_asks_it_waits_for_no_import_that_only_others_need() -> None:
    """A seventh of a start: what asks members through the gateway, draws on a screen, and finishes evidence."""
    code = "import sys, reconciler.cli.run, reconciler.cli.status, reconciler.cli.approve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {"httpx", "rich", "apprise", "matplotlib", "winrm", "reconciler.evidence.pack.closing"}
    assert not others & set(done.stdout.split())


def test_output_into_a_pipe_is_plain_and_has_no_space_at_a_lines_end(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    for words in (("--once",), ("status",), ("diff",), ("validate",), ("history",)):
        said = folder.reconcile(*words).stdout
        assert said
        assert "\x1b" not in said
        assert [line for line in said.splitlines() if line != line.rstrip()] == []


def test_a_closed_pipe_is_no_traceback(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    command = f"'{sys.executable}' -m reconciler --once | true"
    done = subprocess.run(["sh", "-c", command], cwd=folder.root, env=folder.environ, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


class TestUnknownEnvironments:
    @pytest.mark.parametrize("words", [("status",), ("diff",), ("gates",), ("history",), ("--once", "-e")])
    def test_a_misspelt_name_is_answered_with_the_nearest(self, folder: Folder, words: tuple[str, ...]) -> None:
        folder.reconcile("init")
        folder.commit()
        done = folder.reconcile(*words, "prodction")
        assert done.returncode == 64
        assert "unknown environment 'prodction'; did you mean 'production'?" in done.stderr

    def test_a_verb_for_one_that_never_ran_says_so_and_leaves_no_journal(self, folder: Folder) -> None:
        folder.reconcile("init")
        folder.commit()
        done = folder.reconcile("pause", "production")
        assert done.returncode == 64
        assert "was never run" in done.stderr
        assert not (folder.root / "state").exists()


class TestTheLoop:
    @pytest.mark.started
    def test_a_second_one_on_the_same_journal_is_refused_and_names_the_first(self, folder: Folder) -> None:
        folder.git("init", "--quiet", "--initial-branch", "main")
        first = folder.start("run")
        lock = folder.root / "state" / "journal.db.lock"
        until(folder, lambda: lock.exists() and lock.read_text() == f"{first.pid}\n", "the lock")
        for words in (("run",), ("--once", "--apply")):
            done = folder.process(*words)
            assert done.returncode == 1
            assert f"(pid {first.pid})" in done.stderr
        assert folder.end(first) == 0

    def test_it_says_what_is_wrong_in_git_and_takes_up_what_comes_later(self, folder: Folder) -> None:
        folder.git("init", "--quiet", "--initial-branch", "main")
        loop = folder.start("run", "--poll", "0.1")
        until(folder, lambda: "has no commit yet" in folder.said, "a word about the empty repository")
        (folder.root / "environments").mkdir()
        (folder.root / "environments" / "x.yaml").write_text("kind: 1\n", encoding="utf-8")
        folder.commit()
        until(folder, lambda: "environments/x.yaml:1:" in folder.said, "a word about the manifest")
        assert folder.said.count("has no commit yet") == 1, "it is said once"
        assert folder.end(loop, signal.SIGTERM) == 0
        assert "Traceback" not in folder.said

    def test_with_log_json_every_line_is_one_object_and_events_of_the_journal_are_among_them(
        self, folder: Folder, port: int
    ) -> None:
        folder.reconcile("init", "--port", str(port))
        (folder.root / "environments" / "odd.yaml").write_text('spec: ["\n', encoding="utf-8")
        folder.commit()
        loop = folder.start("run", "--log", "json", "--poll", "0.1")
        until(folder, lambda: '"Applied"' in folder.said, "the outcome of an act")
        assert folder.end(loop, signal.SIGTERM) == 0

        told = [json.loads(line) for line in folder.said.splitlines()]
        assert [line for line in told if not {"at", "level", "logger", "message"} <= line.keys()] == []
        assert [line for line in told if not datetime.fromisoformat(line["at"]).tzinfo or not line["message"]] == []
        assert {line["level"] for line in told} >= {"info", "warning"}
        assert {line["level"] for line in told if "environments/odd.yaml:" in line["message"]} == {"warning"}
        events = {line["seq"]: (line["environment"], line["event"]) for line in told if "event" in line}
        assert {"Accepted", "Intended", "Applied"} <= {event for _, event in events.values()}
        assert events.items() <= _journal(folder.root / "state" / "journal.db", "production").items()

    def test_a_repository_that_is_not_there_yet_is_waited_for(self, folder: Folder) -> None:
        folder.reconcile("init")
        folder.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: bleu")
        folder.commit()
        (folder.root / ".git").rename(folder.root / "away")
        loop = folder.start("run", "--poll", "0.1")
        until(folder, lambda: "is not the root of a git repository" in folder.said, "a word about the repository")
        (folder.root / "away").rename(folder.root / ".git")
        until(folder, lambda: "environments/production.yaml:" in folder.said, "a word about the manifest")
        assert folder.end(loop, signal.SIGTERM) == 0
        assert "Traceback" not in folder.said

    def test_without_a_repository_and_without_an_operators_file_nothing_starts(self, folder: Folder) -> None:
        done = folder.process("run")
        assert done.returncode == 1
        assert "is not the root of a git repository" in done.stderr

    def test_one_that_lost_an_environment_to_another_reconciler_ends_with_1(self, folder: Folder) -> None:
        folder.git("init", "--quiet", "--initial-branch", "main")
        (folder.root / "environments").mkdir()
        (folder.root / "environments" / "x.yaml").write_text("kind: 1\n", encoding="utf-8")
        folder.commit()
        loop = folder.start("run")
        journal = folder.root / "state" / "journal.db"
        until(folder, lambda: journal.exists() and _entries(journal) > 0, "its first entry")
        with contextlib.closing(open_journal(f"sqlite:///{journal}")) as other:
            other.take("x", "another reconciler")
        until(folder, lambda: "has taken over" in folder.said, "a word about it")
        assert folder.end(loop) == 1

    def test_a_journal_that_cannot_be_written_is_told_and_nothing_starts(self, folder: Folder) -> None:
        folder.reconcile("init")
        folder.commit()
        folder.edit("reconciler.toml", "sqlite:///state/journal.db", "sqlite:///reconciler.toml/journal.db")
        done = folder.process("run")
        assert done.returncode == 1
        assert "reconciler.toml/journal.db" in done.stderr
        assert "Traceback" not in done.stderr


def _entries(journal: Path) -> int:
    with contextlib.closing(open_journal(f"sqlite:///{journal}", read_only=True)) as found:
        return found.last("x")


def _journal(journal: Path, name: str) -> dict[int, tuple[str, str]]:
    """By number: whose entry it is, and of what kind."""
    with contextlib.closing(open_journal(f"sqlite:///{journal}", read_only=True)) as found:
        return {entry.seq: (name, type(entry.event).__name__) for entry in found.since(name, 0)}
