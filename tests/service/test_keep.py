"""`service run`: the loop is begun again when it fails, later each time, and not when it was asked to end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.errors import ReconcilerError
from reconciler.service.keep import CEILING, LONG, child, keep


class Time:
    """Of a loop that works for so long each time."""

    def __init__(self, codes: Sequence[int], works: float = 0.0) -> None:
        self.codes, self.works, self.passed = list(codes), works, 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.passed

    def wall(self) -> str:
        return ""

    def start(self, _argv: Sequence[str], _log: Path) -> int:
        self.passed += self.works
        return self.codes.pop(0)

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return not self.codes


def kept(time: Time) -> int:
    return keep(("x",), Path("x"), time.wait, time.start, time)  # type: ignore[arg-type]


def test_an_end_that_was_asked_for_is_the_end() -> None:
    time = Time([0, 1])
    assert (kept(time), time.codes, time.pauses) == (0, [1], [])


def test_failures_in_a_row_are_further_and_further_apart() -> None:
    time = Time([1] * 20 + [0])
    assert kept(time) == 0
    assert time.pauses[0] <= 5
    assert CEILING / 2 <= time.pauses[-1] <= CEILING


def test_after_long_work_a_failure_is_a_first_one() -> None:
    time = Time([1] * 20 + [0], works=LONG + 1)
    assert kept(time) == 0
    assert max(time.pauses) <= 5


def test_whoever_ends_it_in_a_pause_ends_it() -> None:
    time = Time([7])
    assert kept(time) == 7


def test_its_words_of_this_life_and_the_one_before_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "state" / "service.log"
    for number in range(3):
        assert child((sys.executable, "-c", f"import sys; sys.exit('life {number}')"), log) == 1
    assert (log.read_text().strip(), log.with_name("service.log.1").read_text().strip()) == ("life 2", "life 1")


def test_a_loop_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="cannot be started"):
        child((str(tmp_path / "none"),), tmp_path / "log")
