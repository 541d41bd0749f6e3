"""The routes document: what Envoy watches, the gateway's only memory. Written whole, read back from Envoy itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import Admission, Pair, Routing, Slot, Weights
from reconciler.core.reading import Stamp
from reconciler.drivers.envoy import names
from reconciler.drivers.protocols import Endpoint
from reconciler.drivers.roads import ROAD_HEADER, UPSTREAM_HEADER, road

Json = dict[str, Any]

CONFIGURATION = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
BY_HAND = ".by-hand"  # ends a version that a person's script has written
METADATA = "reconciler"  # beside the routes: what they alone do not tell
RETRY = {
    "retry_on": "connect-failure,refused-stream,reset-before-request",  # nothing that may have taken effect already
    "num_retries": 3,
    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.020s"},
}


@dataclass(frozen=True, slots=True)
class Map:
    """What the routes lead to. `cookie` names the sticky cookie; None: every request is drawn on its own."""

    endpoints: tuple[Endpoint, ...]
    secret: str
    cookie: str | None
    secure: bool = False  # users come by HTTPS, and so does the cookie


@dataclass(frozen=True, slots=True)
class Written:
    """A document read back. `weights` holds the least that any route gives a slot: routes that disagree with each
    other, or miss one of our members, add up to less than 100 and so equal nothing that we ever wrote."""

    weights: Weights
    admission: Pair[Admission]
    fallback: Slot | None
    stamp: Stamp | None

    def holds(self, routing: Routing) -> bool:
        return (self.weights, self.admission, self.fallback) == (routing.weights, routing.admission, routing.fallback)


def document(routing: Routing, stamp: Stamp, map_: Map) -> Json:
    """The whole file. Most special first: forced roads, then clients that belong to a slot, then the draw."""
    endpoints = sorted(map_.endpoints, key=lambda endpoint: len(endpoint.prefix), reverse=True)
    routes = [*_forced(endpoints, map_.secret), *_belonging(endpoints, routing, map_.cookie)]
    routes += [_drawn(endpoint, routing, map_) for endpoint in endpoints]
    host = {
        "name": "users",
        "domains": ["*"],
        "request_headers_to_remove": [ROAD_HEADER],  # after matching: no app ever sees the secret
        "retry_policy": RETRY,
        "routes": routes,
    }
    resource = {
        "@type": CONFIGURATION,
        "name": names.ROUTES,
        "validate_clusters": True,  # else a route to nowhere is accepted, and answers 503
        "virtual_hosts": [host],
        "metadata": {"filter_metadata": {METADATA: _metadata(routing, stamp)}},
    }
    return {"version_info": version(stamp), "resources": [resource]}


def _metadata(routing: Routing, stamp: Stamp) -> Json:
    """The version again: Envoy shows a new one only where the routes themselves differ from the old."""
    admission = {str(slot): str(routing.admission[slot]) for slot in Slot}
    return {"admission": admission, "fallback": str(routing.fallback or ""), "version": version(stamp)}


def _forced(endpoints: Iterable[Endpoint], secret: str) -> Iterator[Json]:
    """The road to one slot for whoever knows the secret; answers tell who gave them."""
    upstream = {"header": {"key": UPSTREAM_HEADER, "value": "%UPSTREAM_HOST%"}}
    for endpoint in endpoints:
        for slot in Slot:
            header = {"name": ROAD_HEADER, "string_match": {"exact": road(secret, slot)}}
            yield {
                **_route(f"probe/{endpoint.member}/{slot}", _path(endpoint) | {"headers": [header]}),
                "route": {"cluster": names.probe(endpoint.member, slot), "timeout": "0s"},
                "response_headers_to_add": [upstream | {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
            }


def _belonging(endpoints: Iterable[Endpoint], routing: Routing, cookie: str | None) -> Iterator[Json]:
    """Clients whose cookie names a slot stay there, whatever the weights, until it is closed."""
    if cookie is None:
        return
    slots = [slot for slot in Slot if routing.admission[slot] is not Admission.CLOSED]
    for endpoint in endpoints:
        for slot in slots:
            pattern = rf"(?:.*;\s*)?{re.escape(cookie)}={slot}\s*(?:;.*)?"
            header = {"name": "cookie", "string_match": {"safe_regex": {"regex": pattern}}}
            yield {
                **_route(f"sticky/{endpoint.member}/{slot}", _path(endpoint) | {"headers": [header]}),
                "route": {"cluster": _cluster(endpoint, slot, routing), "timeout": "0s"},
            }


def _drawn(endpoint: Endpoint, routing: Routing, map_: Map) -> Json:
    clusters = [_choice(endpoint, slot, routing, map_) for slot in Slot]
    return {
        **_route(f"users/{endpoint.member}", _path(endpoint)),
        "route": {"weighted_clusters": {"clusters": clusters}, "timeout": "0s"},  # no limit on a long answer
    }


def _choice(endpoint: Endpoint, slot: Slot, routing: Routing, map_: Map) -> Json:
    choice: Json = {"name": _cluster(endpoint, slot, routing), "weight": routing.weights[slot]}
    if map_.cookie is not None:
        value = f"{map_.cookie}={slot}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if map_.secure else ''}"
        choice["response_headers_to_add"] = [{"header": {"key": "set-cookie", "value": value}}]
    return choice


def _cluster(endpoint: Endpoint, slot: Slot, routing: Routing) -> str:
    """The fallback itself stays plain: else its death would push everyone onto the newcomer."""
    return (names.first if routing.fallback is slot.other else names.plain)(endpoint.member, slot)


def _route(name: str, match: Json) -> Json:
    return {"name": name, "match": match}


def _path(endpoint: Endpoint) -> Json:
    """`/api` is the road to /api and /api/x, but not to /apix."""
    return {("prefix" if endpoint.prefix.endswith("/") else "path_separated_prefix"): endpoint.prefix}


def version(stamp: Stamp) -> str:
    return f"{stamp.journal}.{stamp.generation}.{stamp.sequence}{BY_HAND if stamp.by_hand else ''}"


def stamp(version: str) -> Stamp | None:
    """Who wrote a version; None when it was none of us."""
    parts = version.removesuffix(BY_HAND).rsplit(".", 2)
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    return Stamp(parts[0], int(parts[1]), int(parts[2]), version.endswith(BY_HAND))


def written(version_info: str, resource: Mapping[str, Any], members: Iterable[str]) -> Written:
    """A document as Envoy, or the file, gives it back. Raises ValueError when it has not the shape of one."""
    try:
        drawn = dict(_weights(resource))
        each = [drawn.get(member, Pair(0, 0)) for member in members]
        notes = resource.get("metadata", {}).get("filter_metadata", {}).get(METADATA, {})
        admission = notes.get("admission", {})
        return Written(
            weights=Pair(min(w.blue for w in each), min(w.green for w in each)),
            admission=Pair(*(Admission(admission.get(str(slot), Admission.OPEN)) for slot in Slot)),
            fallback=Slot(notes["fallback"]) if notes.get("fallback") else None,
            stamp=stamp(version_info),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a routes document of ours: {error!r}") from error


def _weights(resource: Mapping[str, Any]) -> Iterator[tuple[str, Weights]]:
    """Member and weights of every route that draws."""
    for host in resource["virtual_hosts"]:
        for route in host["routes"]:
            clusters = route.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
            names_ = [choice["name"].split("/") for choice in clusters]
            given = {parts[1]: int(choice.get("weight", 0)) for parts, choice in zip(names_, clusters, strict=True)}
            if clusters:
                yield names_[0][0], Pair(given.get("blue", 0), given.get("green", 0))
