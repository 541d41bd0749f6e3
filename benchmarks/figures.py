"""How many measurements are told in few numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def p95(values: Sequence[float]) -> float:
    """The smallest value that at least 95 % do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "p95": round(p95(values), 2),
        "max": round(max(values), 2),
    }


def means(values: Sequence[float]) -> dict[str, float | None]:
    """`give_or_take`: the standard error of the mean; None where one value cannot tell."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {
        "mean": round(statistics.fmean(values), 2),
        "give_or_take": None if error is None else round(error, 2),
        "p95": round(p95(values), 2),
    }
