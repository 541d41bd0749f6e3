"""Everything that can break between us and a machine: what is known afterwards, what is done again, what is left."""

from __future__ import annotations

import gzip
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import windows_faults as faults
import wsman_logon
import wsman_soap as soap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from windows_calls import CHANGE, LOOK, client, unreachable
from windows_faults import Cut, Drip, Hang, LoseShell, No, Reboot, Said
from wsman_server import Rig

from reconciler.clock import SystemClock
from reconciler.drivers import winrm
from reconciler.drivers.winrm import Client
from reconciler.errors import ReconcilerError

BEFORE = ["Create", "Command"]
AFTER = ["Send", "Receive"]
ALL = [*BEFORE, *AFTER]
OVER = "no complete answer within the deadline"
WAIT = 1.0  # seconds that one message may take on a busy machine; what never comes is waited for as long


@pytest.fixture
def rig(plain: Rig) -> Rig:
    for script in (LOOK, CHANGE):
        plain.windows.plays(script, lambda arguments, _session: {"done": len(arguments)})
    return plain


@pytest.fixture
def web1(rig: Rig, tmp_path: Path, password: Path) -> Iterator[Client]:
    made = client(rig, tmp_path)
    yield made
    made.close()


class Standing(SystemClock):
    """Stands still, so that no message takes time from the next one, until `over`: then every deadline has passed."""

    def __init__(self) -> None:
        self.over: Callable[[], object] = lambda: False

    def monotonic(self) -> float:
        return 1000.0 if self.over() else 0.0


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.fixture
def timed(rig: Rig, tmp_path: Path, password: Path, standing: Standing) -> Iterator[Client]:
    """By that clock, and with a connection."""
    made = client(rig, tmp_path, clock=standing)
    made.run(LOOK)
    yield made
    made.close()


def ran(rig: Rig) -> int:
    return len(rig.windows.ran)


