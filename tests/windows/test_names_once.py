"""What a member is called on a machine is nobody else's: of two that would be called the same neither is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.configuration import parse
from reconciler.desired.claims import Read, judge, judge_one
from reconciler.desired.manifest import Invalid, Manifest, read

TABLES = r"""
[security]
allow_hosts = ["*.corp.example"]
[apps.front]
command = ["front"]
ports = {blue = 11, green = 12}
[machines.web1]
address = "http://web1.corp.example:5985"
user = 'CORP\reconcile'
password_env = "WEB1_PASSWORD"
[machines.again]
address = "https://WEB1.corp.example:5986"
user = 'CORP\reconcile'
password_env = "WEB1_PASSWORD"
[machines.web2]
address = "http://web2.corp.example:5985"
user = 'CORP\reconcile'
password_env = "WEB1_PASSWORD"
"""
SITE = "[sites.{name}]\nmachine = '{machine}'\nreleases = 'D:\\{{version}}'\nports = {{blue = 1, green = 2}}\n{more}\n"
SERVICE = "[services.{name}]\nmachine = '{machine}'\ncommand = ['D:\\w.exe', '{{slot}}']\n{more}\n"
OWN = r"config = 'D:\{environment}.{member}.{slot}.json'"
STANDBY = """
[services.{name}]
machine = 'web1'
command = ['D:\\w.exe', '{{slot}}', '{{ownership}}']
ready = "/healthz"
ports = {{blue = 1, green = 2}}
standby = true
service = '{name}-{{slot}}'
"""
PORTS = {"shop": 8001, "shop-eu": 8002, "SHOP-eu": 8003, "other": 8004}


def site(name: str = "it", machine: str = "web1", more: str = "") -> str:
    return SITE.format(name=name, machine=machine, more=more)


def service(name: str = "it", machine: str = "web1", more: str = "") -> str:
    return SERVICE.format(name=name, machine=machine, more=more)


def manifest(environment: str, *members: str, host: str = "{kind: iis, site: it}", more: str = "") -> bytes:
    """Each member as `NAME` or `NAME HOST`."""
    lines = []
    for one in members:
        name, _, own = one.partition(" ")
        lines.append(f"    - {{name: {name}, traffic: exclusive, host: {own or host}{more}}}\n")
    return f"""apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {{name: {environment}}}
