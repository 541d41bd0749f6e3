"""`[sites.NAME]` of the operator's file, and the names in manifests that stand for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import reconciler.drivers.iis
from reconciler.configuration import Configuration, parse
from reconciler.core.model import Pin, Slot
from reconciler.desired.claims import judge_one
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.drivers.hosts import iis
from reconciler.drivers.iis.site import Site
from reconciler.drivers.protocols import HostContext
from reconciler.drivers.registry import kinds
from reconciler.errors import Refused

GOOD: dict[str, Any] = {
    "machine": "web1",
    "releases": r"D:\releases\portal\{version}",
    "ports": {"blue": 9001, "green": 9002},
}
VALUES = {"environment": "shop", "member": "api", "slot": "blue", "version": "1.4.2"}
SCRIPTS = Path(reconciler.drivers.iis.__file__).parent


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"releases": r"D:\releases\portal"}, r"same folder for every version, expected \{version\}"),
        ({"releases": r"releases\{version}"}, "is no path there"),
        ({"releases": r"\\files\releases\{version}"}, "is no path there"),
        ({"releases": r"D:\releases\..\{version}"}, "is no path there"),
        ({"releases": r"D:\releases\{version}\{port}"}, "unknown placeholder"),
        ({"releases": r"D:\releases\{version!r}"}, "unknown placeholder"),
        ({"releases": r"D:\releases\{version"}, "expected '}'"),
        ({"config": r"D:\config\portal.json"}, r"same file for both slots, expected \{slot\}"),
        ({"config": r"D:\config\{slot}-{version}.json"}, "unknown placeholder"),
        ({"site": "portal"}, r"same site for both slots, expected \{slot\}"),
        ({"site": "portal/{slot}"}, "cannot be a pool's name"),
        ({"ports": {"blue": 9001, "green": 9001}}, "cannot both listen"),
        ({"ready": "healthz"}, "should match pattern"),
        ({"warm_up": ["http://other"]}, "should match pattern"),
        ({"address": "http://web1"}, "should match pattern"),
        ({"stop_timeout": "0s"}, "greater than or equal to 1"),
        ({"command": "x"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_a_site_is_refused_and_says_why(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Site.model_validate({**GOOD, **changes})


def test_names_are_made_of_the_environment_the_member_and_the_slot() -> None:
    site = Site.model_validate(GOOD)
    assert site.name(VALUES) == "shop-api-blue"
    assert site.folder(VALUES) == r"D:\releases\portal\1.4.2"
    assert site.config_file(VALUES) == r"C:\ProgramData\reconciler\sites\shop-api-blue.json"
    for version in (r"..\..\Windows", "1/2", "", "a b", "-x"):
        with pytest.raises(Refused, match="version"):
            site.folder({**VALUES, "version": version})


def test_a_label_is_no_version_of_a_folder() -> None:
    """The configuration's digest is in the label, and not in the folder's name."""
    assert Site.model_validate(GOOD).folder({**VALUES, "version": Pin("1.0", (), "ab").version}).endswith(r"\1.0")


# ---- beside the operator's file --------------------------------------------------------------------------------------

TABLES = r"""
[machines.web1]
address = "http://web1.corp.example:5985"
user = 'CORP\reconcile'
password_env = "WEB1_PASSWORD"

[sites.portal]
machine = "web1"
releases = 'D:\releases\portal\{version}'
ports = {blue = 9001, green = 9002}
"""
ALLOWED = '[security]\nallow_hosts = ["*.corp.example"]\n'
MANIFEST = """apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {name: production}
spec:
  activeSlot: blue
  slots: {blue: {version: "1.0"}}
  gateway: {kind: envoy, listen: "127.0.0.1:8080", sessions: shared}
  members:
    - {name: portal, traffic: weighted, host: {kind: iis, site: portal}}
"""


def judged(tables: str, manifest: str = MANIFEST) -> Manifest | Invalid:
    found = read(manifest.encode(), "environments/production.yaml")
    return judge_one(found, configuration(tables))


def configuration(tables: str) -> Configuration:
    return parse(tables, Path("/etc/reconciler.toml"))


def test_a_manifest_names_a_site_and_nothing_else(tmp_path: Path) -> None:
    assert "iis" in kinds("hosts")
    found = judged(TABLES + ALLOWED)
    assert isinstance(found, Manifest), found
    member = found.members[0]
    context = HostContext("production", "portal", tmp_path, named=configuration(TABLES + ALLOWED).named)
    host = iis.open(context, iis.Settings.model_validate(member.settings.model_dump()))
    assert host.address(Slot.BLUE) == "web1.corp.example:9001"
    host.close()


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ("", "unknown site 'portal'"),
        (TABLES, "the host 'web1.corp.example' may not be asked"),
        (TABLES.replace('machine = "web1"', 'machine = "web2"') + ALLOWED, "unknown machine 'web2'"),
        (TABLES + 'address = "10.0.0.7"\n' + ALLOWED, "the host '10.0.0.7' may not be asked"),
    ],
)
def test_what_the_operator_has_not_defined_or_allowed_is_told_at_its_place(tables: str, says: str) -> None:
    found = judged(tables)
    assert isinstance(found, Invalid)
    (problem,) = found.problems
    assert says in str(problem)
    assert problem.line == 9


# ---- scripts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "head"),
    [(("look", "start", "stop"), "look.ps1, start.ps1 and stop"), (("start", "stop"), "start.ps1 and stop")],
)
def test_what_scripts_have_in_common_is_the_same_in_each(names: tuple[str, ...], head: str) -> None:
    """Each can be used by hand, so each is whole."""
    part = re.compile(rf"# ---- the same in {head}\.ps1 .*?# ---- until here", re.DOTALL)
    parts = [part.search((SCRIPTS / f"{name}.ps1").read_text()) for name in names]
    assert len({part[0] for part in parts if part}) == 1
    assert all(parts)


def test_a_start_says_no_only_to_what_stays_so() -> None:
    """All else that it finds is another world than it was asked for, and no evidence about a version."""
    noes = re.findall(r"throw (\(?'[^']*'?)", (SCRIPTS / "start.ps1").read_text())
    assert [no.strip("('") for no in noes][1:] == ["Port ", "Port ", "The release is not there: expected "]
    assert "IIS is not installed there" in noes[0]