# ---- the connection is lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [LOOK, CHANGE], ids=["look", "change"])
@pytest.mark.parametrize("taken", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("action", BEFORE)
def test_a_connection_lost_before_the_input_was_sent_is_made_anew(
    rig: Rig, web1: Client, action: str, taken: bool, script: Any
) -> None:
    rig.faults.strike(action, Cut(taken))
    assert web1.run(script) == {"done": 0}
    assert ran(rig) == 1


def test_a_change_of_which_only_a_part_was_sent_has_not_run_and_is_sent_anew(rig: Rig, web1: Client) -> None:
    rig.faults.strike("Send", Cut(taken=True))
    assert web1.run(CHANGE, {"Text": "long " * 40_000}) == {"done": 1}
    assert ran(rig) == 1


@pytest.mark.parametrize("action", AFTER)
def test_a_look_that_was_lost_is_repeated(rig: Rig, web1: Client, action: str) -> None:
    rig.faults.strike(action, Cut(taken=True))
    assert web1.run(LOOK) == {"done": 0}
    assert ran(rig) == 2
    assert rig.shells.open == {}


@pytest.mark.parametrize(("taken", "times"), [(False, 0), (True, 1)], ids=["before", "after"])
def test_a_change_that_was_lost_is_unknown_and_never_repeated(rig: Rig, web1: Client, taken: bool, times: int) -> None:
    finished = threading.Event()
    rig.windows.plays(CHANGE, lambda *_: {"done": finished.set()})
    rig.faults.strike("Send", Cut(taken))
    assert "the connection was lost" in unreachable(web1, CHANGE)
    assert finished.wait(10) if times else not finished.is_set()
    assert len(rig.shells.made) == 1
    assert rig.shells.open == {}


def test_one_call_has_one_id_however_often_it_is_sent(rig: Rig, web1: Client) -> None:
    lines: list[bytes] = []

    def seen(output: bytes) -> bytes:
        lines.append(output)
        return faults.cut_short(output) if len(lines) < 3 else output

    for _ in range(3):
        rig.faults.garble(seen)
    web1.run(LOOK)
    assert len({line.split(b":")[1] for line in lines}) == 1
    assert ran(rig) == 3


def test_it_is_tried_three_times_and_then_left(rig: Rig, web1: Client) -> None:
    rig.faults.strike("Create", *[Cut()] * 4)
    assert "the connection was lost" in unreachable(web1)
    assert rig.faults.struck == ["Create"] * 3


def test_a_kept_connection_that_the_machine_has_closed_costs_a_change_nothing(rig: Rig, web1: Client) -> None:
    web1.run(CHANGE)
    rig.faults.strike("Create", Reboot())
    assert web1.run(CHANGE) == {"done": 0}
    assert ran(rig) == 2


@pytest.mark.parametrize("action", ALL)
def test_a_machine_that_is_started_anew_in_mid_step_is_asked_again_if_that_is_safe(
    rig: Rig, web1: Client, action: str
) -> None:
    rig.faults.strike(action, Reboot())
    assert web1.run(LOOK) == {"done": 0}
    assert rig.shells.open == {}


def test_a_machine_that_goes_away_in_mid_step_leaves_everything_unknown(
    rig: Rig, web1: Client, caplog: pytest.LogCaptureFixture
) -> None:
    rig.faults.strike("Receive", Reboot(away=True))
    assert "the connection was lost" in unreachable(web1, CHANGE)
    assert "a shell could not be deleted, it ends within a minute: 127.0.0.1: the connection was lost" in caplog.text


@pytest.mark.parametrize("action", AFTER)
def test_a_shell_that_is_ended_there_makes_a_change_unknown(rig: Rig, web1: Client, action: str) -> None:
    rig.faults.strike(action, LoseShell())
    assert "its shell is gone" in unreachable(web1, CHANGE)
    assert len(rig.shells.made) == 1


def test_a_shell_that_is_ended_there_is_replaced_for_a_look(
    rig: Rig, web1: Client, caplog: pytest.LogCaptureFixture
) -> None:
    rig.faults.strike("Receive", LoseShell())
    assert web1.run(LOOK) == {"done": 0}
    assert "could not be deleted" not in caplog.text  # it is gone


def test_nobody_listens(rig: Rig, web1: Client, tmp_path: Path) -> None:
    rig.port = 1
    told = unreachable(client(rig, tmp_path))
    assert told.startswith("nobody listens on port 1; run `winrm quickconfig` there")


def test_a_name_that_nobody_knows(rig: Rig, tmp_path: Path, password: Path) -> None:
    found = client(rig, tmp_path, address="http://web1.invalid:5985")
    with pytest.raises(ReconcilerError, match=r"web1\.invalid: the name is not known.*is the name in `address` right"):
        found.run(LOOK)


# ---- it takes too long -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blow", [Hang(), Drip()], ids=["silent", "byte by byte"])
@pytest.mark.parametrize("action", ALL)
def test_the_deadline_ends_a_call_whatever_the_machine_does(
    rig: Rig, timed: Client, standing: Standing, action: str, blow: faults.Blow
) -> None:
    standing.over = rig.faults.held.is_set
    rig.faults.strike(action, blow)
    assert unreachable(timed, deadline=WAIT) == OVER
    assert rig.faults.struck == [action]
    assert not rig.faults.released.is_set()
    assert rig.shells.open == {} or action == "Create"


def test_a_script_that_does_not_end_is_ended_with_its_shell(rig: Rig, timed: Client, standing: Standing) -> None:
    standing.over = rig.faults.held.is_set
    rig.windows.plays(CHANGE, lambda *_: rig.faults.hang())
    assert unreachable(timed, CHANGE, deadline=WAIT) == OVER
    assert rig.shells.seen[-2:] == ["Signal", "Delete"]
    assert rig.shells.open == {}


def test_a_machine_that_only_ever_says_not_yet_is_given_up_at_the_deadline(
    rig: Rig, timed: Client, standing: Standing
) -> None:
    rig.shells.seen.clear()
    standing.over = lambda: rig.shells.seen.count("Receive") >= 10
    rig.shells.patience = 0.0
    rig.windows.plays(LOOK, lambda *_: rig.faults.hang())
    assert unreachable(timed, deadline=WAIT) == OVER
    assert rig.shells.seen.count("Receive") == 10


def test_an_interruption_from_the_keyboard_leaves_no_shell(rig: Rig, timed: Client) -> None:
    def interrupted(*_: Any) -> None:
        """Once more if nobody hears it: what is raised in a callback of the garbage collector, Python drops."""
        for _ in range(5):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if rig.faults.released.wait(15.0):
                return

    rig.windows.plays(CHANGE, interrupted)
    with pytest.raises(KeyboardInterrupt):
        timed.run(CHANGE)
    assert rig.shells.seen[-2:] == ["Signal", "Delete"]
    assert rig.shells.open == {}


def test_a_shell_that_cannot_be_deleted_is_told_and_the_answer_counts(
    rig: Rig, web1: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winrm, "CLEANING", 0.2)
    rig.faults.strike("Delete", Hang())
    with caplog.at_level(logging.WARNING):
        assert web1.run(CHANGE) == {"done": 0}
    assert f"a shell could not be deleted, it ends within a minute: 127.0.0.1: {OVER}" in caplog.text
    assert [shell.idle for shell in rig.shells.open.values()] == ["PT60.000S"]
    assert web1.run(CHANGE) == {"done": 0}


# ---- it says no ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", BEFORE)
def test_a_no_before_anything_runs_is_unknown_with_what_to_do_and_not_tried_again(
    rig: Rig, web1: Client, action: str
) -> None:
    """It says nothing of the version that is started there."""
    rig.faults.strike(action, faults.DENIED)
    told = "access is denied; the user must be in Remote Management Users or Administrators there"
    assert unreachable(web1, CHANGE) == told
    assert len(rig.faults.struck) == 1
    assert rig.shells.open == {}


@pytest.mark.parametrize("action", AFTER)
def test_a_no_to_a_later_message_tells_nothing_of_the_script(rig: Rig, web1: Client, action: str) -> None:
    rig.faults.strike(action, faults.DENIED)
    assert "access is denied" in unreachable(web1, CHANGE)


@pytest.mark.parametrize("code", [soap.TOO_MANY_OPERATIONS, soap.TOO_MANY_SHELLS])
@pytest.mark.parametrize("action", BEFORE)
def test_a_quota_that_is_used_up_for_a_moment_is_no_no(rig: Rig, web1: Client, action: str, code: int) -> None:
    """Others end theirs; a switch is not taken back for it. Nothing has run, so a change is sent anew, too."""
    rig.faults.strike(action, No(code))
    assert web1.run(CHANGE) == {"done": 0}
    assert ran(rig) == 1
    assert rig.shells.open == {}


def test_a_quota_that_stays_used_up_is_told_with_what_to_do(rig: Rig, web1: Client) -> None:
    rig.shells.most = 0
    told = unreachable(web1, CHANGE)
    assert told.startswith("the quota of shells is used up; it is free again when others end theirs")
    rig.shells.most = 1
    assert web1.run(LOOK) == {"done": 0}


def test_a_fault_that_nobody_has_words_for_is_told_with_its_number(rig: Rig, web1: Client) -> None:
    rig.faults.strike("Create", *[No(1234, "Something\u202e odd.")] * 3)
    assert unreachable(web1) == "WinRM reports 1234: Something\\u202e odd."


def test_a_fault_that_says_the_password_is_told_without_it(rig: Rig, web1: Client) -> None:
    rig.faults.strike("Create", *[No(1234, f"Logon of reconcile with {wsman_logon.PASSWORD} failed.")] * 3)
    assert unreachable(web1) == "WinRM reports 1234: Logon of reconcile with *** failed."


def test_a_powershell_that_ends_before_it_has_read_all_is_heard(
    rig: Rig, web1: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.drivers.windows.shell.WORDS", ("-EncodedCommand", "AAAA"))
    told = unreachable(web1, CHANGE)
    assert told.endswith("without an answer; PowerShell said: This is not the reconciler's frame.")


@pytest.mark.parametrize(("status", "words"), [(403, "Remote Management Users"), (404, "there is no WinRM")])
def test_what_http_says_is_explained(rig: Rig, web1: Client, status: int, words: str) -> None:
    rig.faults.strike("Create", Said(b"<html>", status))
    assert words in unreachable(web1)
    assert len(rig.faults.struck) == 1


# ---- it talks nonsense -----------------------------------------------------------------------------------------------

NONSENSE = {
    "empty": Said(b""),
    "broken XML": Said(b"<s:Envelope><s:Body>"),
    "no XML": Said(b"\x00\xff\xfe binary"),
    "another document": Said(b"<html><body>Sign in</body></html>"),
    "an entity bomb": Said(faults.ENTITIES),
    "hidden entities": Said('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a>'.encode("utf-16")),
    "another code": Said(b'<?xml version="1.0" encoding="cp037"?>'),
    "a fault with entities": Said(faults.ENTITIES, 500),
    "HTTP 503": Said(b"", 503),
    "a fault without a code": Said(b"<s:Fault/>", 500),
    "too long": Said(b"x" * (3 << 20)),
    "compressed": Said(gzip.compress(b"x" * (9 << 20)), headers=(("Content-Encoding", "gzip"),)),
}


@pytest.mark.parametrize("blow", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("action", ALL)
def test_nonsense_is_no_answer_and_tells_nothing_of_a_change(rig: Rig, web1: Client, action: str, blow: Said) -> None:
    rig.faults.strike(action, *[blow] * 3)
    unreachable(web1, CHANGE)


@pytest.mark.parametrize("name", ["an entity bomb", "hidden entities", "another code", "a fault with entities"])
def test_an_answer_that_could_grow_without_end_is_not_read(rig: Rig, web1: Client, name: str) -> None:
    rig.faults.strike("Receive", NONSENSE[name])
    assert unreachable(web1, CHANGE) == "its answer is no plain XML"


NAMED = {
    "too long": "it answers one message with more than 2097152 bytes",
    "compressed": "it compresses its answer, which nobody asked for",
    "another document": "its answer is to nothing that was asked",
}


@pytest.mark.parametrize("name", NAMED)
def test_nonsense_is_told_by_its_name(rig: Rig, web1: Client, name: str) -> None:
    rig.faults.strike("Receive", NONSENSE[name])
    assert unreachable(web1, CHANGE) == NAMED[name]


def test_an_answer_in_the_clear_is_not_believed(rig: Rig, web1: Client) -> None:
    """Somebody in the middle, on plain HTTP."""
    done = b'<Envelope><CommandState State="CommandState/Done"><ExitCode>0</ExitCode></CommandState></Envelope>'
    rig.faults.strike("Receive", Said(done, clear=True))
    told = unreachable(web1, CHANGE)
    assert told == "it answers HTTP 200 in the clear, where every message is to be sealed"


@pytest.mark.parametrize("garbling", [faults.of_another, faults.cut_short, lambda _: b""])
def test_an_answer_that_is_not_this_calls_or_not_whole_is_none(rig: Rig, web1: Client, garbling: Any) -> None:
    rig.faults.garble(garbling)
    assert unreachable(web1, CHANGE) == "change.ps1 ended with 0 and without an answer; PowerShell said: nothing"
    assert ran(rig) == 1


def test_a_flood_of_output_is_cut_off(rig: Rig, web1: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.drivers.windows.shell.MOST", 1 << 18)
    rig.faults.garble(faults.flood)
    assert unreachable(web1, CHANGE) == "it puts out more than 262144 bytes"
    assert rig.shells.seen.count("Receive") <= 6
    assert rig.shells.open == {}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    action=st.sampled_from(ALL),
    status=st.sampled_from([200, 400, 500]),
    body=st.binary(max_size=300),
    clear=st.booleans(),
)
def test_whatever_is_answered_only_our_own_errors_come_out(
    rig: Rig, web1: Client, action: str, status: int, body: bytes, clear: bool
) -> None:
    rig.faults.forget()
    rig.faults.strike(action, *[Said(body, status, clear)] * 3)
    try:
        web1.run(LOOK)
    except ReconcilerError as error:
        assert str(error).startswith("127.0.0.1: ")  # noqa: PT017
