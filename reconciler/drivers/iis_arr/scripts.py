"""What our scripts on the gateway's machine are asked, and what they answer, checked: it comes from another machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.core.model import Slot
from reconciler.drivers.iis_arr.plan import STAMP, Plan
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.roads import road
from reconciler.drivers.windows.script import Run, Script, load
from reconciler.errors import Unreachable

FARM = load(Path(__file__).with_name("farm.ps1"))
INSTALLED = load(Path(__file__).with_name("installed.ps1"))

Number = Annotated[int, Field(ge=0, lt=1 << 63, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(max_length=1000)]
Answer = TypeVar("Answer", bound=BaseModel)


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Said):
    """One of a farm's. None: nobody counts just now, or this version of ARR has no such counter."""

    address: Text
    port: Number
    enabled: Flag
    weight: Number
    state: Number | None = None  # of the worker process: 0 available, 1 drains, more: unavailable
    healthy: Flag | None = None  # by ARR's own health test
    total: Number | None = None
    failed: Number | None = None
    current: Number | None = None


class FarmStand(Said):
    name: Text
    there: Flag
    enabled: Flag
    algorithm: Text
    cookie: Text
    servers: Annotated[tuple[Server, ...], Field(max_length=1000)]

    def server(self, address: str) -> Server | None:
        return next((one for one in self.servers if one.address.lower() == address.lower()), None)


class Stand(Said):
    """All of it, at one moment. `worker` empty: nothing serves, and the first request starts it."""

    entry: Text
    setup: Text
    roads: Text  # digest of what forces a slot
    print: Text  # of the servers as they are configured
    site: Text
    pool: Text
    worker: Text
    farms: tuple[FarmStand, ...]
    conflict: Flag
    ended: tuple[Text, ...]  # processes that were there before a change, and are not after it


class Installed(Said):
    modules: tuple[Text, ...]
    arr: Flag
    rewrite: Flag
    proxy: Flag
    host: Flag  # members get the host name that users have typed
    lacking: tuple[Text, ...]
    tested: tuple[Text, ...]
    recycled: Number | None = None  # minutes; 0: never
    idle: Number | None = None  # likewise
    processes: Number | None = None
    started: Text
    runtime: Text
    here: tuple[Text, ...]  # sites of that machine with a port that a member has


@dataclass(frozen=True, slots=True)
class Change:
    """`servers`: FARM|ADDRESS|ENABLED|WEIGHT|STATE; none: as they are."""

    entry: str
    servers: Sequence[str] = ()


def look(run: Run, plan: Plan) -> Stand:
    """Raises Unreachable for an answer that makes no sense, and whatever `run` raises; so do the others."""
    return _stand(run(FARM, _which(plan)), plan)


def change(run: Run, plan: Plan, seen: Stand, secret: str, wanted: Change) -> Stand:
    """How it stands after that. `conflict`: it was not, or is not, as it should be."""
    asked = {"Entry": wanted.entry, "Expected": seen.entry, "Seen": seen.print, "Servers": list(wanted.servers)}
    return _stand(run(FARM, {**_which(plan), **asked, "Roads": list(roads(secret))}), plan)


def installed(run: Run, plan: Plan) -> Installed:
    which = _which(plan)
    del which["Map"]
    ports = sorted({host_and_port(one.address[slot])[1] for one in plan.endpoints for slot in Slot})
    return _checked(Installed, run(INSTALLED, {**which, "Rules": list(plan.names()), "Ports": ports}), INSTALLED)


def roads(secret: str) -> Sequence[str]:
    return [f"{secret}-{STAMP}|{STAMP}", *(f"{road(secret, slot)}|{slot}" for slot in Slot)]


def roads_digest(secret: str) -> str:
    return hashlib.sha256("\n".join(sorted(roads(secret))).encode()).hexdigest()


def _which(plan: Plan) -> dict[str, Any]:
    farms = [one.name for one in plan.farms]
    return {"Site": plan.farm.site, "Pool": plan.farm.pool, "Map": plan.map, "Farms": farms}


def _stand(said: Mapping[str, Any], plan: Plan) -> Stand:
    found = _checked(Stand, said, FARM)
    if [one.name for one in found.farms] != [one.name for one in plan.farms]:
        raise Unreachable(f"{FARM.name}: its answer is about other farms, so nothing is known")
    return found


def _checked(model: type[Answer], said: Mapping[str, Any], script: Script) -> Answer:
    try:
        return model.model_validate_json(json.dumps(said))
    except (ValidationError, ValueError, RecursionError):
        raise Unreachable(f"{script.name}: its answer makes no sense, so nothing is known") from None
