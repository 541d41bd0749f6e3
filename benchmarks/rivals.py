"""The decision rules of Flagger and Argo Rollouts, on what a query over the last minute tells about the new slot.

Written from their sources (Flagger `pkg/controller/scheduler.go`, `scheduler_metrics.go`; Argo Rollouts
`analysis/analysis.go`, `assessMetricStatus`), with their documented settings. Each returns the minute at whose end it
goes back, or None. The weight stays where it is, which is in their favour: they would raise it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.counting import Counted


def success(minute: Counted) -> float:
    return 1 - minute.bad / minute.requests if minute.requests else 0.0


def flagger(minutes: Sequence[Counted], threshold: int = 5, least: float = 0.99) -> int | None:
    """`interval: 1m`, `threshold: 5`, `request-success-rate` of at least 99. A failed check is counted at the end of a
    tick; whether there are enough is asked at the beginning of the next, so it acts one tick late. A good check takes
    no failed one back."""
    failed = 0
    for tick, minute in enumerate(minutes, start=1):
        if failed >= threshold:
            return tick
        failed += success(minute) < least
    return None


def argo(minutes: Sequence[Counted], count: int = 5, failure_limit: int = 0, least: float = 0.95) -> int | None:
    """`interval: 60s`, `count: 5`, `successCondition: result >= 0.95`; `failed > failureLimit` ends it, `count` passes
    it. The first measurement is after one interval (`initialDelay: 60s`): before there is nothing to measure."""
    failed = 0
    for number, minute in enumerate(minutes[:count], start=1):
        failed += success(minute) < least
        if failed > failure_limit:
            return number
    return None
