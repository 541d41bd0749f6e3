"""The checker itself: memory is normalised without changing a decision, components and stories are right."""

from __future__ import annotations

from array import array

from model_asking_scenarios import TWO
from model_explore import PARTY, Graph, Label, explore
from model_liveness import components, judge
from model_loop import Loop
from model_mutants import MUTANTS
from model_scenarios import BAD, scenario
from model_story import tell
from model_world import SHORT

from reconciler.core import plan
from reconciler.core.situation import Do


def drawn(edges: list[list[int]]) -> Graph:
    """A graph of nothing but edges."""
    graph = Graph(Loop(scenario("none", (), 0)))
    graph.states, graph.names = [None] * len(edges), [Label(PARTY, "A looks")]  # type: ignore[list-item]
    for targets in edges:
        graph.targets.extend(targets)
        graph.labels.extend([0] * len(targets))
        graph.offsets.append(len(graph.targets))
    return graph


def test_components_are_found_and_numbered_from_the_end() -> None:
    component, count = components(drawn([[1], [2], [1, 3], [4], []]), [True])
    assert count == 4
    assert component[1] == component[2]
    assert component[0] > component[1] > component[3] > component[4]


def test_an_edge_that_is_not_fair_binds_nothing() -> None:
    assert components(drawn([[1], [0]]), [False])[1] == 2


def test_normalising_twice_is_normalising_once() -> None:
    """That it changes no decision is what the mirror shows (test_model_mirror)."""
    asked = scenario("asked, and told", ("a no", "retry"), beside=True, prompt=True, steps=SHORT, **TWO, **BAD)
    for chosen in (scenario("any fault", budget=1, prompt=True, steps=SHORT), asked):
        loop = Loop(chosen)
        explore(chosen, loop=loop)
        memories = loop.memories
        assert all(memories.number(state) == number for number, state in enumerate(list(memories.states)))


def test_a_counterexample_is_told_step_by_step() -> None:
    mutant = next(one for one in MUTANTS if one.name == "no compare-and-set")
    with mutant.hunted() as graph:
        story = tell(graph, *next(found for found in graph.violations if found[2].startswith("law 7")))
    assert "FAULT somebody moves green to" in story
    assert "A looks: reads git 1; gateway up" in story
    assert "A settles: " in story
    assert story.splitlines()[-1].startswith("law 7: ")


def test_the_number_of_states_is_the_same_each_time() -> None:
    one, other = (explore(scenario("crash", ("crash",), 1, prompt=True, steps=SHORT)) for _ in range(2))
    assert (one.targets, one.parents) == (other.targets, other.parents)
    assert isinstance(one.targets, array)


def test_a_loop_of_work_is_no_rest() -> None:
    mutant = next(one for one in MUTANTS if one.name == "a rollback is begun and not done")
    with mutant.hunted() as graph:
        assert any("liveness" in said for _, _, said in graph.violations)
    assert judge(explore(scenario("calm", (), 0, prompt=True, steps=SHORT))).violations == []


def test_what_is_decided_is_what_ships() -> None:
    """Not a copy: the model asks the function that the loop asks."""
    asked = []
    loop = Loop(scenario("calm", (), 0, prompt=True, steps=SHORT))
    original = plan.decide
    plan.decide = lambda *given: asked.append(given) or original(*given)  # type: ignore[func-returns-value]
    try:
        explore(loop.scenario, loop=loop)
    finally:
        plan.decide = original
    assert any(isinstance(original(*given).answer, Do) for given in asked)


def test_a_story_shows_what_was_read_beside_what_is() -> None:
    """Each misreading is told as one: the part that was misread is marked, and no other."""
    marked = {
        "silent": "gateway silent (NOT SO: up",
        "unread": "blue unknown unknown (NOT SO: ",
        "late verdict": "gates late (NOT SO: ",
    }
    for fault, mark in marked.items():
        graph = explore(scenario(fault, (fault,), 1, prompt=True, steps=SHORT))
        struck = next(i for i, label in enumerate(graph.names) if label.fault == fault)
        edge = list(graph.labels).index(struck)
        story = tell(graph, graph.targets[edge]).splitlines()[-1]
        assert mark in story
        assert story.count("NOT SO") == 1


def test_a_fault_that_never_strikes_is_named() -> None:
    """Where the world is prompt, nothing changes between two readings of one look."""
    assert explore(scenario("calm", ("torn", "crash"), 1, prompt=True, steps=SHORT)).unstruck == ("torn",)