spec:
  activeSlot: blue
  slots: {{blue: {{version: "1.0"}}}}
  gateway: {{kind: envoy, listen: "127.0.0.1:{PORTS[environment]}", sessions: shared}}
  members:
{"".join(lines)}    - {{name: front, traffic: weighted, host: {{kind: process, app: front}}}}
""".encode()


def judged(tables: str, **manifests: bytes) -> dict[str, Read]:
    found = [read(text, f"environments/{name}.yaml") for name, text in manifests.items()]
    return judge(found, parse(TABLES + tables, Path("/etc/reconciler.toml")))


HOSTS = {"site": "{kind: iis, site: it}", "service": "{kind: windows-service, service: it}"}


@pytest.mark.parametrize(("kind", "table"), [("site", site()), ("service", service())], ids=["site", "service"])
def test_two_ways_to_one_name_are_both_invalid_and_name_each_other(kind: str, table: str) -> None:
    """`shop` and `eu-api` are spelt as `shop-eu` and `api`."""
    one, other = manifest("shop", "eu-api", host=HOSTS[kind]), manifest("shop-eu", "api", host=HOSTS[kind])
    found = judged(table, one=one, other=other)
    column = one.decode().splitlines()[8].rindex("it}") + 1
    assert str(found["shop"]) == (
        f"environments/one.yaml:9:{column}: the {kind} 'shop-eu-api-blue' on web1.corp.example is also claimed by "
        f"'shop-eu' in environments/other.yaml:9:{column - 3}; give the member or the environment another name, or "
        f"give `{kind}` of [{kind}s.it] in /etc/reconciler.toml another value"
    )
    assert f"is also claimed by 'shop' in environments/one.yaml:9:{column};" in str(found["shop-eu"])
    for each in (found["shop"], found["shop-eu"]):
        assert isinstance(each, Invalid)
        assert len(each.problems) == 1, "once for each member, though both slots clash"
    assert isinstance(judged(table, one=one)["shop"], Manifest)


@pytest.mark.parametrize(
    ("kind", "table"),
    [("site", site(more=f"site = 'portal-{{slot}}'\n{OWN}")), ("service", service(more="service = 'portal-{slot}'"))],
    ids=["site", "service"],
)
def test_a_template_that_tells_nobody_apart_can_be_named_once(kind: str, table: str) -> None:
    one, other = manifest("shop", "api", host=HOSTS[kind]), manifest("other", "web", host=HOSTS[kind])
    assert isinstance(judged(table, one=one)["shop"], Manifest)
    found = judged(table, one=one, other=other)
    assert f"the {kind} 'portal-blue' on web1.corp.example is also claimed by 'other'" in str(found["shop"])
    assert "also claimed by 'shop'" in str(found["other"])


def test_two_members_of_one_manifest_are_no_exception() -> None:
    tables = parse(TABLES + site(more=f"site = 'portal-{{slot}}'\n{OWN}"), Path("/etc/reconciler.toml"))
    found = judge_one(read(manifest("shop", "api", "web"), "environments/one.yaml"), tables)
    assert isinstance(found, Invalid)
    first, second = found.problems
    assert (first.line, second.line) == (9, 10)
    assert "also claimed by 'shop' in environments/one.yaml:10:" in first.message
    assert "also claimed by 'shop' in environments/one.yaml:9:" in second.message


def test_small_and_capital_letters_and_two_tables_for_one_machine_are_no_difference() -> None:
    tables = site(more="site = 'Portal-{slot}'\n" + OWN) + site("that", "again", f"site = 'portal-{{slot}}'\n{OWN}")
    one, other = manifest("shop", "api"), manifest("other", "web {kind: iis, site: that}")
    found = judged(tables, one=one, other=other)
    assert "the site 'Portal-blue' on web1.corp.example is also claimed by 'other'" in str(found["shop"])
    assert "the site 'portal-blue' on web1.corp.example is also claimed by 'shop'" in str(found["other"])
    assert "`site` of [sites.that]" in str(found["other"])


def test_a_file_that_two_would_write_is_claimed_too() -> None:
    """A template of one's own for the site leaves the default for its configuration."""
    tables = site() + site("that", more="site = 'that-{slot}'")
    found = judged(tables, one=manifest("shop", "eu-api"), other=manifest("shop-eu", "api {kind: iis, site: that}"))
    assert r"the file 'C:\ProgramData\reconciler\sites\shop-eu-api-blue.json' on web1" in str(found["shop"])
    assert "give `config` of [sites.it]" in str(found["shop"])
    hosts = [f"{{kind: windows-service, service: {name}}}" for name in ("this", "that")]
    both = STANDBY.format(name="this") + STANDBY.format(name="that")
    one = manifest("shop", "eu-api", host=hosts[0], more=", standby: true")
    found = judged(both, one=one, other=manifest("shop-eu", "api", host=hosts[1], more=", standby: true"))
    assert r"services\shop-eu-api.ownership.json' on web1" in str(found["shop"])


@pytest.mark.parametrize(
    "tables",
    [site() + site("that", "web2"), site() + service("that"), site() + site("that", more="site='x-{slot}'\n" + OWN)],
)
def test_on_another_machine_of_another_kind_or_by_another_template_it_is_another(tables: str) -> None:
    host = "{kind: windows-service, service: that}" if "services" in tables else "{kind: iis, site: that}"
    found = judged(tables, one=manifest("shop", "eu-api"), other=manifest("shop-eu", f"api {host}"))
    assert [type(one) for one in found.values()] == [Manifest, Manifest], found


def test_many_environments_of_one_entry_have_names_of_their_own() -> None:
    found = judged(site(), one=manifest("shop", "api", "web"), other=manifest("other", "api", "web"))
    assert [type(one) for one in found.values()] == [Manifest, Manifest], found
