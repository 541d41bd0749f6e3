"""Text that a person reads on a terminal and a program reads from a pipe."""

from __future__ import annotations

import pytest

from reconciler.cli.exit_codes import worst
from reconciler.cli.layout import paint, table
from reconciler.cli.once import Report
from reconciler.core.model import Desired, Pair
from reconciler.core.preview import Preview
from reconciler.core.reading import Observed
from reconciler.core.situation import Wait
from reconciler.core.state import State


def test_no_line_of_a_table_ends_in_a_space() -> None:
    found = table(("a", "b"), [("long words here", ""), ("x", "y")])
    assert found == ["a                b", "long words here", "x                y"]


def test_colours_take_no_room_in_a_table() -> None:
    painted = table(("a", "b"), [(paint("red", "red"), "1"), ("green", "2")])
    assert [line.replace("\x1b[31m", "").replace("\x1b[0m", "") for line in painted] == [
        "a      b",
        "red    1",
        "green  2",
    ]


def test_a_column_that_nobody_fills_is_left_out() -> None:
    assert table(("a", "b", "c"), [("1", "", "3")]) == ["a  c", "1  3"]


def test_a_table_without_rows_is_its_headings() -> None:
    assert table(("a", "b"), []) == [""]


def test_the_worst_of_several_environments_decides_the_exit_code() -> None:
    assert worst([]) == 0
    assert worst([0, 2]) == 2
    assert worst([3, 2, 0]) == 3
    assert worst([3, 4, 0]) == 4
    assert worst([4, 1, 3]) == 1


@pytest.mark.parametrize(("seconds", "said"), [(None, "one step"), (0.5, "one step, 0.5s")])
def test_a_preview_says_once_that_a_rollback_is_one_step(seconds: float | None, said: str) -> None:
    road, nothing = Preview((), Wait("InSync"), 5.0, State()), Observed(None, Pair((), ()))
    report = Report("production", Desired("", None), nothing, State(), road, seconds, "")
    assert f"  ends  after 5s; a rollback from full weight: {said}" in report.lines()
