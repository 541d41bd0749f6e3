"""What `[machines.*]` names: the doctor says whether it can be read, asks no machine and shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.configuration import parse
from reconciler.doctor import operator
from reconciler.drivers.examining import Grade

BY_FILE = 'address = "https://web1.corp.example"\nuser = "u"\npassword_file = "password"\nca = "ca.pem"\n'
BY_VARIABLE = 'address = "https://web1.corp.example"\nuser = "u"\npassword_env = "WEB1_PASSWORD"\n'
BY_KEY = 'address = "https://web1.corp.example"\ntransport = "certificate"\ncertificate = "c.pem"\nkey = "k.pem"\n'


def told(folder: Path, table: str) -> tuple[Grade, str]:
    (found,) = operator.machines(parse(f"[machines.web1]\n{table}", folder / "reconciler.toml"))
    assert found.what == "machines.web1"
    assert "very-secret" not in found.found + found.cure
    assert bool(found.cure) is (found.grade is Grade.FAILED)
    return found.grade, found.found


@pytest.mark.parametrize(
    ("table", "files"),
    [(BY_FILE, {"password_file": "password", "ca": "ca.pem"}), (BY_KEY, {"certificate": "c.pem", "key": "k.pem"})],
)
def test_every_file_that_cannot_be_read_is_told_by_its_key(tmp_path: Path, table: str, files: dict[str, str]) -> None:
    gone = ", ".join(f"{key}: {tmp_path / name}" for key, name in files.items())
    assert told(tmp_path, table) == (Grade.FAILED, f"cannot be read: {gone}")
    for name in files.values():
        (tmp_path / name).write_text("very-secret\n")
    assert told(tmp_path, table)[0] is Grade.OK


def test_a_variable_that_is_not_set_and_a_file_with_no_password_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEB1_PASSWORD", raising=False)
    grade, found = told(tmp_path, BY_VARIABLE)
    assert (grade, "WEB1_PASSWORD" in found) == (Grade.FAILED, True)
    monkeypatch.setenv("WEB1_PASSWORD", "very-secret")
    assert told(tmp_path, BY_VARIABLE)[0] is Grade.OK
    (tmp_path / "password").write_text("very-secret\nand more\n")
    (tmp_path / "ca.pem").write_text("x")
    assert told(tmp_path, BY_FILE)[0] is Grade.FAILED
