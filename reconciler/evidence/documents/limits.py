"""Limits that gates held something against, read back from what they said."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.drivers.thresholds import Threshold, Unit, threshold
from reconciler.evidence.pack.material import Material

_P95 = re.compile(r"p95 *(<=? *[0-9.]+ *(?:ms|s|m|h))")


def slowest_allowed(material: Material) -> Threshold | None:
    """The strictest of those that the gates held it against."""
    found = [match[1] for gate in material.gates for match in _P95.finditer(gate.limit)]
    return min(_thresholds(found), key=lambda one: one.value, default=None)


def _thresholds(texts: list[str]) -> Iterator[Threshold]:
    for text in texts:
        try:
            yield threshold(text, Unit.SECONDS)
        except ValueError:
            continue  # no limit of ours
