"""What a race found, in one sentence that needs no statistician."""

from __future__ import annotations

import math
from enum import StrEnum

from reconciler.core.counting import Counted
from reconciler.core.detection import Race, expected


class Metric(StrEnum):
    """What was raced on. The value is what a slot did to its requests."""

    ERRORS = "failed"
    SLOW = "was slow to answer"
    REFUSED = "refused"


def explain(race: Race, metric: Metric = Metric.ERRORS, *, newcomer: str = "green", stable: str = "blue") -> str:
    """E.g. `green failed 14 of 1,020, blue 3 of 9,310 in the same time: a healthy green would look this bad less than
    once in 1,000 rollouts`. Of several metrics that were averaged, explain the one with the greatest evidence."""
    found = f"{newcomer} {metric} {_of(race.newcomer)}, {stable} {_of(race.stable)} in the same time"
    if race.worse:
        as_bad = f"{newcomer} {race.tolerated:g} times as bad as {stable}"
        excused = f"healthy {newcomer}" if race.tolerated == 1 else as_bad
        return f"{found}: a {excused} would look this bad less than once in {_rollouts(race)} rollouts"
    return f"{'too little to tell' if _too_little(race) else 'no worse so far'}: {found}"


def _rollouts(race: Race) -> str:
    return f"{math.floor(1 / race.alpha + 1e-9):,}"


def _too_little(race: Race) -> bool:
    """Whether the newcomer had so few requests that even if all had been bad nobody could have accused it."""
    own = race.newcomer.requests
    return not own or own * math.log(expected(race.newcomer, race.stable, race.tolerated)) > math.log(race.alpha)


def _of(counted: Counted) -> str:
    return f"{counted.bad:,} of {counted.requests:,}"
