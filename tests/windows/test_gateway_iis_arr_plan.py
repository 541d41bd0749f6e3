"""What an administrator of IIS with ARR is given, what the operator's file may say, and the scripts' own text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from windows_arr import Configuration, Farm
from windows_syntax import of, parameters, said, tree
from windows_traffic import rewritten

from reconciler.configuration import parse
from reconciler.core.model import Admission, Pair, Routing, Slot, all_on, share
from reconciler.drivers.gateways import iis_arr
from reconciler.drivers.iis_arr import farm as table
from reconciler.drivers.iis_arr import force
from reconciler.drivers.iis_arr.plan import Plan
from reconciler.drivers.iis_arr.scripts import FARM, FarmStand, Server, Stand
from reconciler.drivers.protocols import Endpoint, GatewayContext
from reconciler.errors import InvalidConfiguration, Refused

PORTAL = table.Farm(machine="arr1", users="http://portal.corp.example", site="Portal", pool="Portal")
API = Endpoint("api", "/api", Pair("web1.corp.example:9001", "web1.corp.example:9002"))
V2 = Endpoint("v2", "/api/v2", Pair("10.0.0.1:80", "10.0.0.2:80"))
WEB = Endpoint("web", "/", Pair("web1.corp.example:9003", "web2.corp.example:9003"))


def plan(*endpoints: Endpoint, sticky: bool = False, environment: str = "production") -> Plan:
    return Plan(environment, endpoints or (WEB, API, V2), PORTAL, sticky)


def printed(found: Plan) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(found.text().partition("$Plan = @'\n")[2].partition("\n'@")[0])
    return said


# ---- the plan --------------------------------------------------------------------------------------------------------


def test_it_is_powershell_with_the_plan_as_data_in_it() -> None:
    odd = table.Farm(machine="arr1", users="http://x", site="It's (x) `n so", pool="P")
    text = Plan("production", (WEB,), odd, False).text()
    assert not tree(text).has_error
    assert text.isascii()
    assert json.loads(text.partition("$Plan = @'\n")[2].partition("\n'@")[0])["site"] == "It's (x) `n so"


def test_servers_on_one_host_have_names_of_their_own_and_others_have_their_hosts() -> None:
    """ARR tells servers of a farm apart by name, without the port."""
    servers = {one["name"]: one["servers"] for one in printed(plan())["farms"]}
    assert servers["reconciler-production.api"] == [
        {"address": "blue.production.api", "host": "web1.corp.example", "port": 9001},
        {"address": "green.production.api", "host": "web1.corp.example", "port": 9002},
    ]
    assert [one["address"] for one in servers["reconciler-production.v2"]] == ["10.0.0.1", "10.0.0.2"]
    assert [one["address"] for one in servers["reconciler-production.web"]] == [
        "web1.corp.example",
        "web2.corp.example",
    ]


def test_members_at_the_same_addresses_share_a_farm() -> None:
    beside = Endpoint("files", "/files", WEB.address)
    found = plan(WEB, beside, sticky=True)
    assert [(one.name, one.members) for one in found.farms] == [("reconciler-production.web", ("web", "files"))]
    assert found.cookie == "reconciler-production"


def test_no_two_environments_meet_in_a_name() -> None:
    one = plan(Endpoint("b-c", "/", WEB.address), environment="a")
    other = plan(Endpoint("c", "/", WEB.address), environment="a-b")
    assert not {farm.name for farm in one.farms} & {farm.name for farm in other.farms}
    assert not set(one.names()) & set(other.names())


def test_the_digest_is_of_all_that_must_be_set_up_anew() -> None:
    first = plan().digest
    assert plan().digest == first
    moved = Endpoint("web", "/", Pair("web1.corp.example:9003", "web2.corp.example:9004"))
    assert len({first, plan(WEB, API).digest, plan(moved, API, V2).digest, plan(WEB, sticky=True).digest}) == 4


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/", "reconciler-production.web/"),
        ("/api", "reconciler-production.api/api"),
        ("/api/x?y=%2F&z", "reconciler-production.api/api/x?y=%2F&z"),
        ("/api/a%2Fb", "reconciler-production.api/api/a%2Fb"),
        ("/apix", "reconciler-production.web/apix"),
        ("/api/v2", "reconciler-production.v2/api/v2"),
        ("/api/v2/x", "reconciler-production.v2/api/v2/x"),
        ("/api/v22", "reconciler-production.api/api/v22"),
    ],
)
def test_the_longest_prefix_wins_and_a_url_goes_on_as_it_came(target: str, place: str) -> None:
    said = printed(plan())
    found = rewritten(Configuration(rules=said["rules"], variables=set(said["variables"])), target, {})
    assert found.to == f"http://{place}"


def test_a_farm_takes_no_name_twice() -> None:
    """The simulated one neither: else the aliases were proved by nothing."""
    from windows_arr import Server as There

    farm = Farm("x")
    farm.add(There("web1", 1))
    with pytest.raises(AssertionError):
        farm.add(There("WEB1", 2))


# ---- what is in force ------------------------------------------------------------------------------------------------


def stand(found: Plan, wanted: list[str], drains: bool = True) -> Stand:
    """As the farms stand when all of it was done; `drains`: and the process still knows it."""
    servers: dict[str, list[Server]] = {}
    for line in wanted:
        farm, address, enabled, weight, state = line.split("|")
        known = {"state": int(state) if drains else 0, "total": 0, "failed": 0, "current": 0}
        server = Server(address=address, port=1, enabled=enabled == "true", weight=int(weight), **known)
        servers.setdefault(farm, []).append(server)
    same: dict[str, Any] = {"there": True, "enabled": True, "algorithm": "WeightedRoundRobin", "cookie": ""}
    farms = tuple(FarmStand(name=name, servers=tuple(each), **same) for name, each in servers.items())
    said = {"entry": "", "setup": "", "roads": "", "print": "", "site": "Started", "pool": "Started", "worker": "1@x"}
    return Stand(**said, farms=farms, conflict=False, ended=())


routings = st.builds(
    lambda green, blue_, green_: Routing(
        share(Slot.GREEN, green),
        Pair(Admission.OPEN if green < 100 else blue_, Admission.OPEN if green else green_),
    ),
    st.integers(0, 100),
    st.sampled_from(list(Admission)),
    st.sampled_from(list(Admission)),
)


@given(routings, st.booleans())
def test_what_is_written_is_what_is_read_and_no_weight_is_ever_zero(routing: Routing, sticky: bool) -> None:
    found = plan(WEB, sticky=sticky)
    lines = list(force.servers(found, routing))
    assert all(int(line.split("|")[3]) > 0 for line in lines)
    now = stand(found, lines)
    assert force.weights(found, now) == routing.weights
    assert force.admission(found, now, routing.admission) == routing.admission


@given(routings)
def test_what_lasts_gives_a_slot_without_weight_one_in_a_hundred_at_most(routing: Routing) -> None:
    """After a recycle, which forgets who drains; nothing at all where nobody does."""
    found = plan(WEB, sticky=True)
    now = stand(found, list(force.servers(found, routing)), drains=False)
    for slot in Slot:
        if not routing.weights[slot]:
            most = 1 if routing.admission[slot] is Admission.DRAINING else 0
            assert force.weights(found, now)[slot] <= most


def test_a_farm_that_is_switched_off_leads_nowhere() -> None:
    found = plan(WEB)
    now = stand(found, list(force.servers(found, Routing(all_on(Slot.BLUE)))))
    off = now.model_copy(update={"farms": (now.farms[0].model_copy(update={"enabled": False}),)})
    assert force.weights(found, off) == force.SPLIT


# ---- the operator's table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "users", ["portal", "ftp://x", "http://", "http://x/y", "http://a@b", "http://x:0", "http://x?y"]
)
def test_where_users_come_in_is_a_url_without_anything_behind_it(users: str) -> None:
    with pytest.raises(ValidationError):
        table.Farm(machine="arr1", users=users, site="Portal", pool="Portal")


def test_a_farm_names_a_machine_that_may_be_asked(tmp_path: Path) -> None:
    text = """
