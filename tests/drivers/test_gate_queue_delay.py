"""The gate `queue-delay`: the exam with a real SQLite, a real PostgreSQL, a real Prometheus, and JSON over HTTP."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from gate_exam import (
    FOR_EVER,
    SECRET,
    WINDOW,
    Behaviour,
    GateExam,
    answers,
    babbles,
    cut_off,
    floods,
    hangs,
    never_ends,
    resets,
    says_nothing,
    server,
    trickles,
    untrusted,
)
from ports import free_port
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.figures.query import Query
from reconciler.drivers.gates import queue_delay as driver
from reconciler.drivers.protocols import Gate, GateContext, Road
from reconciler.errors import InvalidConfiguration, Unreachable

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}
NOTHING = {Outcome.INCONCLUSIVE}
ROAD = {"x-forced-road": SECRET}


def told(value: Any, status: int = 200, **headers: str) -> Behaviour:
    return answers(status, json.dumps({"queue": {"oldest": value}, "jobs": [{"age": 7}]}).encode(), **headers)


HTTP: dict[str, tuple[Behaviour, set[Outcome]]] = {
    "good": (told(42), GOOD),
    "a fraction": (told(59.999), GOOD),
    "none waits": (told(0), GOOD),
    "clocks a little apart": (told(-0.5), GOOD),
    "too old": (told(60.001), FAILED),
    "a number beyond all": (answers(body=b'{"queue": {"oldest": 1' + b"0" * 400 + b"}}"), ERROR),
    "null": (told(None), ERROR),
    "text": (told("42"), ERROR),
    "true": (told(True), ERROR),
    "a list": (told([42]), ERROR),
    "NaN": (told(float("nan")), ERROR),
    "infinity": (told(float("inf")), ERROR),
    "an age below nothing": (told(-5), ERROR),
    "something else": (answers(body=b'{"queue": {}}'), ERROR),
    "no JSON": (answers(body=b"42s"), ERROR),
    "nothing": (answers(body=b""), ERROR),
    "brackets without end": (answers(body=b"[" * 500_000), ERROR),
    "digits without end": (answers(body=b"1" * 500_000), ERROR),
    "status 500": (told(42, 500), ERROR),
    "status 404": (told(42, 404), ERROR),
    "moved": (told(42, 302, Location="http://127.0.0.1/"), ERROR),
    "stable answers": (told(42, X_Reconciler_Upstream="127.0.0.1:9001"), ERROR),
    "a body of 1 GB": (floods, ERROR),
    "a body without end": (never_ends, ERROR),
    "a trickling body": (trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), ERROR),
    "silence": (hangs, ERROR),
    "a reset": (resets, ERROR),
    "a body cut off": (cut_off, ERROR),
    "another protocol": (babbles, ERROR),
    "no head at all": (says_nothing, ERROR),
}
SLOW = ("a trickling body", "silence")

# The same question to both databases; the table `jobs` has three, and the oldest is 42 s old.
SQL: dict[str, tuple[str, set[Outcome]]] = {
    "good": ("SELECT max(age) FROM jobs", GOOD),
    "none waits": ("SELECT coalesce(max(age), 0) FROM jobs WHERE age > 1000", GOOD),
    "a query of several lines": ("WITH old AS (SELECT age FROM jobs) -- all\nSELECT max(age)\nFROM old", GOOD),
    "too old": ("SELECT max(age) + 100 FROM jobs", FAILED),
    "no row": ("SELECT age FROM jobs WHERE age > 1000", ERROR),
    "NULL": ("SELECT max(age) FROM jobs WHERE age > 1000", ERROR),
    "several rows": ("SELECT age FROM jobs", ERROR),
    "rows without end": ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", ERROR),
    "text": ("SELECT 'fourty-two'", ERROR),
    "an age below nothing": ("SELECT -5", ERROR),
    "no such table": ("SELECT max(age) FROM job", ERROR),
    "no SQL": ("SELEC", ERROR),
    "several statements": ("SELECT 1; SELECT 2", ERROR),
    "it writes": ("DELETE FROM jobs", ERROR),
    "it creates": ("CREATE TABLE more (a int)", ERROR),
}
SQLITE = {
    "a value of 1 GB": ("SELECT zeroblob(1000000000)", ERROR),
    "a value without end": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
        ERROR,
    ),
    "a blob": ("SELECT x'2a'", ERROR),
}
POSTGRES = {
    "a value of 10 MB": ("SELECT repeat('x', 10000000)", ERROR),
    "it waits": ("SELECT 1 FROM pg_sleep(1000)", ERROR),
    "an interval": ("SELECT now() - now()", ERROR),
    "NaN": ("SELECT 'NaN'::float8", ERROR),
    "a decimal": ("SELECT 41.5::numeric(10, 2)", GOOD),
}


def refuses(_: Window) -> Road:
    raise Unreachable("the gateway does not answer")


def context(road: Callable[[Window], Road] = refuses, queries: Any = None) -> GateContext:
    allowed = {"127.0.0.1"}.__contains__
    return GateContext("production", "delay", dict, road, allowed, deadline=FOR_EVER, queries=queries)


@contextmanager
def opened(of: GateContext, **wanted: Any) -> Iterator[Gate]:
    chosen = {"unit": "s", "limit": "<= 60s", "timeout": "30s", **wanted}
    gate = driver.open(of, driver.Settings.model_validate(chosen))
    yield gate
    gate.close()


def at_newcomer(where: str, *expects: str) -> GateContext:
    return context(lambda _: Road(f"http://{where}", ROAD, expects))


def defined(base: Path, url: str, sql: str, timeout: str = "20s") -> GateContext:
    """One named query, as the operator's file gives it."""

    def named(name: str) -> Query:
        if name != "oldest":
            raise InvalidConfiguration(f"unknown query '{name}'; define [queries.{name}] in reconciler.toml")
        return Query.model_validate({"url": url, "sql": sql, "timeout": timeout, "base": base})

    return context(queries=named)


