"""An explicit-state model checker over the core that ships. `decide`, `intended` and `fold` are imported, never told
again; the laws about decisions are those of tests/core/core_laws.py.

How to read it, from the nouns to the verdict:

    model_world      what a state is made of: plain tuples; the scenario (commits, faults, budget)
    model_memory     the journal as a number: State normalised; one look settled by the shipped functions
    model_drivers    the world's side of the contracts: gateway with seal and compare-and-set, hosts
    model_loop       the tick in micro-steps, line by line beside loop/tick.py, loop/keeper.py and apply.py
    model_saving     what a process knows of a recovery point, and whether there is one
    model_migration  what a process knows of a migration, and what the data really are
    model_asking     ballots that lie in git, windows that close; model_asking_laws, _scenarios and _mutants about them
    model_git        git beside the desired state: the file that is put back, the notes
    model_moves      what the world does by itself between two of them
    model_faults     what goes wrong there; model_misreadings  looks that are not what the world is
    model_mirror     the real tick beside the model on random histories, so that model_loop cannot drift from it
    model_laws       laws 1 to 21 on states and effects, and a table of where each is held
    model_explore    breadth first, edges as arrays
    model_liveness   components, fairness, K and K_rb
    model_story      a counterexample, told
    model_scenarios  the configurations; model_mutants, model_defects  what the laws must find
    laws.py          all of it: `make laws`

How to run it: `pytest tests/model` (small, in every `make test`), `make laws` (millions of states). To see a
counterexample told, break something in the core and run either: each broken law prints the shortest way to it.

What is abstracted away, honestly:
- Time comes in units of 5 watched seconds, one per look that had to wait (the fault `slow` adds one anywhere).
  Durations are small multiples. What lies longer ago than anything waits for is no longer told apart.
- One look is one instant, but for the faults that make it torn, stale, silent or partly unread. Reading back and
  recording the outcome are one instant.
- The ladder has two or three rungs, the world one or two weighted members and one exclusive one, three versions.
- Requests in flight are one bit per slot; the gateway's error counters and ejections never tell anything (`serving` is
  unknown), so roads that need them are walked in tests/core only. Sticky sessions are the driver's business.
- A late or duplicate command is one to the gateway. A host's command ends with its sender; one that a superseded leader
  sends is refused (`Scenario.hosts_fenced`). On one machine the journal's run lock sees to that, as the second leader
  cannot begin before the first has ended. Hosts on several machines check no generation yet: there
  `test_law_21_needs_one_machine_or_hosts_that_check_the_generation` shows how two owners come about.
- A ballot and a window come between two looks, not within one: nothing reads them there. Of ballots on questions that
  are over, those on the last one are kept. A window is shut now, for ever, or before all would fit; by which clock, and
  when, is in tests/simulation and tests/desired. Votes age by the watched units.
- Git checks no generation either: what a superseded leader tells it is refused as a host's command is, by the run lock.
  A commit that puts a file back is one of the scenario's; its tree has one wherever a version may fail.
- With no fault left and one party alone, the world moves between two ticks and not within one. What a superseded party
  has read, but not yet acted on, is no longer told apart (`Loop.trusting`; mutants do without).
- `prompt` scenarios (every pair of faults) let members start and stop before the next look; the full ones do not.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))  # the laws and the nouns of its tests are used here too


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """A graph is kept whole and has no cycles: a collector would go through all of it again and again."""
    gc.disable()
    yield
    gc.enable()
