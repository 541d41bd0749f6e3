"""How soon a bad version is found, what it costs the users, and how often a healthy one is rolled back for nothing.

    python benchmarks/detection.py [--rollouts 10000] [--seed 1] [--json]

On the same simulated traffic: our race, and the decision rules of Flagger and Argo Rollouts; beside each figure Wald's
bound for a test that knows both rates. `--rollouts` is the number of healthy ones per case; a tenth of it measures
speed. A run takes ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import rivals
from figures import p95
from rollouts import (
    LOOKS,
    NEW,
    OLD,
    SPREAD,
    Look,
    Rollout,
    Stretch,
    drift,
    every_second,
    latencies,
    outage,
    roll_out,
    steady,
)

from reconciler.core.confidence import Confidence
from reconciler.core.counting import Counted, Quantile, slow
from reconciler.core.detection import SLOW, Race

ALPHA = 0.001
BASE = 0.001  # of all requests fail in a healthy version
SPEED = {0.01: 3600, 0.05: 420, 0.2: 420}  # failing after the switch: seconds for which the rivals are given traffic
TOLERANCE = 0.1
SLOWER = (1.2, 1.5, 2.0)
RACE, PLAIN = "race", "race without reserve"
FLAGGER, ARGO = "Flagger", "Argo Rollouts"


@dataclass(frozen=True)
class Decision:
    seconds: float
    errors: int  # that users of the new slot were shown until then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    few = max(20, given.rollouts // 10)
    result: dict[str, Any] = {
        "rollouts": given.rollouts,
        "seed": given.seed,
        "speed": {f"{chance:.0%}": speed(chance, few, given.seed) for chance in SPEED},
        "late": {f"{chance:.0%}": late(chance, max(20, few // 5), given.seed) for chance in SPEED},
        "slower": {f"x{factor}": slower(factor, max(20, few // 3), given.seed) for factor in SLOWER},
        "cleared": cleared(few, given.seed),
        "healthy": {
            name: healthy(name, stretches, given.rollouts, given.seed)
            for name, stretches in (("plain", steady(600, BASE, BASE)), ("outage", outage()), ("drift", drift()))
        },
    }
    result["aims"] = aims(result)
    print(json.dumps(result) if given.json else show(result))


def wald(new: float, old: float) -> float:
    """Seconds that any test needs on average, which knows both rates, at this risk: log(1/alpha) / (rate * KL)."""
    divergence = new * math.log(new / old) + (1 - new) * math.log((1 - new) / (1 - old))
    return -math.log(ALPHA) / (NEW * LOOKS * divergence)


def speed(chance: float, count: int, seed: int) -> dict[str, Any]:
    found: dict[str, list[Decision | None]] = {RACE: [], PLAIN: [], FLAGGER: [], ARGO: []}
    for number in range(count):
        rollout = roll_out(Random(f"{seed} speed {chance} {number}"), steady(SPEED[chance], chance, BASE))
        found[RACE].append(raced(Race(ALPHA), rollout.looks))
        found[PLAIN].append(raced(Race(ALPHA, reserve=0.0), rollout.looks))
        found[FLAGGER].append(ticked(rivals.flagger, rollout))
        found[ARGO].append(ticked(rivals.argo, rollout))
    bound = wald(chance, BASE)
    rules = {name: summary(decisions, bound) for name, decisions in found.items()}
    return {"wald": {"mean": round(bound, 3), "errors": round(bound * NEW * LOOKS * chance, 2)}, **rules}


def raced(race: Race, looks: Iterable[Look], since: int = 0) -> Decision | None:
    """Seconds and errors after `since`, in tenths of a second."""
    errors = 0
    for look in looks:
        errors += look.new.bad if look.number > since else 0
        race = race.seen(newcomer=look.new, stable=look.old)
        if race.worse:
            return Decision((look.number - since) / LOOKS, errors)
    return None


def ticked(rule: Callable[[Sequence[Counted]], int | None], rollout: Rollout) -> Decision | None:
    minute = rule(rollout.minutes)
    return None if minute is None else Decision(60.0 * minute, sum(one.bad for one in rollout.minutes[:minute]))


def summary(decisions: Sequence[Decision | None], bound: float) -> dict[str, Any]:
    """Of those that found it; `found` says how many did."""
    done = [one for one in decisions if one]
    share = round(len(done) / len(decisions), 4)
    if not done:
        return {"found": share}
    mean = statistics.fmean(one.seconds for one in done)
    return {
        "found": share,
        "mean": round(mean, 2),
        "p95": round(p95([one.seconds for one in done]), 2),
        "errors": round(statistics.fmean(one.errors for one in done), 1),
        "times_wald": round(mean / bound, 2),
    }


def late(chance: float, count: int, seed: int) -> dict[str, Any]:
    """The new slot is healthy for ten minutes, and only then gets worse."""
    found: dict[str, list[Decision | None]] = {RACE: [], PLAIN: []}
    onset = 600 * LOOKS
    for number in range(count):
        stretches = [Stretch(600, BASE, BASE), Stretch(300, chance, BASE)]
        looks = roll_out(Random(f"{seed} late {chance} {number}"), stretches).looks
        for name, race in ((RACE, Race(ALPHA)), (PLAIN, Race(ALPHA, reserve=0.0))):
            decision = raced(race, looks, since=onset)
            found[name].append(decision if decision is None or decision.seconds > 0 else None)
    return {name: summary(decisions, wald(chance, BASE)) for name, decisions in found.items()}


def slower(factor: float, count: int, seed: int) -> dict[str, Any]:
    """All latencies of the new slot are `factor` times those of the old one."""
    found = [raced_slow(Random(f"{seed} slower {factor} {number}"), factor) for number in range(count)]
    quantile = statistics.NormalDist().inv_cdf(0.95)
    chance = 1 - statistics.NormalDist().cdf(quantile - math.log(factor / (1 + TOLERANCE)) / SPREAD)
    bound = wald(chance, 0.05)
    return {"wald": {"mean": round(bound, 3)}, "slow_chance": round(chance, 3), RACE: summary(found, bound)}


def raced_slow(random: Random, factor: float) -> Decision | None:
    race, past = Race(ALPHA, grid=SLOW), Quantile().seen(latencies(random, OLD * 30 * LOOKS))
    for number in range(1, 120 * LOOKS):
        threshold = past.value or math.inf
        old, new = list(latencies(random, OLD)), [factor * one for one in latencies(random, NEW)]
        race = race.seen(
            newcomer=Counted(len(new), sum(slow(one, threshold, TOLERANCE) for one in new)),
            stable=Counted(len(old), sum(slow(one, threshold) for one in old)),
        )
        if race.worse:
            return Decision(number / LOOKS, race.newcomer.bad)
        past = past.seen(old)
    return None


def cleared(count: int, seed: int) -> dict[str, Any]:
    """Seconds until a step may go on: healthy as the old one, and where nothing fails anywhere."""
    rows = {}
    for name, chance in (("0.1 % in both", BASE), ("nothing fails", 0.0)):
        found = [clear(Random(f"{seed} cleared {chance} {number}"), chance) for number in range(count)]
        times = [one for one in found if one is not None]
        rows[name] = {"found": round(len(times) / count, 4), "median": round(statistics.median(times), 1)}
    return rows


def clear(random: Random, chance: float) -> float | None:
    confidence, number = Confidence(), 0
    for look in every_second(random, roll_out(random, steady(600, chance, chance)).looks, chance, 600):
        confidence, number = confidence.seen(newcomer=look.new, stable=look.old), look.number
        if confidence.sure:
            return number / LOOKS
    return None


def healthy(case: str, stretches: Sequence[Stretch], count: int, seed: int) -> dict[str, Any]:
    """The share of healthy rollouts of ten minutes that are rolled back. The known baseline is asked in a fifth."""
    names = (RACE, FLAGGER, ARGO)
    hits = dict.fromkeys(names, 0)
    known: dict[str, list[bool]] = {}
    for number in range(count):
        random = Random(f"{seed} {case} {number}")
        rollout = roll_out(random, stretches)
        hits[RACE] += raced(Race(ALPHA), rollout.looks) is not None
        hits[FLAGGER] += rivals.flagger(rollout.minutes) is not None
        hits[ARGO] += rivals.argo(rollout.minutes) is not None
        if number % 5 == 0:
            for name, watch in rivals.baselines(random, BASE, ALPHA).items():
                known.setdefault(name, []).append(rivals.alarmed(random, watch, rollout, stretches))
    return {name: hits[name] / count for name in names} | {
        name: statistics.fmean(found) for name, found in known.items()
    }


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for case, seconds, times in (("20%", 1.0, None), ("5%", 2.5, 2.7), ("1%", 18.0, 1.8)):
        race = result["speed"][case][RACE]
        rows.append((f"0.1 to {case}: mean at most {seconds} s", race["mean"], race["mean"] <= seconds))
        if times:
            rows.append(
                (f"0.1 to {case}: at most {times} times Wald's bound", race["times_wald"], race["times_wald"] <= times)
            )
    for case, row in result["healthy"].items():
        rows.append((f"false rollbacks, {case}: at most 0.1 %", row[RACE], row[RACE] <= 0.001))
    return [{"aim": aim, "value": value, "met": met} for aim, value, met in rows]


def show(result: dict[str, Any]) -> str:
    lines = [f"{result['rollouts']:,} healthy rollouts per case, seed {result['seed']}"]
    for part in ("speed", "late", "slower", "cleared", "healthy"):
        lines.append(f"\n{part}")
        for case, row in result[part].items():
            lines += [f"  {case:>14}  {name:<54} {value}" for name, value in row.items()]
    lines.append("\naims")
    lines += [f"  {'met' if row['met'] else 'NOT MET':>8}  {row['aim']}: {row['value']}" for row in result["aims"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
