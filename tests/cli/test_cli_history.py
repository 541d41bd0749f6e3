"""`reconcile history`: the whole record, with what was replaced struck through, filtered and exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cli_folder import Folder

from reconciler.cli import layout
from reconciler.cli.moments import moment
from reconciler.cli.past import Line, Wanted, lines, markdown, text
from reconciler.clock import shown
from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    Ended,
    Event,
    Intended,
    Phase,
    Rebound,
    Requested,
    Verb,
    Watched,
)
from reconciler.core.model import Pair, Release, SetWeight, Slot
from reconciler.core.steps import Result, StageFiles
from reconciler.errors import UsageError
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
STAGE = StageFiles(Slot.GREEN, "2")
OUTPUTS = ("text", "json", "markdown")


def entry(seq: int, event: Event, *, environment: str = "prod", generation: int = 1, actor: str = "loop") -> Entry:
    """One a minute, from noon on."""
    at = (NOON + timedelta(minutes=seq)).isoformat(timespec="milliseconds")
    return Entry(seq, environment, 1, actor, at, 0.0, generation, event, "", "")


def began(transition: str = "t") -> Began:
    return Began(transition, BLUE, GREEN, "d1", "r" * 40, (SetWeight(10), SetWeight(100)))


def asked(reason: str = "", verb: Verb = Verb.PAUSE) -> Requested:
    return Requested(verb, reason=reason)


def told(*events: Event, terminal: bool = False) -> list[str]:
    """What stands behind number, time and environment."""
    entries = [entry(seq, event) for seq, event in enumerate(events, 1)]
    return [text(line, terminal=terminal).split("  prod  ")[1] for line in lines(entries, Wanted(), joined=True)]


def numbers(found: list[Line]) -> list[int]:
    return [line.entry.seq for line in found]


# ---- struck through --------------------------------------------------------------------------------------------------


def test_what_was_replaced_is_struck_through_with_what_replaced_it() -> None:
    assert told(asked("lunch"), asked("a meeting"), asked(verb=Verb.RESUME)) == [
        "~~asked: pause: lunch~~ (replaced by #2: asked: pause: a meeting)",
        "~~asked: pause: a meeting~~ (replaced by #3: asked: resume)",
        "asked: resume",
    ]


def test_on_a_terminal_it_is_struck_through_as_terminals_do() -> None:
    first, _ = told(asked("lunch"), asked("a meeting"), terminal=True)
    assert first == "\x1b[9masked: pause: lunch\x1b[0m -> #2"


def test_a_change_of_policy_strikes_the_steps_and_not_the_transition() -> None:
    first, _ = told(began(), Rebound("d2", "s" * 40, (SetWeight(100),), 0))
    assert first.startswith("transition t: blue@1 -> green@2: ~~set weight 10 %, set weight 100 %~~ (replaced by #2: ")


def test_a_superseded_transition_is_struck_through_as_a_whole() -> None:
    first, *_ = told(began(), Accepted("d2", "s" * 40, Pair("1", "3")), Ended(Phase.SUPERSEDED))
    assert first == "~~transition t: blue@1 -> green@2~~ (replaced by #2: desired state d2 of ssssssssssss is in force)"


def test_a_reason_cannot_write_a_line_or_a_colour_of_its_own() -> None:
    (line,) = told(asked("one\n    99  a lie\x1b[31m"))
    assert line == "asked: pause: one\\n    99  a lie\\x1b[31m"


def test_what_is_struck_is_known_however_few_lines_are_kept() -> None:
    entries = [entry(seq, event) for seq, event in enumerate([asked("a"), asked("b"), asked("c")], 1)]
    found = lines(entries, Wanted(limit=2), joined=True)
    assert [(line.entry.seq, line.by and line.by.seq) for line in found] == [(2, 3), (3, None)]


def test_what_replaced_a_line_is_told_although_it_came_too_late_to_be_shown() -> None:
    entries = [entry(seq, event) for seq, event in enumerate([asked("a"), asked("b")], 1)]
    (line,) = lines(entries, Wanted(until=entries[0].at), joined=True)
    assert text(line, terminal=False).endswith("~~asked: pause: a~~ (replaced by #2: asked: pause: b)")


# ---- which -----------------------------------------------------------------------------------------------------------


def test_an_intent_and_its_outcome_are_one_line_and_an_open_one_says_so() -> None:
    assert told(Intended(STAGE, "stage"), Applied(Result.DONE), Intended(STAGE, "again")) == [
        "stage the files of 2 in green  [stage]",
        "intent (again): stage the files of 2 in green: no outcome yet",
    ]


def test_heartbeats_are_told_only_when_everything_is() -> None:
    entries = [entry(1, Watched())]
    assert lines(entries, Wanted(), joined=True) == []
    assert numbers(lines(entries, Wanted(), joined=False, heartbeats=True)) == [1]


def test_a_time_is_read_from_and_until_with_both_ends() -> None:
    entries = [entry(seq, asked()) for seq in range(1, 6)]
    wanted = Wanted(since=entries[1].at, until=entries[3].at)
    assert numbers(lines(entries, wanted, joined=True)) == [2, 3, 4]


def two_environments() -> Iterator[Entry]:
    """`a` rolls back while `b` succeeds, then `a` begins again."""
    yield entry(1, asked(), environment="a")
    yield entry(2, began(), environment="a")
    yield entry(3, began(), environment="b")
    yield entry(4, Ended(Phase.SUCCEEDED), environment="b")
    yield entry(5, Intended(STAGE, "x"), environment="a")
    yield entry(6, Applied(Result.DONE), environment="a")
    yield entry(7, Ended(Phase.ROLLED_BACK), environment="a")
    yield entry(8, asked(), environment="a")
    yield entry(9, began(), environment="a")
    yield entry(10, asked(), environment="a")


@pytest.mark.parametrize(
    ("outcomes", "limit", "expected"),
    [
        ({Phase.ROLLED_BACK}, None, [2, 6, 7]),
        ({Phase.SUCCEEDED}, None, [3, 4]),
        ({Phase.SUCCEEDED, Phase.ROLLED_BACK}, None, [2, 3, 4, 6, 7]),
        ({Phase.SUCCEEDED, Phase.ROLLED_BACK}, 3, [4, 6, 7]),
        ({Phase.ABORTED}, None, []),
    ],
)
def test_an_outcome_shows_the_transitions_that_ended_so_from_their_beginning(
    outcomes: set[Phase], limit: int | None, expected: list[int]
) -> None:
    wanted = Wanted(outcomes=frozenset(outcomes), limit=limit)
    assert numbers(lines(two_environments(), wanted, joined=True)) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("24h", "2026-11-24T12:00:00.000+00:00"),
        ("7d", "2026-11-18T12:00:00.000+00:00"),
        ("2026-11-25", "2026-11-25T00:00:00.000+00:00"),
        ("2026-11-25T09:00", "2026-11-25T09:00:00.000+00:00"),
        ("2026-11-25T09:00Z", "2026-11-25T09:00:00.000+00:00"),
        ("2026-11-25T09:00+09:00", "2026-11-25T00:00:00.000+00:00"),
    ],
)
def test_a_time_is_written_in_full_or_back_from_now(written: str, expected: str) -> None:
    assert moment("--since", written, NOON) == expected
    assert len(expected) == len(shown(0.0))  # both compare as text


@pytest.mark.parametrize("written", ["yesterday", "7", "7 days", "999999999d", "0001-01-01T00:00+23:00"])
def test_what_is_no_time_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageError, match=r"--since: .* is no time, expected 2026-11-25T09:00 \(UTC\)"):
        moment("--since", written, NOON)


# ---- markdown --------------------------------------------------------------------------------------------------------


def test_markdown_has_a_table_for_each_environment() -> None:
    entries = [
        entry(1, asked("lunch"), environment="b", actor="anna@desk", generation=0),
        entry(2, asked(verb=Verb.RESUME), environment="b"),
        entry(3, began(), environment="a"),
    ]
    assert markdown(lines(entries, Wanted(), joined=True)) == [
        "## a",
        "",
        "| # | time (UTC) | who | what |",
        "|---:|---|---|---|",
        "| 3 | 2026-11-25 12:03:00 | loop | transition t: blue@1 -\\> green@2 |",
        "",
        "## b",
        "",
        "| # | time (UTC) | who | what |",
        "|---:|---|---|---|",
        "| 1 | 2026-11-25 12:01:00 | anna@desk | ~~asked: pause: lunch~~ (replaced by #2: asked: resume) |",
        "| 2 | 2026-11-25 12:02:00 | loop | asked: resume |",
    ]


def test_a_text_cannot_leave_its_cell_nor_be_markup() -> None:
    found = lines([entry(1, asked("a | b\n| 9 | x | ~~<img src=y> ![z](w) `c` & *d*"))], Wanted(), joined=True)
    what = markdown(found)[-1].split(" | ", 3)[3]
    expected = r"a \| b \| 9 \| x \| \~\~\<img src=y\> !\[z\](w) \`c\` &amp; \*d\* |"
    assert what == f"asked: pause: {expected}"


# ---- the command -----------------------------------------------------------------------------------------------------


class Minutes:
    """A clock that goes on by one with every request."""

    def __init__(self) -> None:
        self._at = NOON

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return self._at

    def wall(self) -> str:
        self._at += timedelta(minutes=1)
        return self._at.isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """production: 1 Created, 2 pause, 3 resume; staging: 4 Created, 5 and 6 a transition that was rolled back. Nothing
    of it ever ran, so nothing is to be stopped."""
    folder = Folder(tmp_path_factory.mktemp("recorded") / "mine")
    folder.reconcile("init")
    folder.commit()
    journal = open_journal(f"sqlite:///{folder.root / 'state' / 'journal.db'}", clock=Minutes())
    journal.append("production", asked("lunch"), actor="anna@desk")
    journal.append("production", asked(verb=Verb.RESUME), actor="anna@desk")
    journal.append("staging", began(), actor="loop", generation=0)
    journal.append("staging", Ended(Phase.ROLLED_BACK, "errors"), actor="loop", generation=0)
    journal.close()
    return folder


def shows(folder: Folder, *words: str) -> list[int]:
    found = folder.reconcile("history", *words, "--output", "json")
    assert found.returncode == 0, found.stderr
    return [json.loads(line)["seq"] for line in found.stdout.splitlines()]


def test_history_shows_all_environments_some_or_one(recorded: Folder) -> None:
    assert shows(recorded) == [1, 2, 3, 4, 5, 6]
    assert shows(recorded, "staging") == [4, 5, 6]
    assert shows(recorded, "staging", "production") == [1, 2, 3, 4, 5, 6]
    assert recorded.reconcile("history", "staging", "prodution").returncode == 64


def test_history_is_filtered_by_time_outcome_and_number(recorded: Folder) -> None:
    assert shows(recorded, "--since", "2026-11-25T12:02", "--until", "2026-11-25T12:03Z") == [3, 4, 5]
    assert shows(recorded, "--outcome", "rolledback") == [5, 6]
    assert shows(recorded, "--outcome", "Succeeded", "--outcome", "Aborted") == []
    assert shows(recorded, "--limit", "2") == [5, 6]
    assert recorded.reconcile("history", "--since", "later").returncode == 64
    assert recorded.reconcile("history", "--outcome", "Fine").returncode == 64


def test_json_says_what_struck_an_entry(recorded: Folder) -> None:
    found = recorded.reconcile("history", "production", "--output", "json").stdout.splitlines()
    assert [json.loads(line)["struckBy"] for line in found] == [None, 3, None]


def test_a_pipe_gets_what_was_replaced_between_tildes(recorded: Folder) -> None:
    said = recorded.reconcile("history", "production").stdout
    assert "~~asked: pause: lunch~~ (replaced by #3: asked: resume)  (anna@desk)" in said
    assert "\x1b" not in said


def test_a_terminal_without_colours_gets_tildes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not layout.colours()
    monkeypatch.delenv("NO_COLOR")
    assert layout.colours()


def test_markdown_is_a_page_of_the_record(recorded: Folder) -> None:
    said = recorded.reconcile("history", "--output", "markdown").stdout
    assert said.startswith("## production\n")
    assert "\n## staging\n" in said
    assert "| ~~asked: pause: lunch~~ (replaced by #3: asked: resume) |\n" in said


@pytest.mark.parametrize("output", OUTPUTS)
def test_nothing_to_show_is_said_to_people_and_is_no_error(recorded: Folder, output: str) -> None:
    found = recorded.reconcile("history", "--since", "2100-01-01", "--output", output)
    assert found.returncode == 0
    assert found.stdout == ("no entry fits what was asked for\n" if output == "text" else "")
