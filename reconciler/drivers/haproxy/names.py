"""What the configuration, the runtime socket and the counters must call by one name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reconciler.core.model import Slot
from reconciler.drivers.protocols import Endpoint
from reconciler.drivers.roads import road


def frontend(environment: str) -> str:
    return environment


def plain(environment: str, member: str, slot: Slot) -> str:
    """The backend for users of a slot that nobody stands in for."""
    return f"{environment}.{member}.{slot}"


def guarded(environment: str, member: str, slot: Slot) -> str:
    """The same place for users, given up at the first failure to reach it: then the other slot stands in."""
    return f"{environment}.{member}.{slot}.guarded"


def probe(environment: str, member: str, slot: Slot) -> str:
    """The backend for probes, so that they are never counted as users."""
    return f"{environment}.{member}.{slot}.probe"


def marker(environment: str, digest: str) -> str:
    """A backend that leads nowhere: its name tells which configuration runs."""
    return f"{environment}.places.{digest}"


def map_file(environment: str) -> str:
    return f"reconciler-{environment}.map"


def digest(listen: str, sessions: str, endpoints: Iterable[Endpoint], secret: str, certificate: str = "") -> str:
    """Of what must not differ between a running configuration and ours: where it listens and leads, who may force a
    slot. Not of the configuration's text: a newer reconciler may word it in another way."""
    places = sorted((one.member, one.prefix, one.address.blue, one.address.green) for one in endpoints)
    said = json.dumps([listen, sessions, places, [hashed(secret, slot) for slot in Slot], *filter(None, [certificate])])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def hashed(secret: str, slot: Slot) -> str:
    """Of the header's value that forces a slot; the configuration holds no secret."""
    return hashlib.sha256(road(secret, slot).encode()).hexdigest().upper()