[machines.arr1]
address = "https://arr1.corp.example:5986"
user = 'CORP\\reconcile'
password_env = "ARR1"

[farms.portal]
machine = "arr1"
users = "http://portal.corp.example"
site = "Portal"
pool = "Portal"

[farms.other]
machine = "arr2"
users = "http://portal.corp.example"
site = "Portal"
pool = "Portal"

[security]
allow_hosts = [HOSTS]
"""
    allowed = parse(text.replace("HOSTS", '"arr1.corp.example"'), tmp_path / "reconciler.toml")
    assert allowed.named("farms", "portal").site == "Portal"
    with pytest.raises(InvalidConfiguration, match="unknown machine 'arr2'"):
        allowed.named("farms", "other")
    shut = parse(text.replace("HOSTS", ""), tmp_path / "reconciler.toml")
    with pytest.raises(InvalidConfiguration, match=r"arr1\.corp\.example' may not be asked"):
        shut.named("farms", "portal")


def test_names_that_iis_cannot_have_are_refused(tmp_path: Path) -> None:
    wrong = Endpoint("we b", "/", WEB.address)
    context = GatewayContext("production", "j", tmp_path, (wrong,), named=lambda *_: PORTAL)
    with pytest.raises(Refused, match="'we b' cannot be a name in IIS's configuration"):
        iis_arr.open(context, iis_arr.Settings(farm="portal"))


# ---- the scripts' text -----------------------------------------------------------------------------------------------


def test_no_function_shadows_what_the_script_was_given() -> None:
    """PowerShell knows no small letters: `$map = ...` in a function would hide `-Map` from the rest of it."""
    assigned = {
        (said(function).split()[1], said(variable)[1:].lower())
        for function in of(tree(FARM.text), "function_statement")
        for node in of(function, "left_assignment_expression")
        for variable in of(node, "variable")
    }
    assert ("Get-Stand", "said") in assigned
    assert {one for one in assigned if one[1] in parameters(FARM.text)} == set()


def test_the_scripts_write_nothing_but_what_they_say() -> None:
    """`enabled`, `weight`, entries of maps, and the state of a server: nothing else of that configuration."""
    assert set(re.findall(r"SetAttributeValue\('(\w+)'", FARM.text)) == {"enabled", "weight", "key", "value"}
    assert FARM.text.count("CommitChanges") == 1
    assert not re.search(r"Remove|Set-Item|WriteAll|New-Item", FARM.text)
