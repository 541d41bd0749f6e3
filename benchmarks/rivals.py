"""The decision rules of Flagger and Argo Rollouts, on what a query over the last minute tells about the new slot.

Written from their sources (Flagger `pkg/controller/scheduler.go`, `scheduler_metrics.go`; Argo Rollouts
`analysis/analysis.go`, `assessMetricStatus`), with their documented settings. Each returns the minute at whose end it
goes back, or None. The weight stays where it is, which is in their favour: they would raise it meanwhile.

And our own `Baseline`, which knows a rate from before and does not look at the old slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from rollouts import LOOKS, MINUTE, NEW, Rollout, Stretch, poisson

from reconciler.core.baseline import Baseline, known_chance
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


def baselines(random: Random, base: float, alpha: float) -> dict[str, Baseline]:
    window = Counted(poisson(random, 30_000 * (1 - base)), 0) + Counted(*[poisson(random, 30_000 * base)] * 2)
    return {
        "known baseline, exactly, begun at each look": Baseline(base, alpha, every=1),
        "known baseline, of a minute before, begun each minute": Baseline(known_chance(base, window), alpha),
    }


def alarmed(random: Random, watch: Baseline, rollout: Rollout, stretches: Sequence[Stretch]) -> bool:
    """Looks without anything bad between two others are counted together: that gives the same M, as long as M does not
    begin anew among them, so they end with the minute."""
    chances = [stretch.new for stretch in stretches for _ in range(stretch.seconds)]
    bad = {look.number: look.new for look in rollout.looks if look.new.bad}
    begin = 0
    for number in sorted({*bad, *range(MINUTE, len(chances) * LOOKS + 1, MINUTE)}):
        quiet = number - begin - (number in bad)
        good = Counted(poisson(random, NEW * (1 - chances[(number - 1) // LOOKS]) * quiet))
        watch = replace(watch, looks=begin).seen(good)
        watch = replace(watch, looks=number - 1).seen(bad.get(number, Counted()))
        begin = number
        if watch.alarm:
            return True
    return False
