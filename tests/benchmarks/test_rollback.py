"""Rollbacks of different kinds are told apart, and what is expected of them agrees with the table of `detection.py`."""

from __future__ import annotations

from statistics import fmean

import expected
import pytest
import yaml
from records import Rollback
from rollback import Part, in_turn


def done(version: str) -> Rollback:
    return Rollback(version, seconds=1.0, errors=1, after=0, last_ms=-1.0, read_back_ms=1.0, reason="")


def test_every_rollback_has_a_version_of_its_own_and_is_of_one_kind() -> None:
    parts = [Part(0.2, 5), Part(0.2, 50), Part(0.02, 50), Part(0.2, 55)]
    found = [done(version) for version, _ in in_turn(parts, 12)]
    assert len({one.version for one in found}) == len(found) == 48
    assert [len(part.own(found)) for part in parts] == [12, 12, 12, 12]


def test_the_manifest_is_a_template_of_the_demo_with_the_weight_filled_in() -> None:
    text = Part(0.2, 35).manifest.format(name="demo", active="blue", blue="1", green="2", port=8080)
    assert yaml.safe_load(text)["spec"]["strategy"]["steps"][0] == {"setWeight": 35}


@pytest.mark.parametrize(("share", "table"), [(0.2, 0.48), (0.05, 1.95)])
def test_what_is_expected_is_little_more_than_the_tables_figure_because_refusals_are_weighed_too(
    share: float, table: float
) -> None:
    seconds = fmean(one.seconds for one in expected.decisions(share, (50.0, 450.0), 300))
    assert table * 0.95 < seconds < table * 1.25
