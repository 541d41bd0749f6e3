"""The gate `queue-drained`: the exam with real folders, a real SQLite, a real Prometheus, and JSON over HTTP."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from gate_exam import FOR_EVER, WINDOW, GateExam, answers, floods, hangs, never_ends, server
from ports import free_port
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading
from reconciler.drivers.figures.query import Query
from reconciler.drivers.folders.folder import Folder
from reconciler.drivers.gates import queue_drained as driver
from reconciler.drivers.http import Client
from reconciler.drivers.patience import Patience
from reconciler.drivers.protocols import Gate, GateContext, Road
from reconciler.errors import InvalidConfiguration, Unreachable

GOOD, NOT_YET, ERROR = {Outcome.SUCCESSFUL}, {Outcome.RUNNING}, {Outcome.ERROR}
NOTHING = {Outcome.INCONCLUSIVE}
CONTEXT = GateContext("production", "inbox", dict, lambda _: Road(""), {"127.0.0.1"}.__contains__, deadline=FOR_EVER)


def known(base: Path, marker: str | None = None) -> GateContext:
    """As an operator's file gives it: a folder `inbox`, a query `left`."""

    def folder(name: str) -> Folder:
        if name != "inbox":
            raise InvalidConfiguration(f"unknown folder '{name}'; define [folders.{name}] in reconciler.toml")
        return Folder(path="inbox", marker=marker, base=base)

    def query(name: str) -> Query:
        return Query(url="sqlite:///jobs.db", sql="SELECT count(*) FROM jobs", base=base)

    return replace(CONTEXT, folders=folder, queries=query)


@contextmanager
def opened(of: GateContext, between: Callable[[], None] = lambda: None, **wanted: Any) -> Iterator[Gate]:
    """`between` happens instead of the pause."""
    settings = driver.Settings.model_validate({"timeout": "30s", **wanted})
    gate = driver.QueueDrainedGate(of, settings, Client(), pause=lambda _: between())
    yield gate
    gate.close()


def asked(of: GateContext, between: Callable[[], None] = lambda: None, **wanted: Any) -> GateReading:
    with opened(of, between, **wanted) as gate:
        return gate.run(WINDOW)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    (folder / "done" / "yesterday").mkdir(parents=True)
    return folder


FOLDERS: dict[str, set[Outcome]] = {
    "good": GOOD,
    "one file": NOT_YET,
    "one file far below": NOT_YET,
    "a link to nowhere": NOT_YET,
    "a link to a full folder": NOT_YET,
    "a pipe": NOT_YET,
    "as many as may be left": GOOD,
    "what is ignored": GOOD,
    "a folder that is ignored": GOOD,
    "a marker": GOOD,
    "no marker": ERROR,
    "no folder": ERROR,
    "a file": ERROR,
    "a link to itself": ERROR,
    "a folder far too deep": ERROR,
    "nobody defined it": ERROR,
    "no folders at all": ERROR,
}


class TestFolder(GateExam):
    CASES: ClassVar = FOLDERS

    @pytest.fixture
    def gate(self, case: str, inbox: Path) -> Iterator[Gate]:
        of, wanted = known(inbox.parent, "here" if "marker" in case else None), {"folder": "inbox"}
        match case:
            case "one file":
                (inbox / "job").touch()
            case "one file far below":
                (inbox / "done" / "yesterday" / "job").touch()
            case "a link to nowhere":
                (inbox / "job").symlink_to("nowhere")
            case "a link to a full folder":
                (inbox / "more").symlink_to("/etc")
            case "a pipe":
                os.mkfifo(inbox / "job")
            case "as many as may be left":
                wanted["limit"] = "<= 2"
                (inbox / "a").touch()
                (inbox / "b").touch()
            case "what is ignored":
                (inbox / ".keep").touch()
                (inbox / "done" / "a.tmp").touch()
            case "a folder that is ignored":
                (inbox / "done" / "job").touch()
            case "a marker":
                (inbox / "here").touch()
            case "no folder":
                of = known(inbox)
            case "a file":
                of = known(inbox)
                (inbox / "inbox").touch()
            case "a link to itself":
                of = known(inbox)
                (inbox / "inbox").symlink_to("inbox")
            case "a folder far too deep":
                deep(inbox)
            case "nobody defined it":
                wanted["folder"] = "outbox"
            case "no folders at all":
                of = CONTEXT
        ignored = {"what is ignored": [".keep", "*.tmp"], "a folder that is ignored": ["done"]}.get(case, [])
        with opened(of, **wanted, ignore=ignored) as gate:
            yield gate


