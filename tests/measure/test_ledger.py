"""The ledger: what every look adds to a gate's evidence, and when evidence begins anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from reconciler.core.model import GateSpec, Mode, Pair, Release, Slot, Stage
from reconciler.core.reading import Counters, GatewayReading, Window
from reconciler.measure import ledger as module
from reconciler.measure.ledger import Ledger

WINDOW = Window("t1", Release(Slot.GREEN, "2"), Release(Slot.BLUE, "1"), 10, 5.0)
GATE = GateSpec("users", "weighing", Stage.SHIFT, Mode.ENFORCE)


@dataclass(frozen=True)
class Weighed:
    """Counts, and remembers how often it rose."""

    newcomer: int = 0
    stable: int = 0
    blind: int = 0
    rises: int = 0

    def seen(self, newcomer: Counters, stable: Counters) -> Weighed:
        return replace(self, newcomer=self.newcomer + newcomer.requests, stable=self.stable + stable.requests)

    def unseen(self) -> Weighed:
        return replace(self, blind=self.blind + 1)

    def risen(self) -> Weighed:
        return replace(self, rises=self.rises + 1)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    driver = SimpleNamespace(
        Settings=SimpleNamespace(model_validate_json=lambda text: text), begin=lambda _settings: Weighed()
    )
    monkeypatch.setattr(module, "driver", lambda _family, _kind: driver)
    return Ledger((GATE,))


def looked(blue: int, green: int, life: str = "one") -> GatewayReading:
    return GatewayReading(True, Pair(90, 10), incarnation=life, counters=Pair(Counters(blue), Counters(green)))


def test_what_is_counted_between_two_looks_is_added_from_the_first_question_on(ledger: Ledger) -> None:
    ledger.note(looked(0, 0), looked(900, 100))
    assert ledger.of("users")(WINDOW) == Weighed()
    ledger.note(looked(900, 100), looked(990, 110))
    ledger.note(looked(990, 110), looked(1080, 121))
    assert ledger.of("users")(WINDOW) == Weighed(newcomer=21, stable=180)


@pytest.mark.parametrize(
    ("previous", "current"),
    [
        (None, looked(90, 10)),
        (looked(90, 10), None),
        (looked(90, 10, "one"), looked(95, 15, "two")),
        (looked(90, 10), looked(80, 11)),
        (looked(90, 10), replace(looked(91, 11), counters=Pair(None, None))),
    ],
    ids=["the first look", "no answer", "another life", "a total that fell", "counters not given"],
)
def test_a_look_that_tells_nothing_is_told_apart_from_zero(
    ledger: Ledger, previous: GatewayReading | None, current: GatewayReading | None
) -> None:
    ledger.of("users")(WINDOW)
    ledger.note(previous, current)
    assert ledger.of("users")(WINDOW) == Weighed(blind=1)


def test_a_rise_keeps_what_was_seen(ledger: Ledger) -> None:
    ledger.of("users")(WINDOW)
    ledger.note(looked(0, 0), looked(90, 10))
    assert ledger.of("users")(replace(WINDOW, rung=50, opened=9.0)) == Weighed(10, 90, rises=1)


@pytest.mark.parametrize(
    "later",
    [
        replace(WINDOW, opened=9.0),
        replace(WINDOW, rung=5, opened=9.0),
        replace(WINDOW, transition="t2"),
        replace(WINDOW, newcomer=Release(Slot.GREEN, "3"), rung=50),
        replace(WINDOW, rung=50, opened=9.0, fair=9.5),
    ],
    ids=["opened anew at the same weight", "a lower weight", "another transition", "another version", "a dead gateway"],
)
def test_all_else_begins_anew(ledger: Ledger, later: Window) -> None:
    ledger.of("users")(WINDOW)
    ledger.note(looked(0, 0), looked(90, 10))
    assert ledger.of("users")(later) == Weighed()


def test_a_gate_that_weighs_nothing_has_no_evidence() -> None:
    with pytest.raises(KeyError):
        Ledger((GateSpec("alive", "http", Stage.SHIFT, Mode.ENFORCE, '{"path": "/"}'),)).of("alive")
