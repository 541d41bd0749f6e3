"""The first requests to members that nobody has asked yet. In a module of its own, because the library that asks is
large, and who only reads what is on record needs none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from reconciler.core.model import Slot
from reconciler.drivers.certificates.trust import trusting
from reconciler.drivers.protocols import Endpoint, Road
from reconciler.drivers.roads import UPSTREAM_HEADER
from reconciler.errors import Unreachable

WARMING = 3  # requests per weighted member


def warm(road: Road, endpoints: Iterable[Endpoint], slot: Slot) -> None:
    """To each weighted member of a slot, by the forced road. Raises Unreachable until they answer."""
    verify = trusting(road.trust) if road.trust else True
    said: dict[str, Any] = {"headers": dict(road.headers), "timeout": 5.0, "trust_env": False}
    with httpx.Client(base_url=road.url, verify=verify, **said) as client:
        for endpoint in endpoints:
            for _ in range(WARMING):
                _answers(client, endpoint, slot)


def _answers(client: httpx.Client, endpoint: Endpoint, slot: Slot) -> None:
    where = f"{endpoint.member} in {slot}"
    try:
        response = client.get(endpoint.prefix)
    except httpx.HTTPError as error:
        raise Unreachable(f"{where} does not answer through the gateway: {type(error).__name__}") from error
    road = Road("", expects=(endpoint.address[slot],))
    if astray := road.astray(response.headers.get(UPSTREAM_HEADER)):
        raise Unreachable(f"{where}: {astray}")
    if response.status_code in (502, 503, 504):
        raise Unreachable(f"{where} answers {response.status_code} through the gateway")
