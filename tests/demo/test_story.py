"""What makes a demo fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli import demo
from reconciler.demo.account import Files, Jobs, Totals
from reconciler.demo.place import build
from reconciler.demo.story import Account, Story
from reconciler.errors import UsageError

ALL_OK = Totals(9, 9, 0, 0)
GOOD = Account(
    quiet=ALL_OK,
    good=ALL_OK,
    bad=Totals(9, 7, 2, 0),
    sessions_kept=20,
    rolled_back=True,
    subtle=Totals(9, 8, 1, 0),
    subtle_rolled_back=True,
    evidence="users: blue failed 7 of 700",
    commit_to_traffic_ms=9.0,
    bad_to_safe_ms=90.0,
    jobs=Jobs(asked=3, promised=3, once=3, lost=0, twice=0),
    files=Files(stored=2, once=2, lost=0, stale=0),
    two_owners=0,
    breaches=[],
    journal="journal.db",
)


def test_bad_answers_of_the_bad_version_are_what_the_demo_is_about() -> None:
    assert GOOD.kept_its_word


@pytest.mark.parametrize(
    "broken",
    [
        replace(GOOD, good=Totals(9, 8, 1, 0)),
        replace(GOOD, good=Totals(9, 8, 0, 1)),
        replace(GOOD, sessions_kept=19),
        replace(GOOD, rolled_back=False),
        replace(GOOD, subtle_rolled_back=False),
        replace(GOOD, jobs=Jobs(asked=3, promised=3, once=2, lost=1, twice=0)),
        replace(GOOD, jobs=Jobs(asked=3, promised=3, once=2, lost=0, twice=1)),
        replace(GOOD, two_owners=1),
        replace(GOOD, files=Files(stored=2, once=1, lost=1, stale=0)),
        replace(GOOD, files=Files(stored=2, once=2, lost=0, stale=1)),
        replace(GOOD, breaches=["a law"]),
    ],
    ids=[
        "failed",
        "unknown",
        "a session lost",
        "not rolled back",
        "subtle one not rolled back",
        "job lost",
        "job twice",
        "two owners",
        "file lost",
        "file stale",
        "law broken",
    ],
)
def test_whatever_was_promised_and_not_kept_makes_it_fail(broken: Account) -> None:
    assert not broken.kept_its_word


def test_a_folder_in_which_something_lies_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        build(tmp_path)
    assert (tmp_path / "reconciler.toml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["reconciler.toml"]


@pytest.mark.parametrize("options", [[], ["--keep"]])
def test_everything_is_stopped_at_the_end_unless_it_is_to_be_kept(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(Story, "tell", lambda _: GOOD)
    monkeypatch.setattr(demo, "tear_down", lambda place: stopped.append(place.root))
    done = CliRunner().invoke(demo.command, ["--folder", str(tmp_path / "demo"), *options], standalone_mode=False)
    assert (done.return_value, stopped) == (0, [] if options else [tmp_path / "demo"]), done.output
    assert ("curl http://" in done.output, "demo --keep" in done.output) == (bool(options), not options)
