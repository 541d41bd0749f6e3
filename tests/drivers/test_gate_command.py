"""The gates `command` and `migration`: the exam, with real programs; and what is left when one is over: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from gate_exam import SECRET, WINDOW, GateExam
from pydantic import ValidationError

from reconciler.clock import SYSTEM
from reconciler.core.model import Outcome, Release, Slot
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.commands import output, run
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.output import KEPT, Tail
from reconciler.drivers.gates import command, migration
from reconciler.drivers.process.family import bearers
from reconciler.drivers.protocols import Gate, GateContext
from reconciler.errors import InvalidConfiguration

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}
SHELL = "/bin/sh"


def script(text: str, **said: Any) -> dict[str, Any]:
    return {"argv": [SHELL, "-c", text], **said}


CASES: dict[str, tuple[dict[str, Any], set[Outcome]]] = {
    "good": (script("echo all is well"), GOOD),
    "another code is expected": (script("exit 3", expect=3), GOOD),
    "a wrong code": (script("echo no such table >&2; exit 3"), FAILED),
    "silence": (script("exit 0"), GOOD),
    "the secret is printed": (script('echo "$TOKEN"; exit 1', env={"TOKEN": SECRET}), FAILED),
    "it leaves somebody behind": (script("sleep 1000 & echo started"), GOOD),
    "a program that is not there": ({"argv": ["no-such-program-here"]}, ERROR),
    "a program that is no program": ({"argv": ["/etc/passwd"]}, ERROR),
    "a folder that is not there": (script("exit 0", cwd="nowhere"), ERROR),
    "it never ends": (script("echo begun; exec sleep 1000", timeout="200ms"), ERROR),
    "it takes no hint": (script("trap '' TERM INT HUP; while :; do sleep 1; done", timeout="200ms"), ERROR),
    "endless output": ({"argv": ["yes"]}, ERROR),
    "1 GB of output": ({"argv": ["head", "-c", "1000000000", "/dev/zero"]}, ERROR),
    "one line without end": ({"argv": ["cat", "/dev/zero"]}, ERROR),
    "it is killed": (script("kill -9 $$"), ERROR),
    "more variables than fit": (script("exit 0", env={"BIG": "x" * 10_000_000}), ERROR),
}


def defined(said: dict[str, Any], base: Path) -> Callable[[str], Command]:
    """As the operator's file gives it."""

    def named(name: str) -> Command:
        if name != "check":
            raise InvalidConfiguration(f"unknown command '{name}'; define [commands.{name}] in reconciler.toml")
        return Command.model_validate({**said, "base": base})

    return named


def context(said: dict[str, Any], base: Path) -> GateContext:
    return GateContext("production", "dry-run", dict, lambda _: None, lambda _: False, commands=defined(said, base))


def opened(said: dict[str, Any], base: Path, kind: Any = command, name: str = "check") -> Gate:
    gate: Gate = kind.open(context(said, base), kind.Settings(command=name))
    return gate


def asked(said: dict[str, Any], base: Path, window: Window = WINDOW) -> GateReading:
    return opened(said, base).run(window)


class TestCommand(GateExam):
    KIND: ClassVar[Any] = command
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in CASES.items()} | {
        "a command that nobody defined": ERROR,
        "no commands at all": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, tmp_path: Path) -> Iterator[Gate]:
        before = children()
        if case == "no commands at all":
            nothing = replace(context({}, tmp_path), commands=None)
            yield self.KIND.open(nothing, self.KIND.Settings(command="check"))
        else:
            said = CASES[case][0] if case in CASES else {}
            yield opened(said, tmp_path, self.KIND, "check" if case in CASES else "chek")
        assert children() - before == set()


class TestMigration(TestCommand):
    KIND = migration


