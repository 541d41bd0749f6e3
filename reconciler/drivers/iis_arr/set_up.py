"""Whether what an administrator set up is there, and as we ask for it: it is not ours to change under traffic."""

from __future__ import annotations

from reconciler.drivers.iis_arr.plan import ALGORITHM, Plan
from reconciler.drivers.iis_arr.scripts import Stand
from reconciler.errors import Refused, Unreachable


def check_serving(plan: Plan, stand: Stand) -> None:
    """Raises Unreachable for a site that is stopped."""
    farm = plan.farm
    for what, name, state in (("pool", farm.pool, stand.pool), ("site", farm.site, stand.site)):
        if state != "Started":
            start = "Start-WebAppPool" if what == "pool" else "Start-Website"
            raise Unreachable(f"the {what} {name} of the gateway is {state.lower()[:40]}; {start} '{name}' there")


def check_there(plan: Plan, stand: Stand) -> None:
    """Raises Refused for farms that nobody has set up."""
    for one in stand.farms:
        if not one.there:
            raise Refused(f"there is no server farm {one.name} on {plan.farm.machine}; {plan.cure}")


def check_set_up(plan: Plan, stand: Stand) -> None:
    """Raises Refused."""
    check_there(plan, stand)
    sessions = "sticky" if plan.sticky else "shared"
    for one in stand.farms:
        if one.algorithm != ALGORITHM:
            said = f"{one.algorithm[:40] or 'no algorithm'}, by which weights do not count"
            raise Refused(f"the server farm {one.name} is balanced by {said}, expected {ALGORITHM}; {plan.cure}")
        if one.cookie != plan.cookie:
            what = f"has the cookie {one.cookie[:40]}" if one.cookie else "has no cookie"
            raise Refused(f"the server farm {one.name} {what}, and sessions are {sessions}; {plan.cure}")
    if stand.setup != plan.digest:
        what = "was set up with other members, addresses or sessions" if stand.setup else "was not set up"
        raise Refused(f"the gateway of '{plan.environment}' {what}; {plan.cure}")
