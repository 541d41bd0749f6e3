"""Histories from seeds, on every core: `run.py --seeds 10000`; or one, told step by step: `run.py --seed 17`."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from sim_faults import ALL, Weather
from sim_history import History, Outcome

TOLD = 1000  # histories between two words of progress


@dataclass
class Total:
    """What many histories showed."""

    seeds: int = 0
    violations: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    ticks: int = 0
    acts: int = 0
    seconds: float = 0.0

    def add(self, found: Outcome) -> None:
        self.seeds += 1
        self.violations += bool(found.breaches)
        self.struck += found.struck
        self.ticks, self.acts = max(self.ticks, found.ticks), max(self.acts, found.acts)
        self.seconds = max(self.seconds, found.seconds)

    @property
    def never(self) -> list[str]:
        """A fault that is never injected is a promise that is never tested."""
        return [name for name in ALL if not self.struck[name]]

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {self.struck[name]}" for name in ALL)
        rest = f"at rest within {self.ticks} looks ({self.acts} that did something, {self.seconds:.0f} s)"
        kinds = f"{len(ALL) - len(self.never)} of {len(ALL)} kinds of fault struck {self.struck.total()} times"
        return f"simulation: {self.seeds} seeds, {self.violations} violations, {rest}, {kinds}: {faults}"


place: list[str] = []  # where histories that want files put them


def history(seed: int, without: frozenset[str] = frozenset()) -> Outcome:
    """One seed; a history that cannot be told is a violation too."""
    try:
        return History(seed, without, *place).run()
    except Exception as error:
        return Outcome(seed, [f"the simulation itself: {type(error).__name__}: {error}"], Counter(), 0, 0, 0.0, 0)


def _brief(seed: int) -> Outcome:
    found = history(seed)
    found.trace.clear()
    return found


def _ready(folder: str) -> None:
    place[:] = [folder]
    gc.freeze()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.set_threshold(200_000, 50, 1000)


def histories(seeds: Iterable[int], workers: int = 1) -> Iterator[Outcome]:
    """Without their stories, in no order."""
    if workers == 1:
        yield from map(_brief, seeds)
        return
    with TemporaryDirectory(prefix="simulation-", dir=_memory()) as folder, Pool(workers, _ready, (folder,)) as pool:
        yield from pool.imap_unordered(_brief, seeds, chunksize=8)


def _memory() -> str | None:
    """A disk that is none, where there is one: a sync costs nothing there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def complain(found: Outcome) -> str:
    return "\n".join([f"make simulate SEED={found.seed}", *(f"  {said}" for said in found.breaches)])


def shrink(seed: int) -> tuple[frozenset[str], Outcome]:
    """The same breach with as few kinds of fault as greed finds. What is not in the air anyhow is not tried."""
    weather, best = Weather(seed), history(seed)
    without = frozenset(name for name in ALL if not weather.has(name))
    laws = {said.partition(":")[0] for said in best.breaches}
    for name in (name for name in ALL if weather.has(name)):
        tried = history(seed, without | {name})
        if laws & {said.partition(":")[0] for said in tried.breaches}:
            without, best = without | {name}, tried
    return frozenset(ALL) - without, best


def replay(seed: int, *, shrunk: bool) -> int:
    needed, found = shrink(seed) if shrunk else (frozenset(ALL), history(seed))
    print("\n".join(found.story()))
    struck = ", ".join(f"{name} {number}" for name, number in sorted(found.struck.items()) if name in needed)
    print(f"\nseed {seed}: {found.ticks} looks to rest, digest {found.digest()[:16]}\nfaults: {struck}")
    print("\n".join(f"broken: {said}" for said in found.breaches) or "every law held")
    return int(bool(found.breaches))


def judge(seeds: Iterable[int], workers: int) -> int:
    total, began = Total(), time.monotonic()
    for found in histories(seeds, workers):
        total.add(found)
        if found.breaches:
            print(complain(found), flush=True)
        if total.seeds % TOLD == 0:
            print(f"{total.seeds} histories, {total.violations} violations", file=sys.stderr, flush=True)
    spent = os.times()
    processor = spent.user + spent.children_user + spent.system + spent.children_system
    print(f"{time.monotonic() - began:.0f} s with {workers} processes, {processor:.0f} s of processor time")
    if total.never:
        print(f"never injected: {', '.join(total.never)}")
    print(total)
    return int(bool(total.violations or total.never))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many histories")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="tell this one")
    parser.add_argument("--shrink", action="store_true", help="with as few kinds of fault as break the same law")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    if asked.seed is not None:
        return replay(asked.seed, shrunk=asked.shrink)
    return judge(range(asked.first, asked.first + asked.seeds), asked.workers)


if __name__ == "__main__":
    sys.exit(main())