def children() -> set[int]:
    """Whom we or a command of ours brought forth; a zombie is one too."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


# ---- what it says ----------------------------------------------------------------------------------------------------


def test_the_exit_code_and_the_last_words_are_kept(tmp_path: Path) -> None:
    found = asked(script("echo reading; echo no such table: jobs >&2; exit 3"), tmp_path)
    assert found.reason == "it did not end as expected: exit code 3 instead of 0; it said: no such table: jobs"
    assert found.value == "exit code 3 | reading | no such table: jobs"
    assert (found.limit, found.samples) == ("exit code 0", 1)


def test_a_migration_speaks_of_its_dry_run(tmp_path: Path) -> None:
    good = opened(script("echo 2 steps; exit 0"), tmp_path, migration).run(WINDOW)
    bad = opened(script("exit 7"), tmp_path, migration).run(WINDOW)
    late = opened(script("exec sleep 1000", timeout="100ms"), tmp_path, migration).run(WINDOW)
    assert good.reason.startswith("the migration would go through: exit code 0 after ")
    assert good.value == "exit code 0 | 2 steps"
    assert bad.reason == "the migration would not go through: exit code 7 instead of 0"
    assert late.reason == "the dry-run did not end within 100ms, and was ended by force"


def test_what_cannot_be_started_is_named_without_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # a folder in it that we may not enter would be the reason instead
    found = asked({"argv": ["no-such-program-here", SECRET]}, tmp_path)
    assert found.reason == (
        f"the command: 'no-such-program-here' cannot be started in {tmp_path}: "
        "No such file or directory: no-such-program-here"
    )


def test_a_command_that_nobody_defined_says_where_it_belongs(tmp_path: Path) -> None:
    found = opened({}, tmp_path, name="chek").run(WINDOW)
    assert found.reason == "the command: unknown command 'chek'; define [commands.chek] in reconciler.toml"


def test_control_sequences_do_not_reach_the_terminal(tmp_path: Path) -> None:
    found = asked(script(r"printf '\033[31mred\007 \377\n'"), tmp_path)
    assert found.value == "exit code 0 |  [31mred  \ufffd"


# ---- what it is given ------------------------------------------------------------------------------------------------


def test_what_is_pinned_arrives_as_whole_words(tmp_path: Path) -> None:
    words = ["{version}", "{slot}", "{environment}", "{transition}", "{}", "a {b} c"]
    code = "import sys; print(sys.argv[1:])"
    window = Window("000018-green-1.4.2", Release(Slot.GREEN, "1.4.2#0a1b2c3d"), Release(Slot.BLUE, "1.4.1"), 0, 0.0)
    found = asked({"argv": ["{python}", "-c", code, *words]}, tmp_path, window)
    given = ["1.4.2", "green", "production", "000018-green-1.4.2", "{}", "a {b} c"]
    assert found.value == f"exit code 0 | {given}"


@pytest.mark.parametrize("version", ["-rf", "1;reboot", "a b", "../x", "$(id)", ""])
def test_a_version_that_is_more_than_a_name_starts_nothing(version: str, tmp_path: Path) -> None:
    window = replace(WINDOW, newcomer=Release(Slot.GREEN, version))
    found = asked(script(f"touch {tmp_path}/was-run"), tmp_path, window)
    assert found.outcome is Outcome.ERROR
    assert not (tmp_path / "was-run").exists()


def test_it_knows_its_own_variables_and_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", SECRET)
    found = asked(script('echo "${OUR_TOKEN-none} $MINE $PWD"', env={"MINE": "own"}, cwd="sub"), _sub(tmp_path))
    assert found.value == f"exit code 0 | none own {tmp_path}/sub"


def _sub(folder: Path) -> Path:
    (folder / "sub").mkdir()
    return folder


def test_it_has_no_input(tmp_path: Path) -> None:
    assert asked({"argv": ["cat"]}, tmp_path).outcome is Outcome.SUCCESSFUL


# ---- what it leaves behind -------------------------------------------------------------------------------------------

ESCAPES = "import os, sys, time; os.fork() or (os.setsid(), os.fork() or time.sleep(1000)); print('begun', flush=True)"


def test_whoever_it_started_ends_with_it_in_whichever_session(tmp_path: Path) -> None:
    before = set(psutil.pids())
    found = asked({"argv": [sys.executable, "-c", ESCAPES], "timeout": "30s"}, tmp_path)
    assert (found.outcome, "begun" in found.value) == (Outcome.SUCCESSFUL, True), found.reason
    assert _escaped(before) == []


class Leaping:
    """A clock that is far ahead once a file is there, but for one more look: what was said before that is read."""

    def __init__(self, file: Path) -> None:
        self.file, self.looks = file, 0

    def monotonic(self) -> float:
        self.looks += self.file.exists()
        return 1e6 if self.looks > 1 else 0.0

    def wall(self) -> str:
        return SYSTEM.wall()


def test_whoever_a_late_one_started_ends_with_it_too(tmp_path: Path) -> None:
    before, file = set(psutil.pids()), tmp_path / "begun"
    late = [sys.executable, "-c", f"{ESCAPES}; open({str(file)!r}, 'w'); time.sleep(1000)"]
    found = run.run(Command(argv=late, base=tmp_path, timeout="30s"), {}, Leaping(file))
    assert (found.stopped, "begun" in found.said) == ("did not end within 30s, and was ended by force", True)
    assert _escaped(before) == []


def _escaped(before: set[int]) -> list[int]:
    return [pid for pid in set(psutil.pids()) - before if ESCAPES in " ".join(_words(pid))]


def _words(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


HOST = """
import sys
from pathlib import Path
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.run import run
run(Command(argv=["/bin/sh", "-c", sys.argv[1]], base=Path(sys.argv[2])), {})
"""


def test_a_reconciler_that_is_killed_leaves_no_command_behind(tmp_path: Path) -> None:
    text = "setsid sleep 1000 & echo $! > other; echo $$ > own; sleep 1000"
    reconciler = subprocess.Popen([sys.executable, "-c", HOST, text, str(tmp_path)])
    until(lambda: _number(tmp_path / "own") and _number(tmp_path / "other"))
    started = [psutil.Process(_number(tmp_path / name)) for name in ("own", "other")]
    reconciler.send_signal(signal.SIGKILL)
    reconciler.wait()
    until(lambda: not any(_lives(process) for process in started))


def _number(path: Path) -> int:
    return int(path.read_text() or 0) if path.exists() else 0


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def until(holds: Callable[[], Any]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to pass")


def test_no_descriptor_and_no_process_is_lost(tmp_path: Path) -> None:
    asked(script("exit 0"), tmp_path)
    before, others = len(os.listdir("/proc/self/fd")), children()
    for _ in range(10):
        asked(script("sleep 1000 & exit 0"), tmp_path)
        asked({"argv": ["no-such-program-here"]}, tmp_path)
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)  # a server of this process may hold one for a moment
    assert children() <= others


def test_the_token_of_a_command_is_its_own() -> None:
    assert not bearers("nobody-has-this-token")


# ---- its output ------------------------------------------------------------------------------------------------------


def test_the_end_of_the_output_is_kept_and_no_more(tmp_path: Path) -> None:
    found = asked({"argv": ["seq", "1000000"]}, tmp_path)
    assert found.value.endswith("| 999999 | 1000000")
    assert len(found.value) < 2 * KEPT


def test_no_piece_of_a_secret_survives_the_cut() -> None:
    secret = "0123456789" * 20
    for cut in range(len(secret) + 1):
        tail = Tail([secret])
        tail.add(b"x" * 10_000)
        tail.add(secret.encode() + b"y" * (KEPT - cut))
        text = tail.text()
        assert not any(digit in text for digit in secret), cut
        assert text.endswith("y" * 100)


def test_secrets_are_hidden_in_pieces_within_each_other_and_line_by_line() -> None:
    tail = Tail(["hunter2", "hunter2-long", "first line\nsecond line", "abc"])
    for part in ("a hun", "ter2 b hunter2-long c", "\nsecond line\nfirst", " line abc\n\0\n"):
        tail.add(part.encode())
    assert tail.text() == "a *** b *** c\n***\n*** abc"


def test_more_than_anybody_reads_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST", 1 << 20)
    found = asked({"argv": ["yes"]}, tmp_path)
    assert found.reason == "the command wrote more than 1 MB, and was ended by force; it said: y"


# ---- what an operator may write --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"argv": []}, "at least 1 item"),
        ({"argv": "migrate --dry-run"}, "valid list"),
        ({"argv": ["{version}"]}, "cannot be the program"),
        ({"argv": ["migrate", "--to={version}"]}, "{version} must be a word of its own"),
        ({"argv": ["sh", "-c", "migrate {version}"]}, "must be a word of its own"),
        ({"argv": ["migrate", "{versoin}"]}, "unknown placeholder 'versoin'; did you mean 'version'?"),
        ({"argv": ["migrate", "a\0b"]}, "zero byte"),
        ({"argv": ["migrate"], "timeout": "0s"}, "greater than 0"),
        ({"argv": ["migrate"], "timeout": "2h"}, "less than or equal to 3600"),
        ({"argv": ["migrate"], "timeout": 5}, "number with a unit"),
        ({"argv": ["migrate"], "expect": 256}, "less than or equal to 255"),
        ({"argv": ["migrate"], "shell": True}, "Extra inputs"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Command.model_validate(said)


@pytest.mark.parametrize("said", [{}, {"command": "../x"}, {"command": "a b"}, {"command": ["x"]}, {"argv": ["x"]}])
def test_a_manifest_names_a_command_and_nothing_else(said: dict[str, Any]) -> None:
    for kind in (command, migration):
        with pytest.raises(ValidationError):
            kind.Settings.model_validate(said)


def test_no_secret_is_in_a_definitions_text() -> None:
    assert SECRET not in repr(Command(argv=["x"], env={"TOKEN": SECRET}))
    assert output.SHORTEST_SECRET == 4