def deep(folder: Path) -> None:
    for _ in range(120):
        folder = folder / "d"
        folder.mkdir()


HTTP = {
    "good": (answers(body=b'{"left": 0}'), GOOD),
    "some are left": (answers(body=b'{"left": 3}'), NOT_YET),
    "less than none": (answers(body=b'{"left": -1}'), ERROR),
    "null": (answers(body=b'{"left": null}'), ERROR),
    "nothing": (answers(body=b"{}"), ERROR),
    "status 500": (answers(500, b'{"left": 0}'), ERROR),
    "silence": (hangs, ERROR),
    "a body of 1 GB": (floods, ERROR),
    "a body without end": (never_ends, ERROR),
}


class TestHttp(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in HTTP.items()} | {
        "nobody listens": ERROR,
        "host not allowed": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str) -> Iterator[Gate]:
        with ExitStack() as stack:
            match case:
                case "nobody listens":
                    where = f"127.0.0.1:{free_port()}"
                case "host not allowed":
                    where = "elsewhere.example"
                case _:
                    where = stack.enter_context(server(HTTP[case][0]))
            source = {"url": f"http://{where}/queue", "pointer": "/left"}
            timeout = "300ms" if case == "silence" else "30s"
            yield stack.enter_context(opened(CONTEXT, http=source, timeout=timeout))


class TestSql(GateExam):
    CASES: ClassVar = {"good": GOOD, "some are left": NOT_YET, "no table": ERROR, "no file": ERROR}

    @pytest.fixture
    def gate(self, case: str, tmp_path: Path) -> Iterator[Gate]:
        if case != "no file":
            with closing(sqlite3.connect(tmp_path / "jobs.db")) as database:
                database.execute("CREATE TABLE jobs (id INTEGER)" if case != "no table" else "CREATE TABLE x (id)")
                if case == "some are left":
                    database.execute("INSERT INTO jobs VALUES (1), (2)")
                database.commit()
        with opened(known(tmp_path), sql="left") as gate:
            yield gate


class TestPrometheus(GateExam):
    CASES: ClassVar = {"good": GOOD, "some are left": NOT_YET, "no data": NOTHING, "less than none": ERROR}
    QUERIES: ClassVar = {"some are left": "sum(errors)", "no data": "nothing_like_it", "less than none": "below_zero"}

    @pytest.fixture
    def gate(self, case: str, prometheus: str) -> Iterator[Gate]:
        query = self.QUERIES.get(case, "folder_entries")
        with opened(CONTEXT, prometheus={"server": prometheus, "query": query}) as gate:
            yield gate


# ---- twice in a row --------------------------------------------------------------------------------------------------


def test_empty_twice_in_a_row_is_drained(inbox: Path) -> None:
    found = asked(known(inbox.parent), folder="inbox", apart="2s")
    assert (found.outcome, found.value, found.limit, found.samples) == (Outcome.SUCCESSFUL, "0", "<= 0", 2)
    assert found.reason == "0 left, twice in a row, 2s apart"


def test_empty_once_is_not_drained(inbox: Path) -> None:
    found = asked(known(inbox.parent), (inbox / "job").touch, folder="inbox")
    assert (found.outcome, found.reason) == (Outcome.RUNNING, "not drained yet: 1 left")


def test_a_folder_that_goes_away_between_the_two_looks_is_an_error(inbox: Path) -> None:
    found = asked(known(inbox.parent), lambda: inbox.rename(inbox.with_name("gone")) and None, folder="inbox")
    assert (found.outcome, "No such file or directory" in found.reason) == (Outcome.ERROR, True)


def test_what_is_left_at_the_first_look_is_not_waited_for(inbox: Path) -> None:
    (inbox / "job").touch()
    paused: list[bool] = []
    asked(known(inbox.parent), lambda: paused.append(True), folder="inbox")
    assert paused == []


def test_the_looks_are_as_far_apart_as_is_wanted(inbox: Path) -> None:
    paused: list[float] = []
    settings = driver.Settings.model_validate({"folder": "inbox", "apart": "1500ms"})
    driver.QueueDrainedGate(known(inbox.parent), settings, Client(), pause=paused.append).run(WINDOW)
    assert paused == [1.5]


