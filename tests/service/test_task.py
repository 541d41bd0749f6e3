"""The task of Windows, as far as it can be told without Windows: its script's grammar, and the words it is given."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from service_file import Called, operator

from reconciler.errors import ReconcilerError
from reconciler.service.plan import Run
from reconciler.service.task import SCRIPT, Task

TEXT = SCRIPT.read_text("utf-8")


def errors(node: Any) -> Any:
    if node.is_error or node.is_missing:
        yield node.start_point, node.text[:80]
    for inner in node.children:
        yield from errors(inner)


def test_powershells_grammar_knows_the_script() -> None:
    """As far as that can be told without PowerShell: nobody has run it."""
    grammar = pytest.importorskip("tree_sitter_powershell", reason="pip install tree-sitter tree-sitter-powershell")
    sitter = importlib.import_module("tree_sitter")
    tree = sitter.Parser(sitter.Language(grammar.language())).parse(TEXT.encode())
    assert list(errors(tree.root_node)) == []


def parameters() -> set[str]:
    return set(re.findall(r"\[(?:string|switch)\] \$(\w+)", TEXT.partition("param(")[2].partition("\n)")[0]))


def test_every_word_that_is_given_is_a_parameter_of_the_script(tmp_path: Path) -> None:
    task, found = Task("reconciler", elevated=True), operator(tmp_path)
    steps = [*task.install(found).steps, *task.uninstall(found).steps]
    given = [word for step in steps if isinstance(step, Run) and str(SCRIPT) in step.argv for word in step.argv]
    words = {word[1:] for word in given[given.index(str(SCRIPT)) :] if re.fullmatch(r"-[A-Z][a-z]+", word)}
    assert words - {"NoProfile", "NonInteractive", "ExecutionPolicy", "File"} <= parameters()
    assert {"Name", "Python", "Config", "Account", "Remove"} <= words


def test_what_a_task_must_not_have_by_default_it_does_not_have() -> None:
    for told in (
        "-ExecutionTimeLimit ([TimeSpan]::Zero)",
        "-AllowStartIfOnBatteries -DontStopIfGoingOnBatteries",
        "-MultipleInstances IgnoreNew",
        "-Priority 4",
        "-AtStartup",
        "-UserId 'SYSTEM' -LogonType ServiceAccount",
    ):
        assert told in TEXT, told


def test_what_it_runs_is_a_command_of_ours() -> None:
    (words,) = re.findall(r"^\$arguments = '(.*)' -f \$Config$", TEXT, re.MULTILINE)
    assert words == '-P -m reconciler --config "{0}" service run'


def test_it_is_given_this_interpreter_and_this_file_and_runs_as_windows_itself(tmp_path: Path) -> None:
    (step,) = Task("reconciler", elevated=True).install(operator(tmp_path)).steps
    assert isinstance(step, Run)
    told = dict(zip(step.argv[::1], step.argv[1:], strict=False))
    assert (told["-Python"], told["-Config"]) == (sys.executable, str(tmp_path / "reconciler.toml"))
    assert (told["-Account"], told["-Name"]) == ("SYSTEM", "reconciler")


def test_a_password_never_passes_through_us(tmp_path: Path) -> None:
    task, found = Task("reconciler", elevated=True), operator(tmp_path)
    assert "type it yourself: powershell.exe" in task.install(found, "CORP\\anna").problems[0]
    assert task.install(found, "CORP\\reconciler$").problems == ()
    assert [name for name in parameters() if "password" in name.lower()] == []


def test_the_loop_is_asked_to_end_before_its_task_goes(tmp_path: Path) -> None:
    first, second = Task("reconciler", elevated=True).uninstall(operator(tmp_path)).steps
    assert isinstance(first, Run)
    assert isinstance(second, Run)
    assert (first.argv[-2:], first.tolerated) == (("service", "stop"), True)
    assert second.argv[-1] == "-Remove"


def test_without_an_elevated_prompt_it_says_so(tmp_path: Path) -> None:
    assert "elevated" in Task("x", elevated=False).install(operator(tmp_path)).problems[0]


def test_a_powershell_that_says_nothing_useful_is_an_error() -> None:
    with pytest.raises(ReconcilerError, match="does not tell"):
        Task("x", elevated=True, call=Called()).shown()
