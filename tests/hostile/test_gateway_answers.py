"""Whatever a gateway's admin interface answers: a reading, or Unreachable. Never another exception, never a zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.model import Pair, Routing, Slot, all_on
from reconciler.core.reading import GatewayReading, Stamp
from reconciler.drivers.envoy.admin import Admin
from reconciler.drivers.envoy.routes import Map, document
from reconciler.drivers.gateways.envoy import Settings, open
from reconciler.drivers.identity import Identity
from reconciler.drivers.protocols import Endpoint, Gateway, GatewayContext
from reconciler.errors import Unreachable

WORDS = """configs route_config version_info virtual_hosts routes route weighted_clusters clusters name weight metadata
filter_metadata reconciler admission fallback version cluster_statuses host_statuses stats value health_status api/blue
rq_total rq_success rq_error rq_active cx_connect_fail api/green/guarded users/api j.1.2 open closed blue"""
words = st.sampled_from(WORDS.split()) | st.text(max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
answers = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=20
)
ENDPOINTS = (Endpoint("api", "/", Pair("127.0.0.1:1", "127.0.0.1:2")),)
MANY = settings(max_examples=400, suppress_health_check=list(HealthCheck))


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Envoy's driver, which believes that its Envoy runs."""
    found = open(GatewayContext("demo", "j", tmp_path, ENDPOINTS), Settings(listen="127.0.0.1:18080"))
    monkeypatch.setattr(found._server._process, "running", lambda: Identity.of(1))  # type: ignore[attr-defined]
    return found


def shaped(routes: Any, clusters: Any) -> list[Any]:
    """As Envoy would wrap them: what is inside is anything."""
    return [{"configs": [{"version_info": "j.1.2", "route_config": routes}]}, {"cluster_statuses": clusters}]


def reads(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, told: list[Any]) -> None:
    bodies = [json.dumps(one, default=str).encode() for one in told]
    monkeypatch.setattr(Admin, "_ask_all", lambda *_: bodies)
    try:
        found = gateway.read()
    except Unreachable:
        return
    assert isinstance(found, GatewayReading)
    assert found.weights is None or all(isinstance(weight, int) for weight in (found.weights.blue, found.weights.green))
    for counted in (found.counters.blue, found.counters.green):
        assert counted is None or min(counted.requests, counted.errors, counted.refused, counted.in_flight) >= 0


@MANY
@given(clusters=answers, hosts=answers)
def test_counters_of_any_shape_are_unknown_or_numbers_and_never_zero_for_want_of_an_answer(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, clusters: Any, hosts: Any
) -> None:
    good = document(Routing(all_on(Slot.BLUE)), Stamp("j", 1, 2), Map(ENDPOINTS, "secret", None))["resources"][0]
    named = [{"name": "api/blue", "host_statuses": hosts}, {"name": "api/blue/guarded", "host_statuses": hosts}]
    for told in (clusters, named):
        reads(gateway, monkeypatch, shaped(good, told))


@MANY
@given(routes=answers, clusters=answers)
def test_any_answer_is_a_reading_or_unreachable(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, routes: Any, clusters: Any
) -> None:
    reads(gateway, monkeypatch, shaped(routes, clusters))


@MANY
@given(first=answers, second=answers)
def test_any_json_at_all_is_a_reading_or_unreachable(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, first: Any, second: Any
) -> None:
    reads(gateway, monkeypatch, [first, second])
