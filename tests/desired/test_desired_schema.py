from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.desired import schema
from reconciler.desired.manifest import Manifest, read
from reconciler.drivers import registry

ROOT = Path(__file__).resolve().parents[2]


def test_the_checked_in_schemas_are_what_the_models_say() -> None:
    assert schema.stale(ROOT / "schemas") == [], "run `make schema`"


def test_a_schema_that_is_not_current_is_named(tmp_path: Path) -> None:
    for name, text in schema.generated().items():
        (tmp_path / name).write_text(text, "utf-8")
    assert schema.stale(tmp_path) == []
    (tmp_path / schema.OPERATOR).write_text("{}", "utf-8")
    assert schema.stale(tmp_path) == [schema.OPERATOR]


def test_writing_then_checking_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "folder", lambda: tmp_path / "schemas")
    assert schema.main(["--check"]) == 1
    assert schema.main([]) == 0
    assert schema.main(["--check"]) == 0
    assert schema.main(["--chekc"]) == 64


def test_both_are_valid_schemas_with_every_driver_in_them() -> None:
    for name in (schema.ENVIRONMENT, schema.OPERATOR):
        Draft202012Validator.check_schema(schema.load(name))
    defs = schema.load(schema.ENVIRONMENT)["$defs"]
    for family in registry.FAMILIES:
        for kind in registry.kinds(family):
            assert defs[f"{family}.{kind}"]["additionalProperties"] is False


def test_the_operators_schema_does_not_offer_what_only_we_fill_in() -> None:
    app = schema.load(schema.OPERATOR)["$defs"]["App"]
    assert "command" in app["properties"]
    assert "base" not in app["properties"]


def test_every_reference_in_a_schema_leads_somewhere() -> None:
    for name in (schema.ENVIRONMENT, schema.OPERATOR):
        whole = schema.load(name)
        references = [part for part in json.dumps(whole).split('"') if part.startswith("#/$defs/")]
        assert references
        assert all(reference.removeprefix("#/$defs/") in whole["$defs"] for reference in references)


@pytest.mark.parametrize("file", sorted((ROOT / "environments").glob("*.yaml")), ids=lambda file: file.name)
def test_the_samples_are_manifests_that_can_be_used(file: Path) -> None:
    found = read(file.read_bytes(), file.name)
    assert isinstance(found, Manifest), str(found)
    assert file.read_text("utf-8").startswith("# yaml-language-server: $schema=../schemas/environment.schema.json")


def test_there_is_a_sample() -> None:
    assert (ROOT / "environments" / "sample.yaml").exists()


def test_reading_a_manifest_loads_only_the_drivers_that_it_names(manifest: str) -> None:
    code = """
import sys
from reconciler.desired.manifest import Manifest, read
assert isinstance(read(sys.stdin.buffer.read(), "x"), Manifest)
print(*sorted(name for name in sys.modules if name.startswith("reconciler.drivers.")))
"""
    done = subprocess.run(
        (sys.executable, "-c", code), input=manifest.encode(), capture_output=True, check=True, cwd=ROOT
    )
    loaded = done.stdout.decode().split()
    assert "reconciler.drivers.gateways.envoy" in loaded
    assert "reconciler.drivers.hosts.process" in loaded
    assert not [name for name in loaded if name.startswith("reconciler.drivers.gates.")]
