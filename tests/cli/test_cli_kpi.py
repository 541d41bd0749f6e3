"""`reconcile kpi`: what a manager reads, as a table, as Markdown, and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import Folder, listing

from reconciler.cli.kpi import HEADINGS, as_json, told
from reconciler.core.events import Watched
from reconciler.core.model import Pair
from reconciler.core.tally import Tally, Users
from reconciler.evidence.kpi import Figures, Lasting, Month
from reconciler.journal.sqlite import open_journal

NOVEMBER = Month(2026, 11)
TALLY = Tally(up=7110.0, out=90.0, users=Pair(Users(1_500_000, 3), Users(500_000, 1)), uncounted=30.0)
GOOD = Figures(9000.0, 7300.0, TALLY, switches=3, rollbacks=1, aborted=2, to_safety=Lasting(2, 3.0, 2.5))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    found = Folder(tmp_path / "f")
    yield found
    found.close()


def test_the_table_shows_every_figure_with_its_unit() -> None:
    head, row, *_ = told([("prod", NOVEMBER, GOOD)], "table", "UTC")
    assert [part.strip() for part in head.split("  ") if part.strip()] == [*HEADINGS]
    cells = [part.strip() for part in row.split("  ") if part.strip()]
    assert cells == [
        *("prod", "2026-11", "1.50 min", "2.0", "2,000,000, 4 failed", "3", "1 (+2 aborted)"),
        "mean 1.5s, longest 2.5s",
        *("28m20s (18.9 %)", "1m40s (1.1 %)"),
    ]


def test_unknown_is_written_as_unknown_and_is_null_in_json() -> None:
    nothing = Figures(3600.0)
    row = told([("prod", NOVEMBER, nothing)], "table", "UTC")[1]
    assert row.split()[2:5] == ["unknown", "unknown", "unknown"]
    found = as_json("prod", NOVEMBER, nothing)
    assert [found[key] for key in ("downtimeMinutes", "failedPerMillion", "requests", "failedRequests")] == [None] * 4
    assert found["timeToSafety"] == {"count": 0, "mean": None, "longest": None}
    assert found["time"]["notWatched"] == 3600.0


def test_json_has_the_same_figures() -> None:
    (line,) = told([("prod", NOVEMBER, GOOD)], "json", "Asia/Seoul")
    found = json.loads(line)
    assert found["timeZone"] == "Asia/Seoul"
    (month,) = found["months"]
    assert (month["downtimeMinutes"], month["failedPerMillion"], month["requests"]) == (1.5, 2.0, 2_000_000)
    assert month["timeToSafety"] == {"count": 2, "mean": 1.5, "longest": 2.5}
    assert month["time"]["requestsCounted"] == 7170.0


def test_markdown_is_a_table() -> None:
    head, ruler, row, gap, _ = told([("prod", NOVEMBER, GOOD)], "markdown", "UTC")
    assert gap == "", "or what follows would be read as a row"
    assert head.count("|") == ruler.count("|") == row.count("|") == len(HEADINGS) + 1


@pytest.mark.parametrize("output", ["table", "markdown"])
def test_it_says_that_our_own_requests_are_among_those_that_were_counted(output: str) -> None:
    assert "Our own gates send some by it" in told([("prod", NOVEMBER, GOOD)], output, "UTC")[-1]


def test_a_journal_is_told_without_leaving_a_trace(folder: Folder) -> None:
    folder.git("init", "--quiet", "-b", "main", ".")
    journal = open_journal(f"sqlite:///{folder.root / 'state' / 'journal.db'}")
    journal.append("prod", Watched(TALLY), actor="loop", elapsed=7200.0)
    journal.close()
    before = listing(folder.root)
    done = folder.reconcile("kpi", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["timeZone"] == "UTC"
    assert listing(folder.root) == before


def test_an_empty_journal_says_so(folder: Folder) -> None:
    folder.git("init", "--quiet", "-b", "main", ".")
    assert "reconcile run begins it" in folder.reconcile("kpi").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--time-zone", "Mars/Olympus"), "--time-zone 'Mars/Olympus' is not known here"),
        (("--time-zone", "../etc/passwd"), "is not known here"),
        (("--since", "yesterday"), "--since: 'yesterday' is no time"),
        (("nowhere",), "branch 'main' has no commit yet"),
    ],
)
def test_what_cannot_be_understood_is_named(folder: Folder, words: tuple[str, ...], told: str) -> None:
    folder.git("init", "--quiet", "-b", "main", ".")
    done = folder.reconcile("kpi", *words)
    assert done.returncode != 0
    assert told in done.stderr
