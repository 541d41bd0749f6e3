"""What a whole transition must leave behind, and which losses a fault excuses."""

from __future__ import annotations

from typing import Any

from e2e_playground import Playground
from e2e_users import lost

from reconciler.demo.account import Request, jobs, overlaps

MEMBERS = ("api", "frontend", "worker")


def end_state(playground: Playground) -> dict[str, Any]:
    """Where everything stands, in words that do not depend on which slot it is."""
    rests = {"reason": "InSync", "sync": "Synced", "health": "Healthy"}
    status = playground.until_status(lambda status: status.items() >= rests.items())
    active = status["stable"]["slot"]
    other = "green" if active == "blue" else "blue"
    alive = playground.data_plane()
    told = {key: status[key] for key in ("sync", "health", "phase", "reason", "newcomer", "held", "error")}
    return told | {
        "weight": status["weights"][active],
        "rest": status["weights"][other],
        "up": sorted(who.replace(active, "ACTIVE").replace(other, "OTHER") for who in alive),
    }


def assert_jobs_done_once(playground: Playground, requests: list[Request]) -> None:
    """Every job that a user was promised; by one owner at every instant."""
    done = playground.jobs_done()
    account = jobs(requests, done)
    assert (account.lost, account.twice) == (0, 0), account
    assert account.once >= account.promised > 0, account
    assert overlaps(done) == 0


def unexcused(requests: list[Request], begin: float, end: float) -> list[Request]:
    """Losses outside a fault's time. What was under way when it began belongs to it, and so does the first request on
    each kept connection after it: the connection broke in that time, and its user learns it only then."""
    first: dict[int, Request] = {}
    for request in sorted(requests, key=lambda request: request.start):
        if request.end >= begin and not request.fresh:
            first.setdefault(request.client, request)
    found = [one for one in lost(requests) if one.end < begin or one.start > end]
    return [one for one in found if first.get(one.client) is not one]
