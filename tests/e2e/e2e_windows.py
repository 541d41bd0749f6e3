"""A simulated Windows machine beside a playground, which its loop reaches through real WS-Man."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e_playground import Playground

sys.path += [str(Path(__file__).parents[1] / room) for room in ("windows", "evidence")]
import wsman_logon
from windows_eventlog import Computer
from wsman_server import listening

MACHINE = """
[machines.web1]
address = "{address}"
user = 'CORP\\reconcile'
password_file = "{password}"
"""


@contextmanager
def computer(playground: Playground) -> Iterator[Computer]:
    """`[machines.web1]` of the playground's operator's file."""
    wsman_logon.users(playground.root / "ntlm-users")
    password = playground.root / "password"
    password.write_text(wsman_logon.PASSWORD)
    with listening("ntlm") as rig:
        found = Computer(rig.windows)
        with playground.place.config.open("a", encoding="utf-8") as file:
            file.write(MACHINE.format(address=rig.address, password=password))
        yield found
