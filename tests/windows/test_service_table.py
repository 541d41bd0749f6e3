"""`[services.NAME]` of the operator's file, and the command line that is made of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from windows_arguments import words

from reconciler.configuration import parse
from reconciler.core.model import Pin, Slot
from reconciler.drivers.windows_service.line import line, wrong
from reconciler.drivers.windows_service.place import Place
from reconciler.drivers.windows_service.service import Service
from reconciler.errors import InvalidConfiguration, Refused

PROGRAM = r"D:\releases\worker\{version}\worker.exe"
GOOD: dict[str, Any] = {"machine": "web1", "command": [PROGRAM, "--slot", "{slot}"]}
PORTS = {"blue": 8081, "green": 8082}
STANDS_BY = {"command": [PROGRAM, "{slot}", "{ownership}"], "standby": True, "ready": "/healthz", "ports": PORTS}

word = st.text("abc/-=:\u00e4\u20ac\U0001f600 '&^|", max_size=12)
tricky = st.text('a \\"', max_size=8)


# ---- the line --------------------------------------------------------------------------------------------------------


@given(st.lists(word | tricky, max_size=5))
@example(["", '"', "\\", '\\"', 'a\\\\"b c\\', "D:\\My Data\\", "--x=D:\\a b\\"])
def test_every_word_comes_back_as_it_was(arguments: list[str]) -> None:
    program = r"D:\My Apps\worker.exe"
    assert [one for one in arguments if wrong(one)] == []
    assert words(line([program, *arguments])) == [program, *arguments]


@given(st.lists(word | tricky, max_size=4))
def test_the_eyes_of_this_test_read_what_others_have_quoted(arguments: list[str]) -> None:
    """Python's own, which was not written by us."""
    assert words("x.exe " + subprocess.list2cmdline(arguments)) == ["x.exe", *arguments]


def test_the_manuals_examples_are_read_as_the_manual_says() -> None:
    assert words(r'x "a b c" d e') == ["x", "a b c", "d", "e"]
    assert words(r'x "ab\"c" "\\" d') == ["x", 'ab"c', "\\", "d"]
    assert words(r'x a\\\b d"e f"g h') == ["x", r"a\\\b", "de fg", "h"]
    assert words(r"x a\\\"b c d") == ["x", r"a\"b", "c", "d"]
    assert words(r'x a\\\\"b c" d e') == ["x", r"a\\b c", "d", "e"]


def test_what_the_program_is_stands_between_quotes_and_what_needs_none_has_none() -> None:
    assert line([r"C:\My Apps\a.exe", "--slot", "blue", "D:\\x y\\"]) == r'"C:\My Apps\a.exe" --slot blue "D:\x y\\"'


