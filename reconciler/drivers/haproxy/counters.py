"""What HAProxy counted, taken from its servers: only a server's row tells what was really sent to it and came back."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping

from reconciler.core.model import Pair, Slot
from reconciler.core.reading import Counters
from reconciler.drivers.haproxy import names

Rows = Mapping[tuple[str, str], Mapping[str, str]]  # by proxy and server


def rows(shown: str) -> Rows:
    """The answer to `show stat`. Empty when it is none."""
    lines = shown.lstrip("# \n").splitlines()
    try:
        return {(row.get("pxname") or "", row.get("svname") or ""): row for row in csv.DictReader(lines)}
    except csv.Error:  # a field without end
        return {}


def counters(found: Rows, environment: str, members: Iterable[str]) -> Pair[Counters | None]:
    """A slot's counters over all members, wherever its servers stand; without one of them: None, and not zero."""
    members = list(members)
    return Pair(*(_slot(found, environment, members, slot) for slot in Slot))


def _slot(found: Rows, environment: str, members: list[str], slot: Slot) -> Counters | None:
    places = [
        (backend, str(slot))
        for member in members
        for backend in (
            names.plain(environment, member, slot),
            names.guarded(environment, member, slot),
            names.guarded(environment, member, slot.other),  # where it stands in for the other
        )
    ]
    each = [_server(found.get(place, {})) for place in places]
    known = [one for one in each if one is not None]
    if not places or len(known) < len(places):
        return None
    return Counters(
        requests=sum(one.requests for one in known),
        errors=sum(one.errors for one in known),
        refused=sum(one.refused for one in known),
        in_flight=sum(one.in_flight for one in known),
    )


def _server(row: Mapping[str, str]) -> Counters | None:
    try:
        number = {name: int(row[name]) for name in ("stot", "hrsp_5xx", "econ", "eresp", "wredis", "scur", "qcur")}
    except (KeyError, ValueError, TypeError):  # a row that is too short has None in it
        return None
    if min(number.values()) < 0:
        return None
    refused = number["econ"] + number["wredis"]  # the other slot stood in for those that were sent on
    return Counters(
        requests=number["stot"],
        errors=number["hrsp_5xx"] + number["eresp"] + refused,
        refused=refused,
        in_flight=number["scur"] + number["qcur"],
    )


def ejected(found: Rows, environment: str, members: Iterable[str], slot: Slot) -> bool:
    """Is a member of this slot given up just now, so that the other slot stands in?"""
    states = [found.get((names.guarded(environment, member, slot), str(slot)), {}).get("status") for member in members]
    return any((state or "").startswith("DOWN") for state in states)
