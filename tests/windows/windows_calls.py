"""What the tests of the client share: scripts of their own, a machine's table, and an eye on every message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import wsman_logon
from wsman_server import Rig

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Script
from reconciler.drivers.winrm import Client
from reconciler.errors import ReconcilerError, Refused, Unreachable

HEAD = "# Does what the test says.\n# safe to repeat: {}\n"
BODY = "[CmdletBinding()]\nparam([string]$Text, [string[]]$Names, [int]$Size, [bool]$Really)\n"
LOOK = Script("look.ps1", HEAD.format("yes") + BODY, repeatable=True)
CHANGE = Script("change.ps1", HEAD.format("no") + BODY, repeatable=False)
HIDDEN = "an-argument-that-nobody-may-see"


def machine(rig: Rig, folder: Path, transport: str = "ntlm", **more: Any) -> Machine:
    """As the operator writes it, but every look is a real one; the password lies in `folder`."""
    user = {"user": rf"{wsman_logon.DOMAIN}\{wsman_logon.USER}", "password_file": "password"}
    if transport == "basic":
        user["user"] = wsman_logon.USER
    if transport in ("certificate", "kerberos"):
        user = {}
    table = {"address": rig.address, "transport": transport, "deadline": "10s", "look_every": "0s", **user, **more}
    return Machine.model_validate({**table, "base": folder})


def client(rig: Rig, folder: Path, transport: str = "ntlm", clock: Clock = SYSTEM, **more: Any) -> Client:
    """Without a pause between two tries."""
    return Client(machine(rig, folder, transport, **more), clock, pause=0.0)


def refused(client: Client, script: Script = LOOK, **arguments: Any) -> str:
    return _told(Refused, client, script, arguments)


def unreachable(client: Client, script: Script = LOOK, deadline: float = 0.0, **arguments: Any) -> str:
    return _told(Unreachable, client, script, arguments, deadline)


def _told(kind: type[ReconcilerError], client: Client, script: Script, arguments: Any, deadline: float = 0.0) -> str:
    with pytest.raises(ReconcilerError) as caught:
        client.run(script, {"Text": HIDDEN, **arguments}, deadline)
    text = str(caught.value)
    assert isinstance(caught.value, kind), text
    assert text.startswith("127.0.0.1: ")
    assert not [secret for secret in (wsman_logon.PASSWORD, HIDDEN) if secret in text]
    assert caught.value.__cause__ is None
    return text.removeprefix("127.0.0.1: ")
