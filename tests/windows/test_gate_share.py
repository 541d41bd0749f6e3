"""The gate `share`: with another machine's eyes, through real WS-Man, and with this machine's own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import windows_faults as faults
from pydantic import ValidationError
from windows_calls import machine
from windows_shares import FileServer
from wsman_server import Rig, listening

from reconciler.core.model import Outcome
from reconciler.core.reading import BY_HAND, GateReading
from reconciler.drivers.examining import Grade
from reconciler.drivers.gates import share
from reconciler.drivers.gates.share import Settings, ShareGate
from reconciler.drivers.protocols import GateContext
from reconciler.drivers.shares import looking
from reconciler.drivers.shares.share import Share
from reconciler.errors import InvalidConfiguration

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from gate_exam import FOR_EVER, WINDOW, GateExam

GOOD, RUNNING, ERR = Outcome.SUCCESSFUL, Outcome.RUNNING, Outcome.ERROR
UNC = r"\\files\drive"
Opened = Callable[..., ShareGate]


@pytest.fixture
def rig() -> Iterator[Rig]:
    """CredSSP passes the logon on, so that a share may be reached."""
    with listening("credssp", "ntlm") as found:
        yield found


@pytest.fixture
def server(rig: Rig) -> FileServer:
    return FileServer(rig.windows)


@pytest.fixture
def opened(rig: Rig, tmp_path: Path, password: Path) -> Iterator[Opened]:
    gates = []

    def make(transport: str = "credssp", allowed: bool = True, timeout: str = "10s", **said: Any) -> ShareGate:
        table = {"unc": UNC, "machine": "web1", "queue": "outbox", **said}

        def named(section: str, name: str) -> Any:
            if section == "machines" and not allowed:
                raise InvalidConfiguration("the host '127.0.0.1' may not be asked: add it to allow_hosts")
            found = {"shares": {"drive": Share.model_validate({**table, "base": tmp_path})}}
            return machine(rig, tmp_path, transport) if section == "machines" else found[section][name]

        known: Any = {"named": named, "journal": "j1", "deadline": 60.0}
        context = GateContext("production", "drive", dict, lambda _: None, lambda _: False, **known)
        gates.append(share.open(context, Settings.model_validate({"share": "drive", "timeout": timeout})))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


def said(found: GateReading) -> tuple[Outcome, str]:
    return found.outcome, found.reason


# ---- with another machine's eyes -------------------------------------------------------------------------------------


class TestShareThere(GateExam):
    CASES: ClassVar = {
        "good": {GOOD},
        "something waits": {RUNNING},
        "away": {ERR},
        "denied": {ERR},
        "read-only": {ERR},
        "full": {ERR},
        "garbles": {ERR},
        "keeps": {ERR},
        "no queue": {ERR},
        "no marker": {ERR},
        "double hop": {ERR},
        "not allowed": {ERR},
        "nobody there": {ERR},
        "cut off": {ERR},
        "hangs": {ERR},
        "slow": {ERR},
        "reboots": {GOOD},
        "nonsense": {ERR},
    }

    @pytest.fixture
    def gate(self, case: str, server: FileServer, opened: Opened, rig: Rig) -> ShareGate:
        server.files |= {r"outbox\a.txt"} if case == "something waits" else set()
        server.folders -= {"outbox"} if case == "no queue" else set()
        for fault in ("away", "denied", "full", "garbles", "keeps"):
            setattr(server, fault, case == fault)
        server.read_only = case == "read-only"
        blows: dict[str, Any] = {
            "nobody there": ("Create", *[faults.Reboot(away=True)] * 9),
            "cut off": ("Receive", *[faults.Cut()] * 99),
            "hangs": ("Receive", *[faults.Hang()] * 9),
            "slow": ("Receive", *[faults.Drip()] * 9),
            "reboots": ("Receive", faults.Reboot()),
        }
        if case in blows:
            rig.faults.strike(blows[case][0], *blows[case][1:])
        if case == "nonsense":
            rig.windows.plays(looking.SHARE, lambda *_: {"left": True, "written": True})
        more: dict[str, Any] = {"marker": ".mounted"} if case == "no marker" else {}
        transport = "ntlm" if case == "double hop" else "credssp"
        timeout = "1s" if case in ("hangs", "slow", "nobody there") else "10s"
        return opened(transport, allowed=case != "not allowed", timeout=timeout, **more)


def test_good_says_what_was_tried_and_by_whom(server: FileServer, opened: Opened) -> None:
    found = opened().run(WINDOW)
    tried = "a file was written, read back and removed; nothing is left in outbox"
    assert said(found) == (GOOD, rf"\\files\drive can be entered from web1; {tried}")
    assert (found.value, found.limit) == ("0", "<= 0")
    found = opened(writable=False, queue=None).run(WINDOW)
    assert said(found) == (GOOD, r"\\files\drive can be entered from web1")
    assert (found.value, found.limit) == ("", "")


def test_it_writes_one_file_always_of_the_same_name_and_only_where_it_may(server: FileServer, opened: Opened) -> None:
    gate = opened()
    gate.run(WINDOW)
    gate.run(WINDOW)
    opened(writable=False).run(WINDOW)
    assert len(server.probes) == 2
    assert len(set(server.probes)) == 1
    assert server.probes[0].startswith(".reconciler-")


def test_asked_by_hand_it_does_not_touch_the_file_of_the_loop(server: FileServer, opened: Opened) -> None:
    for window in (WINDOW, replace(WINDOW, transition=BY_HAND), replace(WINDOW, transition=BY_HAND, rung=0), WINDOW):
        assert opened().run(window).outcome is GOOD
    loop, by_hand, again, later = server.probes
    assert (loop, by_hand) == (later, again)
    assert loop != by_hand


def test_what_waits_is_counted_up_to_a_limit(server: FileServer, opened: Opened, monkeypatch: Any) -> None:
    monkeypatch.setattr(looking, "MOST", 3)
    monkeypatch.setattr(share, "MOST", 3)
    server.files |= {rf"outbox\deep\{number}" for number in range(2)}
    assert said(opened().run(WINDOW)) == (RUNNING, "not drained yet: 2 left in outbox")
    server.files |= {rf"outbox\{number}" for number in range(5)}
    assert said(opened().run(WINDOW)) == (RUNNING, "not drained yet: 3 or more left in outbox")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_logon_that_is_not_passed_on_is_explained_in_every_language(
    server: FileServer, opened: Opened, language: str
) -> None:
    server.language = language
    outcome, reason = said(opened("ntlm").run(WINDOW))
    assert outcome is ERR
    assert r"share.ps1: \\files\drive: " in reason
    assert "transport 'ntlm' does not pass the user's logon on to a third machine (double hop)" in reason
    assert "use credssp, or kerberos with `delegate`, or have the share looked at from this machine" in reason


def test_a_share_that_refuses_a_logon_that_was_passed_on_is_no_double_hop(server: FileServer, opened: Opened) -> None:
    server.denied = True
    reason = opened().run(WINDOW).reason
    assert "double hop" not in reason
    assert "the user needs more rights there" in reason


# ---- with this machine's own -----------------------------------------------------------------------------------------


class TestShareHere(GateExam):
    CASES: ClassVar = {
        "good": {GOOD},
        "something waits": {RUNNING},
        "not there": {ERR},
        "a file": {ERR},
        "read-only": {ERR},
        "no queue": {ERR},
        "not mounted": {ERR},
        "hangs": {ERR},
    }

    @pytest.fixture
    def gate(self, case: str, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShareGate]:
        released = threading.Event()
        root = tmp_path / "drive"
        if case == "a file":
            root.touch()
        elif case != "not there":
            (root / "sync" / ("elsewhere" if case == "no queue" else "outbox")).mkdir(parents=True)
        if case == "something waits":
            (root / "sync" / "outbox" / "deep").mkdir()
            (root / "sync" / "outbox" / "deep" / "a.txt").touch()
        if case not in ("not mounted", "not there", "a file"):
            (root / ".mounted").touch()
        if case == "read-only":  # whoever runs the tests may be root, to whom modes mean nothing
            monkeypatch.setattr(looking, "_NEW", os.O_RDONLY)
        if case == "hangs":
            monkeypatch.setattr(looking, "_written", lambda _: released.wait(FOR_EVER))
        said = {"unc": "drive", "machine": None, "queue": r"sync\outbox", "marker": ".mounted"}
        yield opened(timeout="300ms" if case == "hangs" else "10s", **said)
        released.set()


def test_nothing_of_ours_stays_there_also_after_a_failure(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drive").mkdir()
    gate = opened(unc="drive", machine=None, queue=None)
    assert gate.run(WINDOW).outcome is GOOD
    assert list((tmp_path / "drive").iterdir()) == []
    (tmp_path / "drive" / gate._probe(WINDOW)).write_text("of a look that was cut off")
    assert gate.run(WINDOW).outcome is GOOD
    assert list((tmp_path / "drive").iterdir()) == []

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    found = gate.run(WINDOW)
    where = tmp_path / "drive" / gate._probe(WINDOW)
    assert said(found) == (ERR, f"{where} cannot be written: No space left on device")
    assert list((tmp_path / "drive").iterdir()) == []


def test_a_link_in_place_of_our_file_is_replaced_and_not_followed(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "precious").write_text("kept")
    gate = opened(unc="drive", machine=None, queue=None)
    (tmp_path / "drive" / gate._probe(WINDOW)).symlink_to(tmp_path / "precious")
    assert gate.run(WINDOW).outcome is GOOD
    assert (tmp_path / "precious").read_text() == "kept"


# ---- the operator's table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"unc": "/mnt/drive", "machine": "web1"}, r"'web1' sees it"),
        ({"unc": r"\\files", "machine": "web1"}, r"'web1' sees it"),
        ({"unc": r"\\files\drive" + "\n", "machine": "web1"}, r"'web1' sees it"),
        ({"unc": ""}, "at least 1"),
        ({"unc": "d", "queue": "../secrets"}, "a folder below the share"),
        ({"unc": "d", "queue": r"..\secrets"}, "a folder below the share"),
        ({"unc": "d", "queue": "/etc"}, "a folder below the share"),
        ({"unc": "d", "queue": r"C:\Windows"}, "a folder below the share"),
        ({"unc": "d", "queue": "."}, "a folder below the share"),
        ({"unc": "d", "queue": "out*"}, "a folder below the share"),
        ({"unc": "d", "marker": "a/b"}, "pattern"),
        ({"unc": "d", "machine": "no name"}, "pattern"),
        ({"unc": "d", "more": 1}, "Extra"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Share.model_validate(said)


@pytest.mark.parametrize("unc", [UNC, r"\\files.corp.example\shop$\in box", "D:\\", r"D:\drive"])
def test_a_table_may_name_a_share_or_a_folder_of_its_machine(unc: str) -> None:
    assert Share.model_validate({"unc": unc, "machine": "web1", "queue": r"sync\outbox"}).queue_parts == (
        "sync",
        "outbox",
    )


# ---- the doctor ------------------------------------------------------------------------------------------------------


def told(gate: ShareGate) -> list[tuple[Grade, str]]:
    return [(one.grade, one.what) for one in gate.examine() if one.what not in ("powershell", "clock")]


def test_the_doctor_is_told_whether_it_can_be_entered_and_writes_nothing(server: FileServer, opened: Opened) -> None:
    assert told(opened()) == [(Grade.OK, "machine"), (Grade.OK, "share")]
    found = opened(transport="ntlm").examine()[-1]
    assert (found.grade, found.what) == (Grade.FAILED, "share")
    assert "double hop" in found.found + found.cure
    assert server.probes == []
    assert told(opened(allowed=False)) == [(Grade.FAILED, "machine")]


def test_the_doctor_looks_with_our_own_eyes_where_no_machine_is_named(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "drive" / "outbox").mkdir(parents=True)
    assert told(opened(machine=None, unc="drive")) == [(Grade.OK, "share")]
    assert told(opened(machine=None, unc="nowhere")) == [(Grade.FAILED, "share")]
    assert list((tmp_path / "drive").rglob("*")) == [tmp_path / "drive" / "outbox"]
