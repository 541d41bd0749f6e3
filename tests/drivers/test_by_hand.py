"""The scripts by which a person goes back: sound shell, sound PowerShell, whatever stands in them.

That they do what they say is in the exam of every gateway."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import Pair, Slot
from reconciler.drivers.gateways import envoy, haproxy, iis_arr
from reconciler.drivers.haproxy.proxy import Proxy
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.protocols import ByHand, Endpoint, GatewayContext
from reconciler.drivers.windows.machine import Machine

ODD = """it's "so": $(touch x) `touch x` ${HOME} \\ @' '@ %s"""
ENDPOINTS = (
    Endpoint("api", "/api", Pair("127.0.0.1:9001", "127.0.0.1:9002")),
    Endpoint("web", "/", Pair("127.0.0.1:9003", "[::1]:9004")),
)
SHELLCHECK = shutil.which("shellcheck")


def context(folder: Path, **more: Any) -> GatewayContext:
    return GatewayContext("production", "it's a journal", folder / "it's here", ENDPOINTS, read_only=True, **more)


def of_envoy(folder: Path) -> ByHand:
    return envoy.open(context(folder), envoy.Settings(sessions="sticky")).by_hand(Slot.BLUE, ODD, (ODD, "and more"))


def of_haproxy(folder: Path) -> ByHand:
    return haproxy.open(context(folder), haproxy.Settings()).by_hand(Slot.GREEN, ODD, (ODD,))


def of_a_proxy(folder: Path) -> ByHand:
    own = context(folder, proxy=Proxy(socket="127.0.0.1:9999"))
    return haproxy.open(own, haproxy.Settings(proxy="edge")).by_hand(Slot.GREEN)


def of_iis(folder: Path) -> ByHand:
    farm = Farm(machine="arr1", users="http://portal.corp.example", site="It's here", pool="P")
    machine = Machine(address="https://arr1.corp.example:5986", user="x", password_env="X")
    named = {"farms": farm, "machines": machine}
    own = context(folder, named=lambda section, _: named[section])
    return iis_arr.open(own, iis_arr.Settings(farm="portal")).by_hand(Slot.GREEN, ODD, (ODD,))


EVERY = pytest.mark.parametrize("make", [of_envoy, of_haproxy, of_a_proxy, of_iis])


@EVERY
def test_the_shell_understands_it_and_making_it_touches_nothing(make: Any, tmp_path: Path) -> None:
    script = make(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for shell in filter(None, map(shutil.which, ("sh", "dash", "bash"))):
        done = subprocess.run([shell, "-n"], input=script.sh, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    assert "#@ " not in script.sh + script.ps1, "every place is filled"


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed: apt-get install shellcheck")
@EVERY
def test_shellcheck_finds_nothing(make: Any, tmp_path: Path) -> None:
    done = subprocess.run([str(SHELLCHECK), "-s", "sh", "-"], input=make(tmp_path).sh, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@EVERY
def test_powershells_grammar_knows_it(make: Any, tmp_path: Path) -> None:
    """As far as that can be told without PowerShell: nobody has run it."""
    grammar = pytest.importorskip("tree_sitter_powershell", reason="pip install tree-sitter tree-sitter-powershell")
    sitter = importlib.import_module("tree_sitter")
    tree = sitter.Parser(sitter.Language(grammar.language())).parse(make(tmp_path).ps1.encode())
    assert list(_errors(tree.root_node)) == []


def _errors(node: Any) -> Any:
    if node.is_error or node.is_missing:
        yield node.start_point, node.text[:80]
    for child in node.children:
        yield from _errors(child)


@EVERY
def test_both_scripts_are_told_the_same(make: Any, tmp_path: Path) -> None:
    script = make(tmp_path)
    values = re.findall(
        r"^([A-Z][A-Z_]*)=", script.sh.partition("export LC_ALL")[2].partition("# ----")[0], re.MULTILINE
    )
    told = re.findall(r"^\$(\w+) = '", script.ps1.partition("'Stop'")[2], re.MULTILINE)
    assert told == [name.title().replace("_", "") for name in values]
    unused = [name for name in told if script.ps1.lower().count(f"${name.lower()}") < 2]
    assert [name for name in unused if name not in ("Python", "Lock", "Other")] == []


@EVERY
def test_no_word_is_taken_for_a_command(make: Any, tmp_path: Path) -> None:
    """What it says is what it was given, whatever stands there: names, reasons and paths are others' words."""
    script = make(tmp_path)
    text = re.sub(r"\nmain \"\$@\"\n", '\nsay "$TITLE" "$UNDONE" "$JOURNAL"\n', script.sh)
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if make is not of_a_proxy:
        assert done.stdout.startswith(f"{ODD}\n- {ODD}\n")
    assert list(tmp_path.iterdir()) == []


def test_where_it_can_be_done_only_elsewhere_the_shell_says_so_and_does_nothing(tmp_path: Path) -> None:
    script = of_iis(tmp_path)
    done = subprocess.run(["sh", "-c", script.sh, "rollback.sh", "--yes"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "run the rollback.ps1 that lies beside this one there" in done.stderr
    assert "#Requires -Version 5.1" in script.ps1
    assert "$Machine = 'arr1.corp.example'" in script.ps1
    assert "reconciler-production.web|green.production.web" not in script.ps1, "they have hosts of their own"
    assert "reconciler-production.api|green.production.api|true|100|0" in script.ps1
    assert "reconciler-production.api|blue.production.api|false|1|0" in script.ps1


def test_it_asks_for_nothing_that_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "rollback.sh"
    file.write_text(of_haproxy(tmp_path).sh)
    asked, wrong = (subprocess.run(["sh", str(file), word], capture_output=True, text=True) for word in ("-h", "--no"))
    assert (asked.returncode, wrong.returncode) == (0, 64)
    assert "--force" in asked.stdout
    assert "--force" in wrong.stderr


def test_where_nothing_is_it_refuses(tmp_path: Path) -> None:
    file = tmp_path / "rollback.sh"
    for make, said in ((of_envoy, "are not there"), (of_haproxy, "no HAProxy answers")):
        file.write_text(make(tmp_path).sh)
        done = subprocess.run(["sh", str(file), "--yes"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
