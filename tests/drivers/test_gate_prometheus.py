"""The gate `prometheus`: the exam against a real Prometheus, and against what pretends to be one."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
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

from reconciler.core.model import Outcome, Release, Slot
from reconciler.core.reading import GateReading
from reconciler.drivers.figures.promql import fresh
from reconciler.drivers.gates import prometheus as driver
from reconciler.drivers.protocols import Gate, GateContext

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}
NOTHING = {Outcome.INCONCLUSIVE}

REAL: dict[str, tuple[dict[str, Any], set[Outcome]]] = {
    "good": ({"query": "queue_oldest_seconds", "unit": "s", "limit": "<= 60s"}, GOOD),
    "a scalar": ({"query": "scalar(queue_oldest_seconds)", "limit": "<= 42"}, GOOD),
    "another unit": ({"query": "latency_seconds", "unit": "s", "limit": "<= 800ms"}, GOOD),
    "a ratio": ({"query": "ratio", "unit": "ratio", "limit": "< 1 %"}, GOOD),
    "a count over several": ({"query": "sum(errors)", "limit": "<= 6"}, GOOD),
    "the newcomer's": ({"query": 'errors{slot="$slot"}', "limit": "<= 1"}, GOOD),
    "over the limit": ({"query": "queue_oldest_seconds", "unit": "s", "limit": "<= 41s"}, FAILED),
    "a ratio over the limit": ({"query": "ratio", "unit": "ratio", "limit": "< 0.4 %"}, FAILED),
    "below the limit": ({"query": "below_zero", "limit": ">= 0"}, FAILED),
    "no data": ({"query": "nobody_exports_this", "limit": "<= 60"}, NOTHING),
    "a comparison that filters all": ({"query": "queue_oldest_seconds > 60", "limit": "<= 60"}, NOTHING),
    "NaN": ({"query": "not_a_number", "limit": "<= 60"}, NOTHING),
    "0 / 0": ({"query": "folder_entries / folder_entries", "limit": "<= 60"}, NOTHING),
    "infinity": ({"query": "without_end", "limit": ">= 60"}, NOTHING),
    "stale": ({"query": "old", "limit": "<= 60", "freshness": "10s"}, NOTHING),
    "stale in a range": ({"query": "sum(max_over_time(old[10m]))", "limit": "<= 60", "freshness": "10s"}, NOTHING),
    "half of it stale": ({"query": "sum(errors) + sum(old)", "limit": "<= 60", "freshness": "10s"}, NOTHING),
    "old, as it may be": ({"query": "old", "limit": "<= 60", "freshness": "10m"}, GOOD),
    "several series": ({"query": "errors", "limit": "<= 60"}, ERROR),
    "a range": ({"query": "errors[1m]", "limit": "<= 60"}, ERROR),
    "text": ({"query": '"text"', "limit": "<= 60"}, ERROR),
    "a wrong query": ({"query": "sum(errors", "limit": "<= 60"}, ERROR),
    "a function that nobody knows": ({"query": "summ(errors)", "limit": "<= 60"}, ERROR),
}


def said(data: Any, **more: Any) -> Behaviour:
    """A proper answer, now."""
    body = json.dumps({"status": "success", "data": data, **more}).encode()
    return answers(body=body, Date=email.utils.formatdate(usegmt=True))


def vector(value: Any, at: float | None = None) -> dict[str, Any]:
    return {"resultType": "vector", "result": [{"metric": {}, "value": [time.time() if at is None else at, value]}]}


PRETENDED: dict[str, tuple[Behaviour, set[Outcome]]] = {
    "a proper answer": (said(vector("5")), GOOD),
    "with a warning": (said(vector("5"), warnings=["a store does not answer"]), NOTHING),
    "over the limit with a warning": (said(vector("500"), warnings=["a store does not answer"]), FAILED),
    "nothing with a warning": (said({"resultType": "vector", "result": []}, warnings=["no store"]), NOTHING),
    "an old answer": (said(vector("5", time.time() - 3600)), NOTHING),
    "an answer of tomorrow": (said(vector("5", time.time() + 86400)), NOTHING),
    "no time": (answers(body=json.dumps({"status": "success", "data": vector("5")}).encode()), NOTHING),
    "a histogram": (said({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}), ERROR),
    "no number": (said(vector("five")), ERROR),
    "no text": (said(vector(None)), ERROR),
    "no result": (said({"resultType": "vector"}), ERROR),
    "no data at all": (said(None), ERROR),
    "a list": (answers(body=b"[]"), ERROR),
    "a web page": (answers(body=b"<html>"), ERROR),
    "status 200 and an error": (answers(body=b'{"status": "error", "error": "not today"}'), ERROR),
    "status 503": (answers(503, json.dumps({"status": "success", "data": vector("5")}).encode()), ERROR),
    "moved": (answers(302, b"", Location="http://127.0.0.1/"), ERROR),
    "brackets without end": (answers(body=b"[" * 500_000), ERROR),
    "a number without end": (answers(body=b'{"status": ' + b"9" * 500_000 + b"}"), ERROR),
    "an error with our secret's length": (answers(400, b'{"status": "error", "error": "' + b"x" * 9000 + b'"}'), ERROR),
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
CONTEXT = GateContext("production", "lag", dict, lambda _: None, {"127.0.0.1"}.__contains__, deadline=FOR_EVER)


def opened(url: str, context: GateContext = CONTEXT, **wanted: Any) -> Gate:
    chosen = {"server": url, "query": "x", "limit": "<= 60", "timeout": "30s", **wanted}
    return driver.open(context, driver.Settings.model_validate(chosen))


def asked(url: str, **wanted: Any) -> GateReading:
    gate = opened(url, **wanted)
    found = gate.run(WINDOW)
    gate.close()
    return found


class TestRealPrometheus(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in REAL.items()} | {"host not allowed": ERROR}

    @pytest.fixture
    def gate(self, case: str, prometheus: str) -> Iterator[Gate]:
        if case == "host not allowed":
            gate = opened(prometheus, replace(CONTEXT, allowed=lambda _: False))
        else:
            gate = opened(prometheus, **REAL[case][0])
        yield gate
        gate.close()


class TestWhatPretendsToBeOne(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in PRETENDED.items()} | {
        "good": GOOD,
        "nobody listens": ERROR,
        "a bad certificate": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, tmp_path: Path) -> Iterator[Gate]:
        with ExitStack() as stack:
            match case:
                case "nobody listens":
                    url = f"http://127.0.0.1:{free_port()}"
                case "a bad certificate":
                    url = stack.enter_context(untrusted(tmp_path))
                case _:
                    behaviour = PRETENDED["a proper answer" if case == "good" else case][0]
                    url = f"http://{stack.enter_context(server(behaviour))}"
            gate = opened(url, timeout="300ms" if case in SLOW else "30s")
            yield gate
            gate.close()


# ---- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (REAL["good"][0], "42 s is within the limit"),
        (REAL["over the limit"][0], "found 42 s"),
        (REAL["a ratio over the limit"][0], "found 0.4 %"),
        (REAL["no data"][0], "there is no data"),
        (REAL["NaN"][0], "the answer is NaN, which is no measure"),
        (REAL["infinity"][0], "the answer is +Inf, which is no measure"),
        (REAL["stale"][0], "there is no data younger than 10s, only older"),
        (REAL["several series"][0], "the query gives 2 series, expected one; aggregate, e.g. sum(...)"),
        (REAL["a range"][0], "the query gives a matrix, expected one number"),
        (REAL["a wrong query"][0], "status 400, bad_data: "),
    ],
)
def test_what_is_wrong_is_told_apart(prometheus: str, wanted: dict[str, Any], reason: str) -> None:
    assert reason in asked(prometheus, **wanted).reason


def test_the_value_and_the_limit_are_shown(prometheus: str) -> None:
    found = asked(prometheus, **REAL["another unit"][0])
    assert (found.value, found.limit, found.samples) == ("0.8 s", "<= 800ms", 1)


def test_the_query_is_asked_of_the_newcomers_slot(prometheus: str) -> None:
    query = {"query": 'errors{slot="$slot"}', "limit": "<= 1"}
    gate = opened(prometheus, **query)
    blue = replace(WINDOW, newcomer=Release(Slot.BLUE, "1.4.2"), stable=Release(Slot.GREEN, "1.4.1"))
    assert (gate.run(WINDOW).value, gate.run(blue).value) == ("1", "5")
    assert "version '1\"}'" in gate.run(replace(WINDOW, newcomer=Release(Slot.BLUE, '1"}'))).reason
    gate.close()


def test_a_warning_is_shown_and_keeps_it_from_being_a_success() -> None:
    with server(said(vector("5"), warnings=["a store does not answer\x1b[31m"])) as where:
        found = asked(f"http://{where}")
    assert found.reason == "5 is within the limit; Prometheus warns: a store does not answer\\x1b[31m"


def test_a_cache_that_says_how_old_its_answer_is_is_believed() -> None:
    body = json.dumps({"status": "success", "data": vector("5")}).encode()
    with server(answers(body=body, Date=email.utils.formatdate(usegmt=True), Age="7200")) as where:
        found = asked(f"http://{where}")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "s old, more than 2m" in found.reason


def test_it_is_asked_below_its_own_path_and_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    heads: list[bytes] = []
    with server(said(vector("5")), heads) as where:
        assert asked(f"http://{where}/prom/", query="1").outcome is Outcome.SUCCESSFUL
    assert heads[0].startswith(b"POST /prom/api/v1/query HTTP/1.1\r\n")


# ---- which series a query reads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "series"),
    [
        ("up", ["up"]),
        ("vector(1)", []),
        ("time() - x:y_z", ["x:y_z"]),
        ('sum by (job) (rate(total{slot="green"}[1m]))', ['total{slot="green"}']),
        ("sum(rate(a[5m])) by (x) / on(y) group_left(z) sum(b)", ["a", "b"]),
        ('{__name__="x"} offset 5m', ['{__name__="x"} offset 5m']),
        ("foo offset -5m > bool 1e3 # and bar\n and baz{}", ["foo offset -5m", "baz{}"]),
        ("a offset 5m + b offset 1d", ["a offset 5m", "b offset 1d"]),
        ('lat{path=~"^/a$|}b", x=\'"\'}[1m]', ['lat{path=~"^/a$|}b", x=\'"\'}']),
        ("a @ 1609746000 + b offset 1h @ end() + c", ["c"]),
        ("max_over_time(rate(x[1m])[5m:1m])", ["x"]),
        ('count_values("version", build)', ["build"]),
        ("quantile without(a) (0.9, z)", ["z"]),
        ("a and a", ["a"]),
    ],
)
def test_the_series_that_a_query_reads_are_found(query: str, series: list[str]) -> None:
    found = fresh(query, "120s")
    assert (found.split(" and ") if found else []) == [_asked_for(one) for one in series]


def _asked_for(series: str) -> str:
    name, offset, by = series.partition(" offset ")
    return f"count(count_over_time({name}[120s]{offset}{by}))"


def test_where_a_part_may_be_missing_one_of_them_is_enough(prometheus: str) -> None:
    assert fresh("a or b", "9s") == "count(count_over_time(a[9s])) or count(count_over_time(b[9s]))"
    query = "(sum(never_seen) or vector(0)) / sum(errors)"
    assert asked(prometheus, query=query, limit="<= 0").outcome is Outcome.SUCCESSFUL
    alone = asked(prometheus, query="sum(never_seen) or vector(0)", limit="<= 0")
    assert (alone.outcome, "no data younger than 2m" in alone.reason) == (Outcome.INCONCLUSIVE, True)


# ---- what a manifest may say -----------------------------------------------------------------------------------------

SERVER = "http://127.0.0.1:9090"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"limit": None}, "limit"),
        ({"limit": "60"}, "pattern"),
        ({"limit": "<= 60s"}, "unit that does not fit here, expected a plain number"),
        ({"limit": "<= 1 %"}, "unit that does not fit here, expected a plain number"),
        ({"limit": "<= 60", "unit": "s"}, "unit that does not fit here, expected a duration"),
        ({"limit": "<= 1 %", "unit": "ms"}, "unit that does not fit here, expected a duration"),
        ({"limit": "<= 0.01", "unit": "ratio"}, "unit that does not fit here, expected a percentage"),
        ({"limit": ">= 101 %", "unit": "percent"}, "more than everything"),
        ({"unit": "fortnights"}, "unit"),
        ({"query": ""}, "query"),
        ({"query": 'x{slot="$slto"}'}, r"unknown placeholder '\$slto'; did you mean '\$slot'"),
        ({"server": "127.0.0.1:9090"}, "server"),
        ({"server": f"http://anna:{SECRET}@127.0.0.1"}, "does not belong in a manifest"),
        ({"server": SERVER + "/?x=1"}, "the server's address alone"),
        ({"freshness": "0s"}, "freshness"),
        ({"timeout": "2m"}, "timeout"),
        ({"token": "x"}, "token"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], why: str) -> None:
    chosen = {"server": SERVER, "query": "x", "limit": "<= 60", **wanted}
    with pytest.raises(ValidationError, match=why):
        driver.Settings.model_validate({key: value for key, value in chosen.items() if value is not None})


def test_promqls_own_dollars_are_left_alone() -> None:
    query = 'label_replace(x{path=~"^/a$"}, "to", "$1${name}", "from", "(.*)")'
    assert driver.Settings(server=SERVER, query=query, limit="<= 1").query == query