class TestHttp(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in HTTP.items()} | {
        "nobody listens": ERROR,
        "no road": ERROR,
        "host not allowed": ERROR,
        "a bad certificate": ERROR,
    }
    SOURCE: ClassVar = {"path": "/queue?all=1", "pointer": "/queue/oldest"}

    @pytest.fixture
    def gate(self, case: str, tmp_path: Path) -> Iterator[Gate]:
        with ExitStack() as stack:
            of, source = context(), self.SOURCE
            match case:
                case "no road":
                    pass
                case "nobody listens":
                    of = at_newcomer(f"127.0.0.1:{free_port()}")
                case "host not allowed":
                    source = {"url": "http://elsewhere.example/", "pointer": ""}
                case "a bad certificate":
                    source = {"url": stack.enter_context(untrusted(tmp_path)), "pointer": ""}
                case _:
                    where = stack.enter_context(server(HTTP[case][0]))
                    of = at_newcomer(where, *(("127.0.0.1:9002",) if case == "stable answers" else ()))
            timeout = "300ms" if case in SLOW else "30s"
            yield stack.enter_context(opened(of, http=source, timeout=timeout))


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """A folder with `jobs.db`."""
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as database:
        database.executescript("CREATE TABLE jobs (age REAL); INSERT INTO jobs VALUES (3), (42), (0.5)")
        database.commit()
    return tmp_path


class TestSqlite(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in {**SQL, **SQLITE}.items()} | {
        "no such file": ERROR,
        "a folder": ERROR,
        "no database": ERROR,
        "locked": ERROR,
        "nobody defined it": ERROR,
        "no queries at all": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, jobs: Path) -> Iterator[Gate]:
        (jobs / "text.db").write_text("this is no database at all" * 100)
        file = {"no such file": "none.db", "a folder": "", "no database": "text.db"}.get(case, "jobs.db")
        text = {**SQL, **SQLITE}.get(case, SQL["good"])[0]
        brief = "300ms" if case in ("locked", "a value without end") else "20s"
        of = context() if case == "no queries at all" else defined(jobs, f"sqlite:///{file}", text, brief)
        with closing(sqlite3.connect(jobs / "jobs.db")) as other:
            if case == "locked":
                other.execute("BEGIN EXCLUSIVE")
            with opened(of, sql="older" if case == "nobody defined it" else "oldest") as gate:
                yield gate


