"""The double is honest: stock pywinrm gets along with it, and it refuses what Windows refuses, by its own numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import wsman_logon
import wsman_soap as soap
from winrm.exceptions import WinRMTransportError, WSManFaultError
from winrm.protocol import Protocol
from wsman_server import Rig

from reconciler.drivers.windows import frame
from reconciler.drivers.windows.script import PING


def stock(rig: Rig, **more: Any) -> Protocol:
    user = rf"{wsman_logon.DOMAIN}\{wsman_logon.USER}"
    return Protocol(f"{rig.address}/wsman", "ntlm", user, wsman_logon.PASSWORD, proxy=None, ca_trust_path=None, **more)


@pytest.fixture
def spoken(plain: Rig) -> Iterator[Protocol]:
    protocol = stock(plain)
    yield protocol
    protocol.transport.close_session()


def fault(action: Any) -> int | None:
    with pytest.raises(WSManFaultError) as caught:
        action()
    return caught.value.wsman_fault_code


def run(protocol: Protocol, program: str, *words: str, **more: Any) -> tuple[str, str]:
    shell = protocol.open_shell()
    return shell, protocol.run_command(shell, program, words, **{"console_mode_stdin": False, **more})


def test_stock_pywinrm_runs_a_script_of_ours(plain: Rig, spoken: Protocol) -> None:
    shell, command = run(spoken, frame.PROGRAM, *frame.WORDS)
    call = frame.call(PING, {})
    spoken.send_command_input(shell, command, call.line, end=True)
    out, err, code = spoken.get_command_output(shell, command)
    assert (code, err[:11]) == (0, b"#< CLIXML\r\n")
    answer = frame.answer(call.operation, out)
    assert isinstance(answer, dict)
    assert answer["computer"] == "WEB1"
    spoken.cleanup_command(shell, command)
    spoken.close_shell(shell, close_session=False)
    assert plain.shells.open == {}


def test_a_shell_that_is_not_there_is_refused_by_windows_number(spoken: Protocol) -> None:
    assert fault(lambda: spoken.close_shell("nowhere", close_session=False)) == soap.NO_SHELL
    assert fault(lambda: spoken.run_command("nowhere", "powershell.exe")) == soap.NO_SHELL
    assert fault(lambda: spoken.run_command("", "powershell.exe")) == soap.TOO_FEW_SELECTORS
    shell = spoken.open_shell()
    assert fault(lambda: spoken.cleanup_command(shell, "nothing")) == soap.NO_SHELL


def test_another_action_and_another_resource_are_refused(spoken: Protocol) -> None:
    import xmltodict

    def sent(action: str, resource: str) -> None:
        header = spoken.build_wsman_header(action=action, resource_uri=resource)
        spoken.send_message(xmltodict.unparse({"env:Envelope": {**header, "env:Body": {}}}))

    assert fault(lambda: sent(f"{soap.SHELL}/Dance", soap.CMD)) == soap.BAD_ACTION
    assert fault(lambda: sent(f"{soap.SHELL}/Create", soap.CMD)) == soap.BAD_ACTION
    assert fault(lambda: sent(f"{soap.TRANSFER}/Create", f"{soap.SHELL}/other")) == soap.NO_RESOURCE


def test_nothing_in_the_clear_is_taken_without_tls(plain: Rig) -> None:
    open_one = stock(plain, message_encryption="never")
    with pytest.raises(WinRMTransportError) as caught:
        open_one.open_shell()
    open_one.transport.close_session()
    assert caught.value.code == 500
    assert plain.shells.made == []


def test_a_message_that_is_too_long_is_refused(spoken: Protocol) -> None:
    shell, command = run(spoken, frame.PROGRAM, *frame.WORDS)
    assert fault(lambda: spoken.send_command_input(shell, command, b"x" * 150_000)) == soap.BAD_XML


def test_input_in_the_manner_of_a_console_is_refused(spoken: Protocol) -> None:
    assert fault(lambda: run(spoken, frame.PROGRAM, *frame.WORDS, console_mode_stdin=True)) == 87


@pytest.mark.parametrize(
    ("program", "words", "complaint"),
    [
        ("notepad.exe", frame.WORDS, b"'notepad.exe' is not recognized"),
        (frame.PROGRAM, (*frame.WORDS[:-1], "AAAA"), b"This is not the reconciler's frame."),
        (frame.PROGRAM, (*frame.WORDS, "x" * 8000), b"The command line is too long."),
    ],
)
def test_nothing_but_our_frame_is_run(spoken: Protocol, program: str, words: tuple[str, ...], complaint: bytes) -> None:
    shell, command = run(spoken, program, *words)
    out, err, code = spoken.get_command_output(shell, command)
    assert (out, code) == (b"", 1)
    assert complaint in err
    assert fault(lambda: spoken.send_command_input(shell, command, b"x")) == soap.PIPE_GONE


def test_another_users_shell_is_not_ours(plain: Rig, spoken: Protocol) -> None:
    shell = spoken.open_shell()
    plain.shells.open[shell].owner = r"CORP\somebody"
    assert fault(lambda: spoken.close_shell(shell, close_session=False)) == soap.ACCESS_DENIED


# ---- what it costs to have it ----------------------------------------------------------------------------------------

MISSING = """
import sys
import reconciler.drivers.winrm as ours
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import PING
from reconciler.errors import Unreachable
assert not {"winrm", "requests", "urllib3", "spnego"} & set(sys.modules)
sys.modules["winrm"] = None
try:
    ours.Client(Machine(address="https://web1", user="u", password_env="P"), environ={"P": "p"}).run(PING)
except Unreachable as error:
    print(error)
"""


def test_its_libraries_are_loaded_when_they_are_used_and_named_when_they_are_missing() -> None:
    done = subprocess.run((sys.executable, "-c", MISSING), capture_output=True, text=True, check=True)
    assert done.stdout == "web1: winrm is not installed; pip install 'slot-reconciler[windows]'\n"
