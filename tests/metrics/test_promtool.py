"""What the page shows is as Prometheus' own tool wants it: names, kinds, labels, help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from reconciler.metrics.families import FAMILIES, Sample
from reconciler.metrics.page import Everything

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from prometheus_rig import program

pytestmark = pytest.mark.real


def every_family() -> Iterator[Sample]:
    """One sample of each, with labels that have to be escaped."""
    for name, family in FAMILIES.items():
        values = ('x\n"\\\N{LATIN SMALL LETTER E WITH ACUTE}',) * len(family.labels)
        parts = (f"{name}_count", f"{name}_sum") if family.kind == "summary" else (name,)
        yield from ((part, values, 1.0) for part in parts)


def checked(page: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program("promtool"), "check", "metrics"], input=page, capture_output=True, timeout=60)


def shown() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything(every_family))
    return generate_latest(registry)


def test_promtool_finds_nothing_wrong_with_any_family() -> None:
    page = shown()
    assert all(name.removesuffix("_total").encode() in page for name in FAMILIES)
    done = checked(page)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_it_would_find_a_label_that_belongs_to_summaries_only() -> None:
    done = checked(shown().replace(b"percentile=", b"quantile="))
    assert done.returncode == 3
    assert b"quantile" in done.stdout + done.stderr
