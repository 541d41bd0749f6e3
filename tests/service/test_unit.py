"""The unit: what it says, that systemd itself understands it, and what is refused before anything is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from service_file import ME, Called, operator, own

from reconciler.errors import ReconcilerError
from reconciler.journal.sqlite import SqliteJournal
from reconciler.service import systemd
from reconciler.service.plan import Removed, Run, Written, perform
from reconciler.service.systemd import Systemd

VERIFIES = shutil.which("systemd-analyze")
ODD = 'a b%h "q" $x \\y'
SECRET = '[alerts.ops]\nurl_env = "OPS_URL"\n[logs.far]\nkind = "loki"\nurl = "http://127.0.0.1:1"\n'
SECRET += 'headers_env = {Authorization = "LOKI_KEY"}\n'


def lines(text: str) -> dict[str, str]:
    """Its settings, without what is said about them."""
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]\w+=", line))


def test_only_the_loop_is_ended_and_what_it_started_runs_on(tmp_path: Path) -> None:
    said = lines(Systemd("reconciler", call=Called()).text(operator(tmp_path), "anna"))
    assert (said["KillMode"], said["OOMPolicy"], said["User"]) == ("process", "continue", "anna")
    assert (said["Type"], said["Restart"], said["StartLimitIntervalSec"]) == ("notify", "on-failure", "0")
    assert said["WantedBy"] == "multi-user.target"
    assert said["ExecStart"].endswith(f"-P -m reconciler --config {tmp_path}/reconciler.toml run")


def test_nothing_of_the_template_is_left_open(tmp_path: Path) -> None:
    for own_ in (False, True):
        text = Systemd("reconciler", own_, call=Called()).text(operator(tmp_path, SECRET), "anna")
        assert re.findall(r"@\w+@", text) == []
        assert "\n\n\n" not in text


def test_a_systemd_that_can_lengthens_its_pauses(tmp_path: Path) -> None:
    found = operator(tmp_path)
    told = [lines(Systemd("x", call=Called(version)).text(found, "anna")) for version in (252, 254)]
    assert ["RestartMaxDelaySec" in one for one in told] == [False, True]


def test_an_end_may_take_as_long_as_the_longest_command_between_its_checks(tmp_path: Path) -> None:
    long = operator(tmp_path, '[commands.slow]\nargv = ["true"]\ntimeout = "10m"\n')
    assert lines(Systemd("x", call=Called()).text(long, "anna"))["TimeoutStopSec"] == "1830"


def test_secrets_in_variables_come_from_a_file_and_only_where_there_are_some(tmp_path: Path) -> None:
    unit = Systemd("x", call=Called())
    assert "EnvironmentFile" not in unit.text(operator(tmp_path), "anna")
    assert lines(unit.text(operator(tmp_path, SECRET), "anna"))["EnvironmentFile"] == "-/etc/reconciler/x.env"
    mine = lines(Systemd("x", own=True, call=Called()).text(operator(tmp_path, SECRET), "anna"))
    assert mine["EnvironmentFile"] == f"-{tmp_path}/reconciler.env"


@pytest.mark.skipif(VERIFIES is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("folder", ["plain", ODD])
@pytest.mark.parametrize("of_machine", [True, False])
def test_systemd_itself_finds_nothing_wrong_with_it(tmp_path: Path, folder: str, of_machine: bool) -> None:
    unit = tmp_path / "reconciler.service"
    unit.write_text(
        Systemd("reconciler", not of_machine, call=Called()).text(operator(tmp_path / folder, SECRET), "root")
    )
    kind = [] if of_machine else ["--user"]
    done = subprocess.run(
        ["systemd-analyze", *kind, "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert [line for line in done.stderr.splitlines() if "reconciler.service" in line] == []
    assert done.returncode == 0, done.stderr


def test_what_is_shown_is_what_is_done_and_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called()
    unit = own(tmp_path, monkeypatch, called)
    plan = unit.install(operator(tmp_path / "site"), None)
    assert plan.problems == ()
    (written, *runs) = plan.steps
    assert isinstance(written, Written)
    assert written.path == tmp_path / ".config/systemd/user/reconciler.service"
    assert not written.path.exists()
    called.all.clear()
    perform(plan, lambda _step: None, called)
    assert written.path.read_text() == written.text
    assert called.all == [step.argv for step in runs if isinstance(step, Run)]
    assert [words[-2:] for words in called.all[2:]] == [
        ("enable", "reconciler.service"),
        ("restart", "reconciler.service"),
    ]


def test_what_fails_is_told_and_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called()
    plan = own(tmp_path, monkeypatch, called).install(operator(tmp_path / "site"), None)
    called.code = 1
    called.all.clear()
    with pytest.raises(ReconcilerError, match=r"`loginctl enable-linger .*` ended with 1: it said no"):
        perform(plan, lambda _step: None, called)
    assert len(called.all) == 1


def test_a_second_install_replaces_ours_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, found = own(tmp_path, monkeypatch), operator(tmp_path / "site")
    perform(unit.install(found, None), lambda _step: None, Called())
    assert unit.install(found, None).problems == ()
    unit.file.write_text("[Service]\nExecStart=/bin/true\n")
    assert "not ours" in unit.install(found, None).problems[0]
    assert "not ours" in unit.uninstall().problems[0]


def test_it_is_told_when_install_would_write_another_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, found = own(tmp_path, monkeypatch), operator(tmp_path / "site")
    perform(unit.install(found, None), lambda _step: None, Called())
    assert not unit.outdated(found)
    assert unit.outdated(operator(tmp_path / "site", '[commands.slow]\nargv = ["true"]\ntimeout = "10m"\n'))


def test_uninstalling_ends_the_loop_before_the_unit_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = own(tmp_path, monkeypatch)
    assert "nothing is installed" in unit.uninstall().problems[0]
    perform(unit.install(operator(tmp_path / "site"), None), lambda _step: None, Called())
    kinds = [type(step) for step in unit.uninstall().steps]
    assert kinds == [Run, Removed, Run]
    perform(unit.uninstall(), lambda _step: None, Called())
    assert not unit.file.exists()


def test_a_loop_that_works_in_a_terminal_is_in_the_way_and_one_of_the_unit_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = operator(tmp_path / "site")
    journal = SqliteJournal(tmp_path / "site" / "state" / "journal.db")
    journal.lock()
    try:
        assert (
            "end it first"
            in own(tmp_path, monkeypatch, Called(ActiveState="inactive")).install(found, None).problems[0]
        )
        assert own(tmp_path, monkeypatch, Called(ActiveState="active")).install(found, None).problems == ()
    finally:
        journal.close()


def test_where_systemd_is_not_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, mine = operator(tmp_path / "site"), own(tmp_path, monkeypatch)
    monkeypatch.setattr(systemd, "BOOTED", tmp_path / "nowhere")
    assert "not started by systemd" in Systemd("x", call=Called()).install(found, ME).problems[0]
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 1234)
    assert "with sudo" in Systemd("x", call=Called()).uninstall().problems[0]
    alone = Systemd("x", own=True, environ={"HOME": str(tmp_path)}, call=Called())
    assert "log in by ssh" in alone.install(found, None).problems[0]
    monkeypatch.setattr(systemd.shutil, "which", lambda _name: None)
    assert "no systemd" in mine.install(found, None).problems[0]
