"""Whatever an HAProxy says over its runtime socket: a reading, Unreachable or Refused. Never another exception, never a
weight that nobody wrote, never a count below zero."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.clock import SYSTEM
from reconciler.core.model import Pair, Routing, Slot, all_on
from reconciler.core.reading import Stamp
from reconciler.drivers import entry
from reconciler.drivers.gateways import haproxy
from reconciler.drivers.haproxy import counters, names
from reconciler.drivers.haproxy.proxy import Proxy
from reconciler.drivers.protocols import Endpoint, GatewayContext
from reconciler.errors import Refused, Unreachable

GOOD = entry.Entry(Routing(all_on(Slot.BLUE)), Stamp("j", 1, 4), 1).dump()
FIELDS = ("pxname", "svname", "status", "stot", "hrsp_5xx", "econ", "eresp", "wredis", "scur", "qcur")
NUMBERS = ("0", "1", "-1", "100", "70", "20", "120", "1e3")
WORDS = (*NUMBERS, "routing", "blue", "green", "-", "open", "closed", "draining", "j", "UP", "DOWN", "#", "/", "id")
PLACES = [f(*where) for f in (names.plain, names.guarded) for where in (("e", "web", s) for s in Slot)]
word = st.sampled_from([*WORDS, *PLACES]) | st.text(max_size=5)
cell = word | st.integers(-5, 5).map(str)
text = st.lists(word, max_size=8).map(" ".join) | st.text(max_size=60)
MANY = settings(max_examples=300, suppress_health_check=list(HealthCheck))


def table(rows: list[list[str]]) -> str:
    return "\n".join(["# " + ",".join(FIELDS), *(",".join(row) for row in rows)]) + "\n"


def sensible(found: Pair[Any]) -> bool:
    known = [one for one in (found.blue, found.green) if one is not None]
    return all(min(one.requests, one.errors, one.refused, one.in_flight) >= 0 for one in known)


@MANY
@given(st.lists(cell, min_size=9, max_size=9).map("/".join) | st.text(max_size=80) | st.just(GOOD))
def test_an_entry_is_one_of_ours_or_refused(told: str) -> None:
    try:
        found = entry.parse(told)
    except ValueError:
        return
    if found.routing is not None:
        weights = found.routing.weights
        assert min(weights.blue, weights.green) >= 0
        assert weights.blue + weights.green == 100


@MANY
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["blue", "green"]), st.lists(cell, max_size=9))))
def test_counters_are_unknown_or_numbers_from_zero_on(rows: list[tuple[str, str, list[str]]]) -> None:
    shown = table([[backend, server, *rest] for backend, server, rest in rows])
    assert sensible(counters.counters(counters.rows(shown), "e", ["web"]))


@pytest.mark.parametrize("number", ["-3", "", "x", "1e3", "9" * 200_000])
def test_a_count_that_is_none_is_unknown_and_not_zero(number: str) -> None:
    rows = [[place, slot, "UP", *["0"] * 6, number] for place in PLACES for slot in ("blue", "green")]
    assert counters.counters(counters.rows(table(rows)), "e", ["web"]) == Pair(None, None)


def test_good_counts_are_counted() -> None:
    rows = [[place, slot, "UP", "5", "1", "0", "0", "0", "2", "0"] for place in PLACES for slot in ("blue", "green")]
    found = counters.counters(counters.rows(table(rows)), "e", ["web"])
    assert found.blue
    assert (found.blue.requests, found.blue.errors, found.blue.in_flight) == (15, 3, 6)


@MANY
@given(info=text, listed=text, shown=text | st.just(f"0x1 routing {GOOD}\n"), stat=text)
def test_whatever_is_answered_is_a_reading_or_a_clear_no(
    tmp_path: Path, info: str, listed: str, shown: str, stat: str
) -> None:
    class Connection:
        def ask(self, *commands: str) -> list[str]:
            told = {"show info": info, "show map": listed, "show stat": stat}
            return [told.get(command, shown) for command in commands]

    @contextmanager
    def connect(_deadline: Any) -> Any:
        yield Connection()

    endpoints = (Endpoint("web", "/", Pair("127.0.0.1:1", "127.0.0.1:2")),)
    proxy = Proxy(socket=str(tmp_path / "s"), maps=None)
    context = GatewayContext("e", "j", tmp_path / "state", endpoints, deadline=0.4, proxy=proxy)
    gateway = haproxy.HAProxy(context, haproxy.Settings(proxy="edge"), SYSTEM)
    gateway._live._runtime.connect = connect  # type: ignore[method-assign,assignment]
    try:
        found = gateway.read()
    except (Unreachable, Refused):
        return
    assert sensible(found.counters)
    assert found.weights in (None, Pair(0, 0)) or sum((found.weights.blue, found.weights.green)) == 100
