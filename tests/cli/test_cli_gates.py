"""`reconcile gates`: whom it asks, and what its exit code means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_folder import Folder

import reconciler.cli.gates as cli_gates
from reconciler.cli.gates import exit_code, window
from reconciler.clock import SYSTEM
from reconciler.core.model import (
    GateSpec,
    Member,
    Mode,
    Outcome,
    Pair,
    Pin,
    Release,
    SetWeight,
    Slot,
    Spec,
    Stage,
    Traffic,
)
from reconciler.core.reading import GateReading, MemberReading, MemberStatus, Observed, Window
from reconciler.core.state import State, Transition

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
SPEC = Spec("x", "d", Slot.BLUE, Pair(Pin("1"), Pin("2")), (Member("web", Traffic.WEIGHTED),), (SetWeight(100),))
UP, STOPPED = (MemberReading(MemberStatus.READY, "2"),), (MemberReading(MemberStatus.STOPPED),)


def asked(state: State, green: tuple[MemberReading, ...] = UP) -> tuple[Release, Release, int]:
    found = window(SPEC, state, Observed(None, Pair(UP, green)))
    assert found.by_hand
    return found.newcomer, found.stable, found.rung


def test_in_a_transition_the_newcomer_is_asked() -> None:
    transition = Transition("t", GREEN, BLUE, "d", "r", (), 0.0, 0.0, rung=25)
    assert asked(State(stable=GREEN, transition=transition)) == (BLUE, GREEN, 25)


def test_at_rest_the_pin_of_the_idle_slot_is_asked_if_it_is_up() -> None:
    assert asked(State(stable=BLUE)) == (GREEN, BLUE, 0)


def test_at_rest_with_nothing_in_the_idle_slot_stable_is_asked() -> None:
    assert asked(State(stable=BLUE), STOPPED) == (BLUE, BLUE, 0)


def test_before_anything_ran_the_target_is_asked() -> None:
    assert asked(State(), STOPPED) == (BLUE, BLUE, 0)


@pytest.mark.parametrize(
    ("outcome", "mode", "code"),
    [
        (Outcome.SUCCESSFUL, Mode.ENFORCE, 0),
        (Outcome.FAILED, Mode.ENFORCE, 1),
        (Outcome.ERROR, Mode.ENFORCE, 1),
        (Outcome.INCONCLUSIVE, Mode.ENFORCE, 3),
        (Outcome.RUNNING, Mode.ENFORCE, 3),
        (Outcome.FAILED, Mode.OBSERVE, 0),
    ],
)
def test_only_success_is_0_and_what_is_observed_does_not_count(outcome: Outcome, mode: Mode, code: int) -> None:
    gate = GateSpec("g", "http", Stage.SHIFT, mode)
    reading = GateReading("g", outcome, window(SPEC, State(), Observed(None, Pair(UP, UP))))
    assert exit_code((gate,), {"g": reading}) == code


def test_a_gate_that_was_not_read_is_not_a_success() -> None:
    assert exit_code((GateSpec("g", "http", Stage.SHIFT, Mode.ENFORCE),), {}) == 3


class TestTyped:
    def test_gates_of_an_environment_that_never_ran_are_errors_that_say_why(self, folder: Folder) -> None:
        folder.reconcile("init")
        folder.commit()
        done = folder.reconcile("gates", "production", "--for", "100ms")
        assert done.returncode == 1
        assert "was never written" in done.stdout
        assert not (folder.root / "state").exists()

    @pytest.mark.parametrize("text", ["5", "x", "-1s"])
    def test_a_time_that_is_none_is_64(self, folder: Folder, text: str) -> None:
        assert folder.reconcile("gates", "production", "--for", text).returncode == 64

    def test_an_environment_without_gates_says_where_they_would_stand(self, folder: Folder, tmp_path: Path) -> None:
        folder.reconcile("init")
        path = folder.root / "environments" / "production.yaml"
        text = path.read_text("utf-8")
        path.write_text(text[: text.index("  gates:")], encoding="utf-8")
        folder.commit()
        done = folder.reconcile("gates", "production")
        assert (done.returncode, "no gates: add some" in done.stdout) == (0, True)


class Quiet:
    """A gate that has nothing to say to somebody who asks by hand."""

    def silent(self, window: Window) -> bool:
        return window.by_hand


@pytest.mark.parametrize(("outcome", "waits"), [(Outcome.INCONCLUSIVE, 0), (Outcome.RUNNING, 1)])
def test_nobody_waits_for_a_gate_that_can_never_answer_by_hand(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, waits: int
) -> None:
    asked = window(SPEC, State(stable=BLUE), Observed(None, Pair(UP, UP)))
    gate = GateSpec("g", "windows-event-log", Stage.PREFLIGHT, Mode.ENFORCE)
    answers = iter([outcome, Outcome.INCONCLUSIVE])
    readings = lambda *_: (GateReading("g", next(answers), asked),)  # noqa: E731
    gates = SimpleNamespace(readings=readings, gates={"g": Quiet()})
    keeper: Any = SimpleNamespace(
        world=lambda _: SimpleNamespace(gates=gates, ledger=SimpleNamespace(note=lambda *_: None))
    )
    monkeypatch.setattr(cli_gates, "read_gateway", lambda _: (None, ""))
    monkeypatch.setattr(cli_gates, "LOOK", 0.0)
    told: list[float] = []
    round_ = cli_gates.Round(keeper, SYSTEM, replace(SPEC, gates=(gate,)), asked)
    (found,) = round_.run(None, lambda passed, _: told.append(passed))
    assert (found.outcome, len(told)) == (Outcome.INCONCLUSIVE, waits)
