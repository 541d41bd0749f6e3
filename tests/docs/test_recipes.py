"""The recipes work as they are written: the gate of `add-a-gate.md` is taken from the page, examined and used."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs_tables import DOCS, ROOT

from reconciler.drivers import protocols

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CONFTEST = """\
import sys
sys.path[:0] = {exams!r}
import reconciler.drivers.gates as gates
gates.__path__.append({drivers!r})
"""
USE = """\

def test_the_kind_is_known_and_its_manifest_is_read(monkeypatch, tmp_path):
    from reconciler.desired import schema
    from reconciler.desired.manifest import Manifest, read
    from reconciler.drivers import registry

    assert "port-open" in registry.kinds("gates")
    (tmp_path / schema.ENVIRONMENT).write_text(schema.generated()[schema.ENVIRONMENT], "utf-8")
    monkeypatch.setattr(schema, "folder", lambda: tmp_path)
    schema.load.cache_clear()
    text = MANIFEST.replace("kind: http, path: /healthz", "kind: port-open, port: 5432")
    found = read(text.encode(), "production.yaml")
    assert isinstance(found, Manifest), str(found)
    assert [gate.kind for gate in found.gates] == ["port-open", "synthetic"]
    wrong = read(text.replace("port: 5432", "port: 0").encode(), "production.yaml")
    assert "expected at least 1" in str(wrong)
"""


def test_the_gate_of_the_recipe_passes_the_exam_and_is_known(tmp_path: Path) -> None:
    driver, exam = PYTHON.findall((DOCS / "add-a-gate.md").read_text("utf-8"))
    manifest = (DOCS / "manifest.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    drivers = tmp_path / "drivers"
    drivers.mkdir()
    (drivers / "port_open.py").write_text(driver, "utf-8")
    (tmp_path / "conftest.py").write_text(
        CONFTEST.format(exams=[str(ROOT / "tests"), str(ROOT / "tests" / "drivers")], drivers=str(drivers)), "utf-8"
    )
    (tmp_path / "test_gate_port_open.py").write_text(f"{exam}\n\nMANIFEST = {manifest!r}\n{USE}", "utf-8")
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) == 1 + 2 * 3 + 1, "the exam's own, two for each of its three cases, and ours"


@pytest.mark.parametrize("page", ["add-a-gate", "add-a-gateway"])
def test_every_file_that_a_recipe_names_exists(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    named = set(re.findall(r"`((?:tests|reconciler|gates)/[\w/.]+\.(?:py|json))`", text)) - {
        "reconciler/drivers/gates/port_open.py",
        "tests/drivers/test_gate_port_open.py",
        "tests/docs/test_recipes.py",
    }
    named = {name for name in named if "KIND" not in name}
    assert named
    places = (ROOT, ROOT / "reconciler" / "drivers")
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()


def test_the_gateways_contract_is_told_whole() -> None:
    text = (DOCS / "add-a-gateway.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(\w+)(?:\(.*?\))?` \|", text, re.MULTILINE)) - {"Settings", "open"}
    contract = {name for name in vars(protocols.Gateway) if not name.startswith("_")} | {"capabilities"}
    assert told == contract