class TestPostgres(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in {**SQL, **POSTGRES}.items()} | {
        "no such database": ERROR,
        "nobody listens": ERROR,
        "another protocol": ERROR,
        "no such option": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gate]:
        real: str = request.getfixturevalue("postgres")
        filled(real)
        text = {**SQL, **POSTGRES}.get(case, SQL["good"])[0]
        with ExitStack() as stack:
            match case:
                case "no such database":
                    url = real.replace("/postgres?", "/nobody?")
                case "nobody listens":
                    url = f"postgresql://anna:{SECRET}@127.0.0.1:{free_port()}/db"
                case "another protocol":
                    where = stack.enter_context(greets(b"220 mail.example ESMTP\r\n"))
                    url = f"postgresql://anna:{SECRET}@{where}/db"
                case "no such option":
                    url = f"postgresql://anna:{SECRET}@127.0.0.1/db?{SECRET}"
                case _:
                    url = real
            slow = case in ("it waits", "rows without end")
            yield stack.enter_context(opened(defined(tmp_path, url, text, "300ms" if slow else "20s"), sql="oldest"))


@contextmanager
def greets(*texts: bytes) -> Iterator[str]:
    """host:port of a server that says so, each text after it has heard something, the first at once; then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as kept:

        def greet() -> None:
            with suppress(OSError):
                while connection := kept.enter_context(listener.accept()[0]):
                    for text in texts:
                        connection.sendall(text)
                        connection.recv(65536)

        thread = threading.Thread(target=greet)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def filled(url: str) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS jobs (age float8)")
        connection.execute("TRUNCATE jobs")
        connection.execute("INSERT INTO jobs VALUES (3), (42), (0.5)")


class TestPrometheus(GateExam):
    CASES: ClassVar = {
        "good": GOOD,
        "too old": FAILED,
        "no data": NOTHING,
        "NaN": NOTHING,
        "an age below nothing": ERROR,
        "host not allowed": ERROR,
    }
    QUERIES: ClassVar = {
        "too old": "queue_oldest_seconds * 2",
        "no data": "queue_oldest",
        "NaN": "not_a_number",
        "an age below nothing": "below_zero",
    }

    @pytest.fixture
    def gate(self, case: str, prometheus: str) -> Iterator[Gate]:
        server_ = prometheus.replace("127.0.0.1", "localhost") if case == "host not allowed" else prometheus
        query = self.QUERIES.get(case, "queue_oldest_seconds")
        with opened(context(), prometheus={"server": server_, "query": query}) as gate:
            yield gate


# ---- what it says ----------------------------------------------------------------------------------------------------


def asked(of: GateContext, **wanted: Any) -> GateReading:
    with opened(of, **wanted) as gate:
        return gate.run(WINDOW)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (told(42), "42 s is within the limit"),
        (told(61), "found 61 s"),
        (told(None), "'/queue/oldest' in the answer is empty, and that is not 0; let it say 0 where it means none"),
        (told("42"), "'/queue/oldest' in the answer is no number but str"),
        (told(-5), "an age of -5 s makes no sense; do the clocks agree?"),
        (answers(body=b'{"queue": {}}'), "the answer has no '/queue/oldest'"),
        (answers(body=b"<html>"), "the answer is no JSON"),
        (told(42, 503), "status 503 instead of 200, so there is no number"),
    ],
)
def test_the_reason_says_what_was_found(behaviour: Behaviour, reason: str) -> None:
    with server(behaviour) as where:
        assert asked(at_newcomer(where), http=TestHttp.SOURCE).reason == reason


def test_the_newcomers_road_is_taken_with_its_header() -> None:
    heads: list[bytes] = []
    with server(told(42), heads) as where:
        asked(at_newcomer(where), http=TestHttp.SOURCE)
    assert heads[0].startswith(b"GET /queue?all=1 HTTP/1.1\r\n")
    assert SECRET.encode() in heads[0]


@pytest.mark.parametrize(
    ("unit", "value", "outcome"),
    [
        ("ms", 60_000, GOOD),
        ("ms", 60_001, FAILED),
        ("m", 1, GOOD),
        ("m", 1.1, FAILED),
        ("h", 0.0166, GOOD),
        ("h", 1, FAILED),
    ],
)
def test_the_sources_unit_is_minded(unit: str, value: float, outcome: set[Outcome]) -> None:
    with server(told(value)) as where:
        assert asked(at_newcomer(where), http=TestHttp.SOURCE, unit=unit).outcome in outcome


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/jobs/0/age", "7 s"), ("/a~1b", "1 s"), ("/m~0n", "2 s"), ("/", "3 s"), ("/x/y", "4 s"), ("/ä", "5 s")],
)
def test_a_pointer_leads_as_rfc_6901_says(pointer: str, value: str) -> None:
    document = {"jobs": [{"age": 7}], "a/b": 1, "m~n": 2, "": 3, "x": {"y": 4}, "ä": 5}
    with server(answers(body=json.dumps(document).encode())) as where:
        assert asked(at_newcomer(where), http={"path": "/", "pointer": pointer}).value == value


@pytest.mark.parametrize(
    "pointer", ["/jobs/1", "/jobs/-", "/jobs/-1", "/jobs/²", "/jobs/99999999999999999999", "/none", "/n/x"]
)
def test_a_pointer_that_leads_nowhere_is_an_error(pointer: str) -> None:
    with server(answers(body=b'{"jobs": [1], "n": 5}')) as where:
        found = asked(at_newcomer(where), http={"path": "/", "pointer": pointer})
    assert (found.outcome, "the answer has no" in found.reason) == (Outcome.ERROR, True)


def test_the_whole_answer_can_be_the_number() -> None:
    with server(answers(body=b"42\n")) as where:
        assert asked(at_newcomer(where), http={"path": "/", "pointer": ""}).value == "42 s"


# ---- databases -------------------------------------------------------------------------------------------------------


def test_reading_changes_nothing_and_makes_no_file(jobs: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in jobs.iterdir()}
    for sql in ("SELECT max(age) FROM jobs", "DELETE FROM jobs", "PRAGMA user_version = 5", "VACUUM"):
        asked(defined(jobs, "sqlite:///jobs.db", sql), sql="oldest")
    assert asked(defined(jobs, "sqlite:///none.db", "SELECT 1"), sql="oldest").outcome is Outcome.ERROR
    assert {path: path.stat().st_mtime_ns for path in jobs.iterdir()} == before


def test_a_writer_at_work_does_not_keep_us_from_reading(jobs: Path) -> None:
    with closing(sqlite3.connect(jobs / "jobs.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM jobs")
        found = asked(defined(jobs, "sqlite:///jobs.db", "SELECT max(age) FROM jobs"), sql="oldest")
    assert found.value == "42 s"


def test_an_absolute_path_and_one_with_strange_letters_are_opened(jobs: Path) -> None:
    strange = jobs / "a ?b#c%20.db"
    (jobs / "jobs.db").rename(strange)
    for url in (f"sqlite:///{strange}", "sqlite:///a ?b#c%20.db"):
        assert asked(defined(jobs, url, "SELECT max(age) FROM jobs"), sql="oldest").value == "42 s"


def test_a_database_error_says_which_query_and_what_to_do(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = asked(defined(jobs, "sqlite:///jobs.db", SQLITE["a value without end"][0], "100ms"), sql="oldest")
    assert late.reason == "query 'oldest': no answer within 100ms (interrupted)"
    none = asked(defined(jobs, "sqlite:///none.db", "SELECT 1"), sql="oldest")
    assert none.reason == f"query 'oldest', of {jobs}/none.db: unable to open database file"
    empty = asked(defined(jobs, "sqlite:///jobs.db", SQL["NULL"][0]), sql="oldest")
    assert empty.reason == "what query 'oldest' gives is empty, and that is not 0; let it say 0 where it means none"
    monkeypatch.setitem(sys.modules, "psycopg", None)
    missing = asked(defined(jobs, f"postgresql://anna:{SECRET}@127.0.0.1/db", "SELECT 1"), sql="oldest")
    assert "psycopg is missing; install the extra `postgres`" in missing.reason


def test_a_postgresql_that_stops_answering_in_mid_query_is_left(postgres: str, tmp_path: Path) -> None:
    import psycopg

    filled(postgres)
    with psycopg.connect(postgres) as holder:
        holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        found = asked(defined(tmp_path, postgres, SQL["good"][0], "200ms"), sql="oldest")
    assert (found.outcome, found.reason) == (Outcome.ERROR, "query 'oldest': no answer within 200ms")
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


WELCOME = (b"", b"N", b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")  # no TLS; you are known, ask


@pytest.mark.parametrize(("texts", "why"), [((), "timeout"), (WELCOME, "the server fell silent, for 200ms")])
def test_a_server_that_falls_silent_is_left(texts: tuple[bytes, ...], why: str, tmp_path: Path) -> None:
    with greets(*texts) as where:
        url = f"postgresql://anna:{SECRET}@{where}/db"
        found = asked(defined(tmp_path, url, "SELECT 1", "200ms"), sql="oldest")
    assert found.outcome is Outcome.ERROR
    assert SECRET not in found.reason
    assert why in found.reason


# ---- what may be written ---------------------------------------------------------------------------------------------

PLACE = {"path": "/queue", "pointer": "/oldest"}


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, "expected exactly one of: http, prometheus, sql"),
        ({"http": PLACE, "sql": "oldest"}, "expected exactly one of"),
        ({"http": {**PLACE, "url": "http://127.0.0.1/"}}, "exactly one of 'path' and 'url'"),
        ({"http": {"pointer": "/x"}}, "exactly one of 'path' and 'url'"),
        ({"http": {"path": "/queue"}}, "pointer"),
        ({"http": {**PLACE, "pointer": "oldest"}}, "pointer"),
        ({"http": {**PLACE, "pointer": "/a~2"}}, "pointer"),
        ({"http": {"url": f"http://anna:{SECRET}@127.0.0.1/", "pointer": ""}}, "does not belong in a manifest"),
        ({"sql": "SELECT 1"}, "sql"),
        ({"sql": "oldest", "limit": None}, "limit"),
        ({"sql": "oldest", "unit": None}, "unit"),
        ({"sql": "oldest", "unit": "percent"}, "unit"),
        ({"sql": "oldest", "limit": "<= 60"}, "unit that does not fit here, expected a duration"),
        ({"sql": "oldest", "limit": "<= 60 %"}, "unit that does not fit here, expected a duration"),
        ({"sql": "oldest", "limit": "<= 60 parsecs"}, "no duration"),
        ({"sql": "oldest", "limit": ">= 60s"}, "wrong way round"),
        ({"sql": "oldest", "limit": "60s"}, "pattern"),
        ({"sql": "oldest", "timeout": "61s"}, "timeout"),
        ({"sql": "oldest", "url": "sqlite:////etc/x"}, "url"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], why: str) -> None:
    chosen = {"unit": "s", "limit": "<= 60s", **wanted}
    with pytest.raises(ValidationError, match=why):
        driver.Settings.model_validate({key: value for key, value in chosen.items() if value is not None})


@pytest.mark.parametrize("url", ["mysql://db/x", "sqlite://x.db", "x.db", "http://127.0.0.1/", f"anna:{SECRET}@db"])
def test_a_database_that_nobody_can_ask_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError, match="expected sqlite:///PATH or postgresql://") as caught:
        Query(url=url, sql="SELECT 1")
    assert SECRET not in caught.value.errors()[0]["msg"]
    assert SECRET not in repr(Query(url=f"postgresql://anna:{SECRET}@db/x", sql="SELECT 1"))
