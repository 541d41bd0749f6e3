"""What the gateway counted, taken from its hosts: only a host knows what was really sent to it and came back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.model import Pair, Slot
from reconciler.core.reading import Counters
from reconciler.drivers.envoy import names

Hosts = list[Mapping[str, Any]]


def counters(clusters: Iterable[Mapping[str, Any]], members: Iterable[str]) -> tuple[Pair[Counters | None], Pair[bool]]:
    """A slot's counters over all members, and whether it is given up just now. Without a single number: None, not 0.

    A cluster of clusters has no hosts of its own: what it sends is counted once, at `guarded` or the other's `plain`.
    """
    hosts = {cluster.get("name", ""): list(cluster.get("host_statuses", [])) for cluster in clusters}
    members = list(members)

    def of(slot: Slot) -> tuple[Counters | None, bool]:
        each = [hosts.get(name(member, slot), []) for member in members for name in (names.plain, names.guarded)]
        return _sum(each), any(_ejected(host) for found in each for host in found)

    blue, green = of(Slot.BLUE), of(Slot.GREEN)
    return Pair(blue[0], green[0]), Pair(blue[1], green[1])


def _sum(each: list[Hosts]) -> Counters | None:
    if not each or not all(each):
        return None
    found = [_host(host) for hosts in each for host in hosts]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return Counters(
        requests=sum(one.requests for one in known),
        errors=sum(one.errors for one in known),
        refused=sum(one.refused for one in known),
        in_flight=sum(one.in_flight for one in known),
    )


def _host(host: Mapping[str, Any]) -> Counters | None:
    """A statistic that is named without a value is zero; one that is not named is unknown."""
    stats = {stat["name"]: int(stat.get("value", 0)) for stat in host.get("stats", [])}
    try:
        return Counters(
            # A request that found no connection is an error, but not in the total.
            requests=max(stats["rq_total"], stats["rq_success"] + stats["rq_error"]),
            errors=stats["rq_error"],
            refused=stats["cx_connect_fail"],
            in_flight=stats["rq_active"] + stats.get("rq_pending_active", 0),
        )
    except KeyError:
        return None


def _ejected(host: Mapping[str, Any]) -> bool:
    return bool(host.get("health_status", {}).get("failed_outlier_check", False))
