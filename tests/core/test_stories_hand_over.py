"""A member that can stand by is handed over warm: it lets go, that is proved, and then the other one is granted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_laws import broken
from core_world import API, NEWCOMER, READY, STANDBY, STOPPED, UNREADY, WARM, WEB, WORKER, Edge, World, at, spec
from core_world import B as BLUE
from core_world import G as GREEN

from reconciler.core.conditions import status
from reconciler.core.events import Applied, Intended, Judged, LetGo, Phase, RollbackBegan, StagePassed, StepPassed, Verb
from reconciler.core.gates import due
from reconciler.core.model import GateSpec, Member, Mode, OnFailure, Outcome, Stage
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import MemberStatus
from reconciler.core.steps import Result, Start, Stop

DRAINED = GateSpec("drained", "queue-drained", Stage.HAND_OVER, Mode.ENFORCE)
MEMBERS = {"members": (API, WARM)}
GATED = {**MEMBERS, "gates": (WEB, DRAINED)}

FULL = at(100, Phase.HANDING_OVER)


def switching(**changes: object) -> World:
    """At rest on blue, whose worker owns; green at v2 is asked for. Every decision is held against the laws."""
    world = World(head=spec(**MEMBERS | changes), check=lawful)
    world.settled().commit(spec(GREEN, green="v2", **MEMBERS | changes))
    return world


def lawful(edge: Edge) -> None:
    assert not broken(edge)
    assert [edge.observed.members[slot][1].status for slot in (BLUE, GREEN)].count(READY) < 2


def owners(world: World) -> tuple[object, object]:
    return tuple(world.observed.members[slot][1].status for slot in (BLUE, GREEN))  # type: ignore[return-value]


def acts(world: World) -> list[Start | Stop]:
    """What was done about the worker."""
    done = [event.act for event in world.events if isinstance(event, Intended)]
    return [act for act in done if isinstance(act, Start | Stop) and "worker" in act.members]


def proved(world: World) -> bool:
    return any(isinstance(event, StagePassed) and event.stage is Stage.HAND_OVER for event in world.events)


def let_go(world: World) -> int:
    return sum(isinstance(event, LetGo) for event in world.events)


def test_it_is_handed_over_and_the_old_one_stays_in_standby() -> None:
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    assert owners(world) == (STANDBY, READY)
    assert acts(world) == [
        Start(BLUE, "v1", ("worker",), owner=True),
        Start(GREEN, "v2", ("worker",)),
        Stop(BLUE, ("worker",), owner=True),
        Start(GREEN, "v2", ("worker",), owner=True),
    ]


@pytest.mark.parametrize("died", [False, True])
def test_the_journal_says_how_the_old_owner_was_read_when_the_new_one_begins(died: bool) -> None:
    world = switching().until(FULL)
    if died:
        world.put(BLUE, STOPPED, None, "worker")
    assert world.ended() is Phase.SUCCEEDED
    *_, grant = [event for event in world.events if isinstance(event, Intended) and isinstance(event.act, Start)]
    read = STOPPED if died else STANDBY
    assert grant.reason == f"make worker in green the owner; worker in blue reads {read}"


def test_the_newcomers_stands_by_before_anything_shifts() -> None:
    world = switching().until(lambda w: bool(w.state.transition))
    world.slow.add("v2")
    world.put(GREEN, READY, "v2", "api")
    assert world.waits("NotReady").message.startswith("worker in green")
    assert world.state.transition
    assert world.state.transition.rung == 0
    world.slow.clear()
    world.until(at(10))
    assert owners(world) == (READY, STANDBY)


def test_one_that_ends_in_standby_again_and_again_is_a_bad_newcomer() -> None:
    world = switching().until(at(10))
    world.frail.add("v2")
    world.put(GREEN, STOPPED, None, "worker")
    assert world.ended() is Phase.ROLLED_BACK
    assert owners(world)[0] is READY


def test_a_staged_release_stands_by_without_a_transition() -> None:
    world = World(head=spec(BLUE, green="v2", **MEMBERS), check=lawful).settled()
    assert owners(world) == (READY, STANDBY)


def test_it_is_handed_back_on_rollback() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    assert owners(world) == (STANDBY, READY)
    world.verdicts["v2"] = Outcome.FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.waits("RevisionHeld")
    assert owners(world) == (READY, STANDBY)


def test_what_is_left_over_is_retired_with_its_standby() -> None:
    world = switching()
    world.ended()
    world.until(lambda w: w.state.leftover is not None and w.state.leftover.stopped)
    assert owners(world) == (STOPPED, READY)


def test_the_gates_of_the_hand_over_are_asked_only_while_nobody_owns() -> None:
    world = switching(**GATED)
    asked = []
    world.check = lambda edge: (lawful(edge), asked.append(edge))[0]
    world.ended()
    for edge in asked:
        t, found = edge.state.transition, edge.spec
        names = [gate.name for gate in due(found, t)] if t and found else []
        if "drained" in names:
            assert t
            assert edge.observed.members[BLUE][1].status is STANDBY
            assert t.opened >= world_time_of(asked, LetGo)
    story = [event for event in world.events if isinstance(event, LetGo | StagePassed | StepPassed)]
    assert [type(event) for event in story[-4:]] == [LetGo, StagePassed, StepPassed, StagePassed]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.RUNNING])
def test_what_is_proved_is_not_asked_again_when_the_new_owner_has_begun_to_work(outcome: Outcome) -> None:
    """A grant takes its time, and the next member's another: meanwhile there is work in hand, as there should be."""
    world = switching(gates=(DRAINED,)).until(proved)
    assert owners(world) == (STANDBY, STANDBY)
    assert not world.look().gates
    world.verdicts["v2"] = outcome
    assert world.ended() is Phase.SUCCEEDED