# ---- what cannot be read is not empty --------------------------------------------------------------------------------


def test_the_reason_says_what_stands_in_the_way(inbox: Path) -> None:
    base = inbox.parent
    assert asked(known(inbox), folder="inbox").reason == f"folder 'inbox': {inbox}/inbox: No such file or directory"
    marked = asked(known(base, "here"), folder="inbox")
    assert marked.reason == f"folder 'inbox': 'here' is not in {base}/inbox; is it mounted?"
    (base / "more").mkdir()
    (base / "more" / "inbox").touch()
    assert asked(known(base / "more"), folder="inbox").reason.endswith("/more/inbox is no folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_an_error(inbox: Path) -> None:
    (inbox / "done").chmod(0)
    found = asked(known(inbox.parent), folder="inbox")
    (inbox / "done").chmod(0o700)
    assert (found.outcome, "Permission denied" in found.reason) == (Outcome.ERROR, True)


def test_a_folder_in_the_depth_that_cannot_be_read_is_an_error(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: Path) -> Any:
        if str(path).rstrip("/").endswith("yesterday"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = asked(known(inbox.parent), folder="inbox")
    assert found.reason == f"folder 'inbox': {inbox}/done/yesterday: Permission denied"
    assert found.outcome is Outcome.ERROR


def test_a_share_whose_server_is_away_holds_one_thread_and_no_more(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, real, before = threading.Event(), os.scandir, set(threading.enumerate())
    monkeypatch.setattr("os.scandir", lambda path: away.wait(FOR_EVER) and real(path))
    with opened(known(inbox.parent), folder="inbox", timeout="100ms") as gate:
        assert gate.run(WINDOW).reason == "no answer within 100ms"
        assert {gate.run(WINDOW).reason for _ in range(5)} == {"what was asked before has not returned yet"}
        hanging = [thread for thread in set(threading.enumerate()) - before if thread.name == "patience"]
        away.set()
        hanging[0].join(FOR_EVER)
        assert len(hanging) == 1
        assert Outcome.SUCCESSFUL in (gate.run(WINDOW).outcome for _ in range(300)), "it stays away"


def test_more_files_than_can_be_counted_in_time_are_an_error(inbox: Path) -> None:
    class Slow:
        seconds = 0.0

        def monotonic(self) -> float:
            self.seconds += 1.0
            return self.seconds

        def wall(self) -> str:
            return ""

    for number in range(20):
        (inbox / f"{number}").touch()
    settings = driver.Settings.model_validate({"folder": "inbox", "timeout": "5s"})
    gate = driver.QueueDrainedGate(known(inbox.parent), settings, Client(), clock=Slow())
    assert gate.run(WINDOW).reason == "its files cannot be counted in time"


def test_patience_gives_what_the_call_gives() -> None:
    patience = Patience()
    assert patience.ask(lambda: 42, FOR_EVER) == 42
    with pytest.raises(ZeroDivisionError):
        patience.ask(lambda: 1 // 0, FOR_EVER)
    with pytest.raises(Unreachable, match="no answer within 10ms"):
        patience.ask(lambda: threading.Event().wait(0.5), 0.01)


# ---- what may be written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, "expected exactly one of: folder, http, prometheus, sql"),
        ({"folder": "inbox", "sql": "left"}, "expected exactly one of"),
        ({"folder": "/var/spool"}, "folder"),
        ({"folder": "../x"}, "folder"),
        ({"folder": "inbox", "limit": "<= 5s"}, "unit that does not fit here, expected a plain number"),
        ({"folder": "inbox", "limit": "<= 5 %"}, "unit that does not fit here, expected a plain number"),
        ({"folder": "inbox", "limit": ">= 5"}, "wrong way round"),
        ({"folder": "inbox", "limit": "< 0"}, "can never hold"),
        ({"folder": "inbox", "apart": "0s"}, "apart"),
        ({"folder": "inbox", "ignore": "*.tmp"}, "ignore"),
        ({"folder": "inbox", "ignore": [""]}, "ignore"),
        ({"sql": "left", "ignore": ["*.tmp"]}, "'ignore' is for a 'folder' only"),
        ({"folder": "inbox", "path": "/etc"}, "path"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        driver.Settings.model_validate(wanted)
