"""One call: what goes in arrives as it was, what comes out is what the script answered, and nothing is left behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wsman_logon
from windows_calls import CHANGE, HIDDEN, LOOK, client, machine, refused, unreachable
from windows_faults import noisy
from windows_machine import Broken, Session, Throw, access_denied
from wsman_server import Rig

from reconciler.clock import SYSTEM
from reconciler.drivers.windows import frame
from reconciler.drivers.windows.script import PING, Script
from reconciler.drivers.winrm import Client
from reconciler.errors import Conflict, Unreachable

HOSTILE = [
    "$(Remove-Item C:\\)",
    "'; exit; '",
    '"quoted"',
    "line\nbreak",
    "Größe 漢字 \U0001f600",
    "`t%PATH%",
    "",
    "\x00",
]


@pytest.fixture
def rig(plain: Rig) -> Rig:
    """Its scripts give back what they were given."""
    plain.windows.plays(LOOK, lambda arguments, _session: {"given": arguments})
    plain.windows.plays(CHANGE, lambda arguments, _session: {"given": arguments})
    return plain


@pytest.fixture
def web1(rig: Rig, tmp_path: Path, password: Path) -> Iterator[Client]:
    made = client(rig, tmp_path)
    yield made
    made.close()


def test_a_ping_says_who_answers_and_when(web1: Client) -> None:
    said = web1.run(PING)
    assert (said["computer"], said["powershell"]) == ("WEB1", "5.1.20348.2849")
    assert (said["user"], said["clock"]) == (r"CORP\reconcile", "2026-03-01T12:00:00.000Z")


@pytest.mark.parametrize("text", HOSTILE)
def test_an_argument_arrives_as_it_was_whatever_stands_in_it(web1: Client, text: str) -> None:
    arguments = {"Text": text, "Names": [text, "b"], "Size": 3, "Really": True}
    assert web1.run(LOOK, arguments) == {"given": arguments}


def test_only_ascii_goes_over_so_that_no_code_page_matters() -> None:
    call = frame.call(LOOK, {"Text": "Größe 漢字"})
    assert call.line.isascii()
    assert call.line.count(b"\n") == 1
    assert json.loads(call.line)["arguments"] == {"Text": "Größe 漢字"}


def test_what_is_no_json_is_no_argument() -> None:
    for wrong in (float("nan"), object(), b"bytes"):
        with pytest.raises((TypeError, ValueError)):
            frame.call(LOOK, {"Text": wrong})


def test_the_frame_fits_into_a_command_line() -> None:
    assert len(" ".join((frame.PROGRAM, *frame.WORDS))) < frame.COMMAND_LINE


def test_long_arguments_and_long_answers_go_in_pieces(rig: Rig, web1: Client) -> None:
    text = "0123456789" * 30_000
    assert web1.run(LOOK, {"Text": text}) == {"given": {"Text": text}}
    assert rig.shells.seen.count("Send") >= 4
    assert rig.shells.seen.count("Receive") >= 4


def test_each_call_has_a_shell_of_its_own_and_leaves_none_behind(rig: Rig, web1: Client) -> None:
    web1.run(LOOK)
    assert rig.shells.seen == ["Create", "Command", "Send", "Receive", "Delete"]
    web1.run(LOOK)
    assert len(rig.shells.made) == 2
    assert rig.shells.open == {}
    assert {shell.idle for shell in rig.shells.made} == {"PT60.000S"}


def test_the_connection_is_kept_for_the_next_call(rig: Rig, web1: Client) -> None:
    for _ in range(3):
        web1.run(LOOK)
    assert len(rig.logons) == 1


def test_a_connection_that_has_rested_long_is_not_trusted(rig: Rig, tmp_path: Path, password: Path) -> None:
    class Late:
        later = 0.0

        def monotonic(self) -> float:
            return SYSTEM.monotonic() + self.later

        wall, now = SYSTEM.wall, SYSTEM.now

    clock = Late()
    web1 = Client(machine(rig, tmp_path), clock)
    web1.run(LOOK)
    clock.later = 61.0
    web1.run(LOOK)
    web1.close()
    assert len(rig.logons) == 2


def test_the_password_is_read_anew_for_each_connection(rig: Rig, web1: Client, password: Path) -> None:
    password.write_text("an older one")
    assert "user or password was refused" in unreachable(web1)
    password.write_text(wsman_logon.PASSWORD)
    assert web1.run(LOOK) == {"given": {}}


def test_closing_twice_is_safe_and_a_call_after_it_connects_again(web1: Client) -> None:
    web1.run(LOOK)
    web1.close()
    web1.close()
    assert web1.run(LOOK) == {"given": {}}


def test_nothing_is_touched_before_the_first_call(rig: Rig, tmp_path: Path) -> None:
    client(rig, tmp_path / "nowhere").close()
    assert rig.logons == []


def test_a_script_that_takes_longer_than_one_answer_is_waited_for(rig: Rig, web1: Client) -> None:
    asked_thrice = threading.Event()
    real = rig.shells.do

    def counting(*words: Any) -> bytes:
        if rig.shells.seen.count("Receive") >= 3:
            asked_thrice.set()
        return real(*words)

    rig.shells.do = counting  # type: ignore[method-assign]
    rig.windows.plays(LOOK, lambda *_: {"came": asked_thrice.wait(10)})
    assert web1.run(LOOK) == {"came": True}


def test_a_banner_and_a_profiles_leavings_are_nobodys_answer(rig: Rig, web1: Client) -> None:
    rig.faults.garble(noisy)
    assert web1.run(LOOK, {"Text": "a"}) == {"given": {"Text": "a"}}


# ---- a no, and an error ----------------------------------------------------------------------------------------------


def throwing(rig: Rig, error: Exception) -> None:
    def handler(_arguments: dict[str, Any], _session: Session) -> None:
        raise error

    for script in (LOOK, CHANGE):
        rig.windows.plays(script, handler)


def test_a_scripts_own_no_is_a_refusal_in_its_words(rig: Rig, web1: Client) -> None:
    throwing(rig, Throw("There is no site called 'shop-blue'; create it, or correct the name."))
    sentence = "There is no site called 'shop-blue'; create it, or correct the name."
    assert refused(web1) == sentence
    assert refused(web1, CHANGE) == sentence


def test_a_lack_of_rights_refuses_a_look_and_leaves_a_change_unknown(rig: Rig, web1: Client) -> None:
    throwing(rig, Broken("Access is denied.", "PermissionDenied", 12))
    told = "Access is denied. (PermissionDenied); the user needs more rights there"
    assert refused(web1) == f"look.ps1, line 12: {told}"
    assert unreachable(web1, CHANGE) == f"change.ps1, line 12: {told}"


def test_a_script_that_found_another_world_than_it_was_asked_for_is_no_evidence(rig: Rig, web1: Client) -> None:
    throwing(rig, Broken("green runs there; it is to be stopped first.", "ResourceBusy"))
    for script in (LOOK, CHANGE):
        with pytest.raises(Conflict, match=r"^127\.0\.0\.1: green runs there; it is to be stopped first\.$"):
            web1.run(script)


def test_an_error_that_may_pass_is_unknown_and_not_tried_again(rig: Rig, web1: Client) -> None:
    throwing(rig, Broken("The process cannot access the file.", "WriteError"))
    assert unreachable(web1) == "look.ps1, line 7: The process cannot access the file. (WriteError)"
    assert len(rig.shells.made) == 1


def test_arguments_that_a_script_does_not_have_are_an_error(web1: Client) -> None:
    assert "matches parameter name 'Colour'" in unreachable(web1, Colour="red")
    assert "argument transformation on parameter 'Size'" in unreachable(web1, Size="three")


def test_another_text_under_a_scripts_name_is_not_run(rig: Rig, web1: Client) -> None:
    forged = Script("look.ps1", LOOK.text + "Stop-Computer\n", repeatable=True)
    assert "The text is not that of look.ps1." in unreachable(web1, forged)
    assert rig.windows.ran == []


def test_what_windows_says_is_shown_without_the_password(rig: Rig, web1: Client) -> None:
    throwing(rig, Broken(f"net use failed: /user:reconcile {wsman_logon.PASSWORD}\x1b[31m", "WriteError"))
    assert "/user:reconcile ***" in unreachable(web1)
    assert "\x1b" not in unreachable(web1)


@pytest.mark.parametrize("message", [None, "Logon failure: unknown user name or bad password. \\\\files\\shop\\inbox"])
def test_a_share_that_is_refused_to_a_remote_shell_is_explained(rig: Rig, web1: Client, message: str | None) -> None:
    throwing(rig, Broken(message, "AuthenticationError") if message else access_denied(r"\\files\shop\inbox"))
    told = refused(web1)
    assert "does not pass the user's logon on to a third machine (double hop)" in told
    assert "use credssp, or kerberos with `delegate`" in told


def test_a_folder_of_its_own_disks_is_no_double_hop(rig: Rig, web1: Client) -> None:
    throwing(rig, access_denied(r"D:\sites\shop"))
    assert "double hop" not in refused(web1)


def test_an_answer_that_is_no_object_is_none(rig: Rig, web1: Client) -> None:
    for wrong in ([1, 2], "text", None, 3):
        rig.windows.plays(CHANGE, lambda *_, wrong=wrong: wrong)
        assert "change.ps1 ended with 0 and without an answer" in unreachable(web1, CHANGE)


def test_what_powershell_says_instead_of_an_answer_is_told(rig: Rig, web1: Client) -> None:
    broken = Client(machine(rig, web1._machine.base), pause=0.0)
    call = frame.call(LOOK, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "call", lambda *_: frame.Call(call.operation, LOOK, b"{no json\n"))
        with pytest.raises(Exception, match="PowerShell said: ConvertFrom-Json : Invalid JSON primitive"):
            broken.run(LOOK)
    broken.close()


def test_what_runs_is_told_to_nobody_who_reads_the_wire(rig: Rig, web1: Client) -> None:
    web1.run(LOOK, {"Text": HIDDEN})
    assert HIDDEN.encode() not in rig.heard
    assert b"safe to repeat" not in rig.heard
    assert b"Envelope>" not in rig.heard


def test_a_name_that_the_machine_does_not_know_is_told(web1: Client) -> None:
    with pytest.raises(Unreachable, match=r"does not know other\.ps1"):
        web1.run(Script("other.ps1", LOOK.text, repeatable=True))
