"""The alert rules of the examples fire when they should, and are quiet when not; by Prometheus' own tool."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.metrics.families import FAMILIES

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from prometheus_rig import program

RULES = Path(__file__).parents[2] / "examples" / "prometheus" / "rules.yaml"
TESTS = Path(__file__).with_name("rules_tests.yaml")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def promtool(*words: str) -> str:
    done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(RULES))


@pytest.mark.real
def test_every_rule_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", str(TESTS))


def test_every_rule_is_tried_both_quiet_and_firing() -> None:
    tried = yaml.safe_load(TESTS.read_text("utf-8"))["tests"]
    told = {(each["alertname"], bool(each["exp_alerts"])) for test in tried for each in test["alert_rule_test"]}
    names = [rule["alert"] for rule in rules()]
    assert names
    assert told == {(name, fires) for name in names for fires in (True, False)}


def test_the_rules_ask_for_metrics_that_there_are() -> None:
    named = {word for rule in rules() for word in re.findall(r"reconciler_\w+", rule["expr"])}
    summed = {f"{name}_{part}" for name, one in FAMILIES.items() if one.kind == "summary" for part in ("sum", "count")}
    assert named
    assert named <= {*FAMILIES, *summed}


def test_the_page_tells_of_every_rule() -> None:
    page = (RULES.parents[2] / "docs" / "metrics.md").read_text("utf-8")
    assert {rule["alert"] for rule in rules()} == set(re.findall(r"^\| `(Reconciler\w+)`", page, re.MULTILINE))