# ---- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"command": []}, "command"),
        ({"command": [PROGRAM, "{python}", "{slot}"]}, "unknown placeholder {python}"),
        ({"command": [PROGRAM, "{slot.x}"]}, "unknown placeholder"),
        ({"command": [PROGRAM]}, "the same in both slots"),
        ({"command": ["worker.exe", "{slot}"]}, "expected a path such as"),
        ({"command": [r"\\files\share\worker.exe", "{slot}"]}, "expected a path such as"),
        ({"command": [r"D:\a\..\b.exe", "{slot}"]}, "expected a path such as"),
        ({"command": ['D:\\a".exe', "{slot}"]}, "expected a path such as"),
        ({"command": [PROGRAM, "{slot}", "%TEMP%"]}, "leave out '%'"),
        ({"command": [PROGRAM, "{slot}", "a\nb"]}, "control character"),
        ({"command": [r"{release}\w.exe", "{slot}"]}, "`releases` does not say"),
        ({"command": [PROGRAM, "{port}"]}, "`ports` gives no port"),
        ({"ready": "/healthz"}, "`ports` gives no port"),
        ({"command": [PROGRAM, "{slot}", "{ownership}"]}, "standby = true"),
        ({"standby": True}, "`standby` needs {ownership}"),
        ({"releases": r"D:\releases"}, "same folder for every version"),
        ({"releases": r"releases\{version}"}, "expected a path such as"),
        ({"releases": "D:/releases/{version}"}, "expected a path such as"),
        ({"service": "worker"}, "same service for both slots"),
        ({"service": "wor ker-{slot}"}, "expected letters"),
        ({"service": "{version}-{slot}"}, "unknown placeholder"),
        ({"account": r"CORP\anna"}, "account"),
        ({"account": "LocalSystem"}, "account"),
        ({"ports": {"blue": 1, "green": 1}}, "both run"),
        ({"folder": r"C:\x\{slot}"}, "unknown placeholder"),
        ({"folder": r"C:\100%"}, "leave out '%'"),
        ({"stop_timeout": "soon"}, "duration"),
        ({"password": "x"}, "password"),
    ],
)
def test_a_service_that_makes_no_sense_is_an_error_that_says_why(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Service.model_validate({**GOOD, **said})
    assert expected in str(caught.value)


@pytest.mark.parametrize("account", ["LocalService", "NetworkService", r"CORP\worker$"])
def test_its_account_is_one_whose_password_nobody_is_told(account: str) -> None:
    service = Service.model_validate({**GOOD, "account": account})
    assert service.user in (account, rf"NT AUTHORITY\{account}")


def placed(**changes: Any) -> Place:
    return Place(Service.model_validate({**GOOD, **changes}), "web1.corp.example", "production", "worker")


def test_placeholders_stand_for_what_lies_on_that_machine() -> None:
    words = [r"{release}\w.exe", "{port}", "{config}", "{ownership}", "{environment} {member}", "{{slot}}"]
    place = placed(**{**STANDS_BY, "command": words}, releases=r"D:\r\{member}\{version}")
    folder = r"C:\ProgramData\reconciler\services"
    config, owner = rf"{folder}\production-worker-blue.config.json", rf"{folder}\production-worker.ownership.json"
    expected = rf'"D:\r\worker\1.4.2\w.exe" 8081 {config} {owner} "production worker" {{slot}}'
    assert place.line(place.values(Slot.BLUE, Pin("1.4.2"))) == expected
    assert place.name(Slot.GREEN) == "production-worker-green"
    assert place.address(Slot.GREEN) == "web1.corp.example:8082"
    assert placed(ports=PORTS, address="fe80::1").address(Slot.BLUE) == "[fe80::1]:8081"


@pytest.mark.parametrize("version", ["..", r"..\1.0", "1.0/..", "-rf", "", "1.0\n", "a" * 200, "1.0."])
def test_a_version_can_be_neither_a_path_nor_an_option(version: str) -> None:
    with pytest.raises(Refused):
        placed().values(Slot.BLUE, Pin(version))


def test_a_line_that_is_too_long_is_refused() -> None:
    place = placed(command=[PROGRAM, "{slot}", "x" * 9000])
    with pytest.raises(Refused, match="at most 8000"):
        place.line(place.values(Slot.BLUE, Pin("1.0")))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (r"D:\releases\worker\1.4.2\worker.exe", "1.4.2"),
        (r"d:\Releases\worker\1.4.2\bin\node.exe", "1.4.2"),
        (r'"C:\nodejs\node.exe" D:\releases\worker\1.4.2', "1.4.2"),
        (r'"C:\nodejs\node.exe" "D:\releases\worker\1.4.2" --x', "1.4.2"),
        (r"D:\releases\api\1.4.2\worker.exe", None),
        (r"D:\releases\worker", None),
        ("", None),
    ],
)
def test_which_version_runs_is_seen_by_where_it_lies(text: str, version: str | None) -> None:
    service = Service.model_validate({**GOOD, "releases": r"D:\releases\{member}\{version}"})
    assert service.version({"slot": "blue", "member": "worker", "environment": "x"}, text) == version


# ---- beside the rest of the operator's file --------------------------------------------------------------------------

FILE = """
[machines.web1]
address = "https://web1.corp.example:5986"
user = 'CORP\\reconcile'
password_env = "P"

[services.worker]
machine = "web1"
command = ['D:\\w\\{version}\\w.exe', "{slot}"]
ADDRESS

[security]
allow_hosts = ["web1.corp.example"]
"""


def test_its_machine_and_its_address_must_be_allowed(tmp_path: Path) -> None:
    found = parse(FILE.replace("ADDRESS", ""), tmp_path / "reconciler.toml")
    assert found.problem("services", "worker") == ""
    found = parse(FILE.replace("ADDRESS", 'address = "elsewhere"'), tmp_path / "reconciler.toml")
    assert "the host 'elsewhere' may not be asked" in found.problem("services", "worker")
    found = parse(FILE.replace("ADDRESS", "").replace('machine = "web1"', 'machine = "web2"'), tmp_path / "r.toml")
    assert "web2" in found.problem("services", "worker")
    with pytest.raises(InvalidConfiguration):
        parse(FILE.replace("ADDRESS", 'base = "x"'), tmp_path / "reconciler.toml")


@pytest.mark.parametrize(
    ("said", "member", "expected"),
    [
        ({}, {"weighted": False, "standby": False}, ""),
        ({}, {"weighted": True, "standby": False}, "add `ports`"),
        ({"ports": PORTS}, {"weighted": True, "standby": False}, ""),
        ({}, {"weighted": False, "standby": True}, "cannot stand by"),
        (STANDS_BY, {"weighted": False, "standby": True}, ""),
        (STANDS_BY, {"weighted": False, "standby": False}, "write `standby: true`"),
    ],
)
def test_manifest_and_operators_file_must_agree(said: dict[str, Any], member: dict[str, bool], expected: str) -> None:
    text = Service.model_validate({**GOOD, **said}).misfit("worker", **member)
    assert expected in text
    assert bool(text) is bool(expected)
