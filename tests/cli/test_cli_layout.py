"""Text that a person reads on a terminal and a program reads from a pipe."""

from __future__ import annotations

import click
import pytest

from reconciler.cli.exit_codes import worst
from reconciler.cli.layout import WIDE, WIDEST, broken, paint, table
from reconciler.cli.once import Report
from reconciler.cli.screen import steps_table
from reconciler.core.events import SoakBegan
from reconciler.core.model import Desired, Pair
from reconciler.core.preview import Planned, Preview
from reconciler.core.reading import Observed
from reconciler.core.situation import Wait
from reconciler.core.state import State
from reconciler.core.steps import Note


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


def test_one_long_cell_makes_no_room_for_itself_in_every_other_row() -> None:
    long = "x" * (WIDEST + 1)
    assert table(("a", "b"), [("1", "2"), (long, "3")]) == ["a  b", "1  2", f"{long}  3"]


def test_what_git_is_told_at_the_end_of_a_transition_goes_last_in_its_row() -> None:
    note = Note("t", "0123456789abcdef", "Succeeded: green@1.1.0 serves, after blue@1.0.0")
    steps = (Planned(0.0, "begin", SoakBegan(), weight=100), Planned(40.0, "tell-git", note, "say it in git"))
    told = [click.unstyle(line) for line in steps_table(Preview(steps, Wait("InSync"), 40.0, State()), None)]
    assert told == [
        "after  step                                      weight  why",
        "+0s    soak begins: full weight, still measured  100 %",
        "+40s   note in git, at 0123456789ab                      Succeeded: green@1.1.0 serves, after blue@1.0.0",
    ]


def test_a_row_that_is_longer_than_a_wide_screen_is_shortened_at_its_end() -> None:
    note = Note("t", "0123456789abcdef", "Succeeded: " + "a very long word " * 20)
    road = Preview((Planned(0.0, "tell-git", note, "say it in git"),), Wait("InSync"), 40.0, State())
    last = click.unstyle(steps_table(road, None)[-1])
    assert (len(last), last[-1]) == (WIDE, "…")
    assert "a very long word" in last


def test_on_a_terminal_a_long_text_is_broken_between_words_and_in_a_pipe_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "reconcile approve " * 8
    assert broken(f"{text}\nmore", 4) == f"{text}\n    more"
    monkeypatch.setattr("reconciler.cli.layout.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    first, *rest = broken(f"{text}\nmore", 4).split("\n")
    assert len(first) <= 56
    assert all(line.startswith("    ") and len(line) <= 60 for line in rest)
    assert " ".join(" ".join([first, *rest]).split()) == f"{text}more"


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