def test_a_gate_that_is_only_observed_is_waited_for_by_nobody_and_asked_all_the_same() -> None:
    world = switching(gates=(replace(DRAINED, mode=Mode.OBSERVE),)).until(proved)
    assert [found.name for found in world.look().gates] == ["drained"]
    world.verdicts["v2"] = Outcome.FAILED
    assert world.ended() is Phase.SUCCEEDED


def test_who_only_looks_is_told_which_gate_is_waited_for_while_nobody_owns() -> None:
    """The others were good when it began, and the old owner's work is what takes time: that is to be read."""
    world = switching(**GATED).until(lambda w: any(isinstance(event, LetGo) for event in w.events))
    world.by_gate = {"web": Outcome.RUNNING, "drained": Outcome.RUNNING}
    world.until(lambda w: w.state.transition.judged is Outcome.RUNNING)
    seen = replace(world.look(), gates=())  # as `reconcile status` looks
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    assert (found.reason, found.message) == ("GateRunning", "drained: Running")
    assert world.ended() is Phase.ROLLED_BACK
    (back,) = (event for event in world.events if isinstance(event, RollbackBegan))
    assert back.condition == "ProgressDeadlineExceeded"
    assert back.reason.endswith("; drained: Running")


def test_where_no_gate_is_asked_any_more_none_is_said_to_be_good() -> None:
    world = switching(**GATED).until(lambda w: any(isinstance(event, LetGo) for event in w.events))
    world.by_gate, world.pace = {"drained": Outcome.RUNNING}, 0.1
    world.until(lambda w: w.state.transition.judged is Outcome.RUNNING)
    world.by_gate, world.pace = {}, 0.1  # good at once: too soon after that note for another one
    world.until(proved)
    world.pace = 5.0
    world.ended()
    assert [event for event in world.events if isinstance(event, Judged) and not event.reason] == []


def world_time_of(edges: list[Edge], kind: type) -> float:
    return next(e.now for e in edges if isinstance(getattr(e.decision.answer, "event", None), kind))


def test_nobody_is_granted_until_the_gate_is_successful() -> None:
    world = switching(**GATED).until(lambda w: any(isinstance(event, LetGo) for event in w.events))
    world.verdicts["v2"] = Outcome.RUNNING
    for _ in range(50):
        world.tick()
    assert owners(world) == (STANDBY, STANDBY)
    world.verdicts.clear()
    assert world.ended() is Phase.SUCCEEDED


@pytest.mark.parametrize(("outcome", "condition"), [(Outcome.FAILED, "AnalysisFailed"), (Outcome.RUNNING, "Progress")])
def test_a_hand_over_that_is_not_proved_goes_back(outcome: Outcome, condition: str) -> None:
    world = switching(**GATED).until(lambda w: any(isinstance(event, LetGo) for event in w.events))
    world.verdicts["v2"] = outcome
    assert world.ended() is Phase.ROLLED_BACK
    assert world.state.held[0].condition.startswith(condition)
    world.waits("RevisionHeld")
    assert owners(world) == (READY, STANDBY)


