"""What an administrator sets up once: farms, rewrite rules and maps, all in that machine's applicationHost.config.

Nothing of it changes with the weights, and no secret stands in it: what forces a slot is looked up in a map, which the
driver writes. The rules are the gateway's site's own, so that no other site of that machine is touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.model import Pair, Slot
from reconciler.drivers.entry import KEY
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.protocols import Endpoint
from reconciler.drivers.roads import ROAD_HEADER, STICKY_COOKIE, UPSTREAM_HEADER

SETUP = Path(__file__).with_name("setup.ps1")
MARK = "#@ plan"  # the line of it that the plan takes
ALGORITHM = "WeightedRoundRobin"  # the only one by which weights count
SETUP_KEY = "setup"  # in the map, beside the entry: which plan was set up
STAMP = "stamp"  # in place of a slot's name: the road on which the entry is told that is in force
STAMP_PATH = "/reconciler/"
ROAD = f"HTTP_{ROAD_HEADER.upper().replace('-', '_')}"
UPSTREAM = "RECONCILER_UPSTREAM"  # a server variable of ours: where a rule has sent a probe
ANSWERED = f"RESPONSE_{UPSTREAM_HEADER.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Behind:
    """Farms of an environment: one for each distinct pair of addresses."""

    name: str
    members: tuple[str, ...]
    address: Pair[str]  # host:port

    def server(self, slot: Slot) -> tuple[str, str, int]:
        """By which name the farm knows it, its host and its port. ARR tells servers apart by the name alone, so two on
        one host need names of their own."""
        host, port = host_and_port(self.address[slot])
        other, _ = host_and_port(self.address[slot.other])
        known = host if host != other else f"{slot}.{self.name.removeprefix(STICKY_COOKIE)}"
        return known, host, port


@dataclass(frozen=True, slots=True)
class Plan:
    environment: str
    endpoints: tuple[Endpoint, ...]
    farm: Farm
    sticky: bool

    @property
    def map(self) -> str:
        return f"{STICKY_COOKIE}{self.environment}"

    @property
    def roads(self) -> str:
        """The map of the values that force a slot."""
        return f"{self.map}.roads"

    @property
    def cure(self) -> str:
        return f"run there what `reconcile gateway {self.environment}` prints"

    @property
    def cookie(self) -> str:
        return f"{STICKY_COOKIE}{self.environment}" if self.sticky else ""

    @property
    def farms(self) -> tuple[Behind, ...]:
        """Where two names meet is a dot, which is in none: else those of `a-b` and `c` were those of `a` and `b-c`."""
        found: dict[tuple[str, str], list[str]] = {}
        for one in self.endpoints:
            found.setdefault((one.address.blue, one.address.green), []).append(one.member)
        return tuple(Behind(f"{self.map}.{members[0]}", tuple(members), Pair(*pair)) for pair, members in found.items())

    @property
    def outbound(self) -> str:
        """The rule that says in a probe's answer where it was sent."""
        return f"{self.map}.upstream"

    @property
    def digest(self) -> str:
        """Of all that must not differ between what was set up there and what we ask for."""
        return hashlib.sha256(json.dumps(self._parts(), sort_keys=True).encode()).hexdigest()[:12]

    def text(self) -> str:
        """What an administrator runs there."""
        said = json.dumps({**self._parts(), "digest": self.digest}, indent=1, ensure_ascii=True).replace("'", "\\u0027")
        return SETUP.read_text("ascii").replace(MARK, f"$Plan = @'\n{said}\n'@")

    def rules(self) -> list[dict[str, Any]]:
        """In the order in which they are asked. The longest prefix comes first."""
        longest = sorted(self.endpoints, key=lambda one: -len(one.prefix.rstrip("/")))
        forced = [self._forced(one, slot) for one in longest for slot in Slot]
        return [self._stamp(), *forced, *(self._users(one) for one in longest)]

    def _parts(self) -> dict[str, Any]:
        return {
            "site": self.farm.site,
            "map": self.map,
            "roads": self.roads,
            "setup": SETUP_KEY,
            "cookie": self.cookie,
            "farms": [{"name": one.name, "servers": [_server(one, slot) for slot in Slot]} for one in self.farms],
            "rules": self.rules(),
            "outbound": {"name": self.outbound, "variable": ANSWERED, "input": f"{{{UPSTREAM}}}"},
            "variables": [ROAD, UPSTREAM, ANSWERED],
        }

    def _stamp(self) -> dict[str, Any]:
        """Only rules that are in force answer so: the way by which a change is acknowledged."""
        to = f"{STAMP_PATH}{{{self.map}:{KEY}}}"
        return self._rule(STAMP, ".*", "Redirect", to, self._road(STAMP))

    def _forced(self, one: Endpoint, slot: Slot) -> dict[str, Any]:
        """Straight to the member, past the farm: so it is not counted there. No member sees the secret."""
        address = one.address[slot]
        said = {ROAD: "", UPSTREAM: address}
        to = f"http://{address}{{UNENCODED_URL}}"
        return self._rule(f"{one.member}.{slot}", _pattern(one.prefix), "Rewrite", to, self._road(slot), said)

    def _users(self, one: Endpoint) -> dict[str, Any]:
        farm = next(farm.name for farm in self.farms if one.member in farm.members)
        to = f"http://{farm}{{UNENCODED_URL}}"  # as it was asked for: not decoded, and with its query
        return self._rule(one.member, _pattern(one.prefix), "Rewrite", to)

    def _road(self, name: str) -> dict[str, str]:
        return {f"{{{self.roads}:{{{ROAD}}}}}": f"^{name}$"}

    def _rule(
        self,
        name: str,
        url: str,
        type_: str,
        to: str,
        conditions: Mapping[str, str] | None = None,
        said: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return {
            "name": f"{self.map}.{name}",
            "url": url,
            "conditions": [{"input": one, "pattern": pattern} for one, pattern in (conditions or {}).items()],
            "set": [{"name": one, "value": value} for one, value in (said or {}).items()],
            "type": type_,
            "to": to,
        }

    def names(self) -> Sequence[str]:
        """Of all rules, by which it is seen that they are there."""
        return [*(str(one["name"]) for one in self.rules()), self.outbound]


def _server(behind: Behind, slot: Slot) -> dict[str, Any]:
    known, host, port = behind.server(slot)
    return {"address": known, "host": host, "port": port}


def _pattern(prefix: str) -> str:
    """Of a path without its first slash, as URL Rewrite asks for it."""
    inside = prefix.strip("/")
    return f"^{re.escape(inside)}(?:/.*)?$".replace(r"\-", "-") if inside else ".*"
