"""What works in a terminal and would not as a service is told before anything is installed."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from service_file import ME, operator

from reconciler.drivers.local.durable import nearest
from reconciler.errors import UsageError
from reconciler.service import accounts, requirements
from reconciler.service.requirements import unfit, variables

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask as somebody else")


def test_a_folder_as_init_leaves_it_is_fit(tmp_path: Path) -> None:
    assert list(unfit(operator(tmp_path), ME)) == []


@AS_ROOT
def test_an_account_that_cannot_read_the_file_or_write_the_state_is_told_with_the_place(tmp_path: Path) -> None:
    found = operator(tmp_path / "site")
    (tmp_path / "site").chmod(0o700)
    nobody = accounts.named("nobody")
    told = "\n".join(unfit(found, nobody))
    assert f"the operator's file: nobody may not read {tmp_path}/site/reconciler.toml" in told
    assert "[state] dir: nobody may not write" in told
    assert "--as" in told


@AS_ROOT
def test_an_account_is_asked_with_its_own_rights() -> None:
    nobody = accounts.named("nobody")
    with tempfile.TemporaryDirectory() as folder:  # those of pytest are closed to everybody else
        Path(folder).chmod(0o755)
        file = Path(folder) / "file"
        file.write_text("x")
        file.chmod(0o600)
        assert not nobody.may("-r", file)
        file.chmod(0o644)
        assert (nobody.may("-r", file), nobody.may("-w", file)) == (True, False)


def test_a_program_that_only_a_shell_would_find_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    text = '[commands.one]\nargv = ["mytool"]\n[apps.two]\ncommand = ["{python}", "x"]\n'
    text += '[commands.three]\nargv = ["sh"]\n'
    told = list(unfit(operator(tmp_path / "site", text), ME))
    assert [one.partition(":")[0] for one in told] == ["commands.one"]
    by_path = text.replace('"mytool"', f'"{tool}"')
    assert list(unfit(operator(tmp_path / "site", by_path), ME)) == []


def test_an_interpreter_that_does_not_find_us_by_itself_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    assert "install it (pip install)" in next(unfit(operator(tmp_path / "site"), ME))
    monkeypatch.setattr(sys, "executable", "python")
    assert "whole path" in next(unfit(operator(tmp_path / "site"), ME))


def test_the_variables_that_hold_secrets_are_known_by_name(tmp_path: Path) -> None:
    text = '[alerts.ops]\nurl_env = "OPS_URL"\n[alerts.dev]\nurl = "json://127.0.0.1"\n'
    text += '[machines.a]\naddress = "https://a.corp.example"\nuser = "u"\npassword_env = "A_PASSWORD"\n'
    text += '[machines.b]\naddress = "https://b.corp.example"\nuser = "u"\npassword_file = "b.password"\n'
    assert variables(operator(tmp_path, text)) == ["A_PASSWORD", "OPS_URL"]


def test_the_files_of_machines_must_be_readable_for_the_account(tmp_path: Path) -> None:
    text = '[machines.a]\naddress = "https://a.corp.example"\nuser = "u"\npassword_file = "a.password"\nca = "ca.pem"\n'
    text += '[machines.b]\naddress = "https://b.corp.example"\ntransport = "certificate"\n'
    text += 'certificate = "b.pem"\nkey = "b.key"\n'
    found = operator(tmp_path, text)
    told = [one.partition(":")[0] for one in unfit(found, ME)]
    assert told == [f"machines.{key}" for key in ("a.password_file", "a.ca", "b.certificate", "b.key")]
    for name in ("a.password", "ca.pem", "b.pem", "b.key"):
        (tmp_path / name).write_text("x")
    assert list(unfit(found, ME)) == []


def test_what_is_not_there_yet_is_judged_by_what_it_would_be_made_in(tmp_path: Path) -> None:
    assert nearest(tmp_path / "a" / "b" / "c") == tmp_path
    assert nearest(tmp_path) == tmp_path


def test_an_account_that_is_not_there_is_told_with_how_to_make_it() -> None:
    with pytest.raises(UsageError, match="useradd --system no-such-account"):
        accounts.named("no-such-account")


def test_the_path_of_a_service_is_one_that_systemd_gives(tmp_path: Path) -> None:
    assert requirements.PATH.split(":")[-1] == "/bin"
