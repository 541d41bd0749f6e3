"""`make laws`: every large configuration, two at a time, then every mutant; the last line says it all. A violation, a
mutant that lives and a fault that never struck are printed, and each of them fails.

python tests/model/laws.py            the large configurations and the mutants
python tests/model/laws.py --small    those of `make test`
"""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from model_asking_mutants import ASKING_MUTANTS
from model_asking_scenarios import LARGE_ASKED, SMALL_ASKED
from model_drill_mutants import DRILL_MUTANTS
from model_drills import LARGE_DRILLS, SMALL_DRILLS
from model_explore import explore
from model_liveness import judge
from model_mutants import MUTANTS
from model_scenarios import LARGE, SMALL
from model_story import tell

PROCESSES = 2
EVERY_LARGE, EVERY_SMALL = (*LARGE, *LARGE_ASKED, *LARGE_DRILLS), (*SMALL, *SMALL_ASKED, *SMALL_DRILLS)
EVERY_MUTANT = (*MUTANTS, *ASKING_MUTANTS, *DRILL_MUTANTS)


@dataclass(frozen=True)
class Found:
    """What one configuration came to. `stories`: its counterexamples, told. `unstruck`: faults that never happened."""

    name: str
    states: int
    transitions: int
    stories: tuple[str, ...]
    unstruck: tuple[str, ...]
    bound: int
    back: int
    seconds: float
    megabytes: int

    def __str__(self) -> str:
        speed = round(self.states / max(self.seconds, 0.01))
        return (
            f"{self.name}: {self.states:,} states, {self.transitions:,} transitions, {len(self.stories)} violations,"
            f" K={self.bound}, K_rb={self.back}; {self.seconds:.0f} s, {speed:,} states/s, {self.megabytes} MB"
        )


def run(large: bool, number: int) -> Found:
    scenario, began = (EVERY_LARGE if large else EVERY_SMALL)[number], time.monotonic()
    graph = explore(scenario)
    live = judge(graph)
    stories = tuple(tell(graph, *violation) for violation in (*graph.violations, *live.violations))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = time.monotonic() - began
    sizes = len(graph.states), len(graph.targets)
    return Found(scenario.name, *sizes, stories, graph.unstruck, live.bound, live.back, seconds, peak)


def main(large: bool = True) -> int:
    found = []
    count = len(EVERY_LARGE if large else EVERY_SMALL)
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(run, large, number) for number in range(count)]):
            found.append(done.result())
            print(found[-1], flush=True)
            print("".join(f"\n{story}\n" for story in found[-1].stories), end="", flush=True)
            print("".join(f"never struck: {fault} in {found[-1].name}\n" for fault in found[-1].unstruck), end="")
    alive = [mutant for mutant in EVERY_MUTANT if not mutant.killed()]
    for mutant in alive:
        print(f"mutant alive: {mutant.name} (law {mutant.law})")
    violations = sum(len(one.stories) for one in found)
    print(
        f"laws: {sum(one.states for one in found)} states, {sum(one.transitions for one in found)} transitions,"
        f" {violations} violations, K={max(one.bound for one in found)}, K_rb={max(one.back for one in found)},"
        f" mutants killed {len(EVERY_MUTANT) - len(alive)}/{len(EVERY_MUTANT)}"
    )
    return 1 if violations or alive or any(one.unstruck for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(large="--small" not in sys.argv))
