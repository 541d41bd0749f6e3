"""The gateway's access log, read back: one JSON object per line, of which a killed gateway may owe the last ones.

Never evidence by itself, for that reason; beside the journal it tells who answered while it was not asked to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.model import Slot

ADDRESS = re.compile(r".+:[1-9]\d*")  # else the gateway answered by itself: null, or `-:-`
PROBES = "probe/"  # routes that are forced roads: what goes there is no user's
NEVER = "-"  # HAProxy's beginning of a request that never came: somebody connected, and said nothing or nonsense


@dataclass(frozen=True, slots=True)
class Served:
    """A user's request as the gateway saw it. `slot` None: nobody answered but the gateway itself, or a stranger."""

    start: float  # seconds since 1970, by the wall clock of the gateway's machine
    slot: Slot | None
    status: int
    id: str = ""
    seconds: float = 0.0  # until it was over
    stranger: str = ""  # the address that answered, when it is nobody's


def read(lines: Iterable[str], slots: Mapping[str, Slot]) -> Iterator[Served]:
    """Users' requests in the order of the log; `slots` tells whose a member's `host:port` is. A line that is not whole
    is left out, and so is a connection on which no request came."""
    for line in lines:
        said = _object(line)
        if said and not str(said.get("route") or "").startswith(PROBES) and not str(said["start"]).startswith(NEVER):
            yield _served(said, slots)


def _served(said: Mapping[str, Any], slots: Mapping[str, Slot]) -> Served:
    upstream = str(said.get("upstream"))
    slot = slots.get(upstream)
    stranger = upstream if slot is None and ADDRESS.fullmatch(upstream) else ""
    seconds = float(said.get("milliseconds") or 0) / 1000
    return Served(moment(said["start"]), slot, int(said["status"]), str(said["id"]), seconds, stranger)


def moment(text: str) -> float:
    """ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"start", "status", "id"} <= found.keys() else None