def test_a_pause_in_its_midst_gives_ownership_back_and_it_is_proved_anew_afterwards() -> None:
    world = switching(**GATED).until(lambda w: any(isinstance(event, LetGo) for event in w.events))
    world.say(Verb.PAUSE)
    world.waits("Paused")
    assert owners(world) == (READY, STANDBY)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED
    assert sum(isinstance(event, LetGo) for event in world.events) == 2


def test_an_owner_that_does_not_let_go_is_waited_for() -> None:
    world = switching().until(FULL)
    for _ in range(30):
        world.put(BLUE, UNREADY, "v1", "worker")
        world.tick()
        assert owners(world)[1] is STANDBY


def test_a_dead_owner_is_proof_and_the_standby_takes_over() -> None:
    world = switching().until(FULL)
    world.put(BLUE, STOPPED, None, "worker")
    assert world.ended() is Phase.SUCCEEDED


def test_at_rest_the_owner_is_made_owner_again_where_its_standby_lives_on() -> None:
    world = switching()
    world.ended()
    world.put(GREEN, STANDBY, "v2", "worker")
    world.granted = None
    world.until(lambda w: owners(w)[1] is READY)


def test_an_unread_standby_at_rest_troubles_nobody() -> None:
    world = switching()
    world.ended()
    world.unreadable.add(BLUE)
    assert world.waits("InSync").reason == "InSync"


def test_the_preview_shows_both_halves_of_the_hand_over() -> None:
    world = switching()
    road = preview(world.desired, world.look(), world.state, world.now)
    done = [planned.what for planned in road.steps if isinstance(planned.what, Start | Stop)]
    assert Start(NEWCOMER.slot, "v2", ("worker",)) in done
    assert [type(act) for act in done if act.owner] == [Stop, Start]
    assert road.ended
    assert road.ended.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("member", [WARM, WORKER])
def test_an_owner_that_hangs_when_asked_is_asked_again_also_on_the_way_back(member: Member) -> None:
    """Its host ends it by force once its time is over; somebody has to go on asking."""
    world = switching(members=(API, member)).until(FULL)
    world.until(lambda w: any(isinstance(act, Stop) for act in acts(w)))
    world.say(Verb.ABORT)
    asked = len(acts(world))
    for _ in range(30):
        world.put(BLUE, MemberStatus.STOPPING, "v1", "worker")
        world.tick()
    assert len([act for act in acts(world)[asked:] if isinstance(act, Stop)]) > 1
    world.until(lambda w: w.observed.members[BLUE][1].status is READY)


@pytest.mark.parametrize("members", [(API, WARM), (API, WORKER)])
def test_a_policy_commit_in_the_soak_does_not_say_that_nobody_owns(members: tuple[Member, ...]) -> None:
    same = {"members": members, "gates": (WEB, DRAINED)}
    world = World(head=spec(**same)).settled()
    world.commit(spec(GREEN, green="v2", **same))
    world.until(at(100, Phase.SOAKING))
    world.commit(spec(GREEN, green="v2", soak=9.0, **same))
    before = let_go(world)
    for _ in range(8):
        world.tick()
    assert let_go(world) == before


def test_nor_does_it_lead_back() -> None:
    same = {"members": (API, WARM), "gates": (DRAINED,)}
    world = World(head=spec(**same)).settled()
    world.commit(spec(GREEN, green="v2", **same))
    world.until(at(100, Phase.SOAKING))
    world.verdicts["v2"] = Outcome.RUNNING  # the queue has work, as queues have, now that somebody owns it
    world.commit(spec(GREEN, green="v2", soak=9.0, **same))
    assert world.ended() is Phase.SUCCEEDED


def test_an_owner_that_died_is_started_again_where_it_was_while_a_person_is_asked() -> None:
    world = switching(on_failure=OnFailure.HOLD, soak=50.0).until(at(100, Phase.SOAKING))
    world.put(GREEN, STOPPED, None, "worker")
    world.waits("Holding")
    world.until(lambda w: owners(w)[1] is READY)


def test_a_grant_that_is_refused_at_rest_says_why() -> None:
    """A journal that was restored gives lower numbers: the members refuse them (decision 014), and a person is told."""
    world = World(head=spec(**MEMBERS)).settled()
    world.put(BLUE, STANDBY, "v1", "worker")
    world.granted = None
    world.fold(Intended(Start(BLUE, "v1", ("worker",), owner=True), "keep-owners"))
    world.fold(Applied(Result.REFUSED, "number 900 was given already"))
    assert "number 900" in world.waits("OwnerMissing").message
