"""What goes to `run.ps1` and what comes back: pure text. Scripts and arguments go in as data, never spliced in."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.drivers.windows.script import Script

RUN = Path(__file__).with_name("run.ps1").read_text("ascii")
PROGRAM = "powershell.exe"
# Scripts in our own text need no policy; modules that they import do, and on a client's Windows none may be loaded.
WORDS = (
    *("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "RemoteSigned"),
    *("-EncodedCommand", base64.b64encode(RUN.encode("utf-16-le")).decode()),
)
COMMAND_LINE = 8191  # characters: what cmd.exe takes


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its arguments. However often it is run, its id is the same: an answer belongs to one call."""

    operation: str
    script: Script
    line: bytes  # for standard input, ASCII


@dataclass(frozen=True, slots=True)
class Failed:
    """The script did not end well. `refused`: it said no itself, and `text` is its sentence."""

    text: str
    refused: bool = False
    category: str = ""  # of PowerShell's own, such as PermissionDenied
    line: int = 0  # of the script


def call(script: Script, arguments: Mapping[str, Any]) -> Call:
    """Raises ValueError or TypeError for arguments that are not JSON."""
    operation = uuid.uuid4().hex
    said = {"operation": operation, "name": script.name, "script": script.text, "arguments": dict(arguments)}
    return Call(operation, script, json.dumps(said, allow_nan=False).encode("ascii") + b"\n")


def answer(operation: str, output: bytes) -> dict[str, Any] | Failed | None:
    """None: there is no answer of this call, or not a whole one."""
    found = re.search(rb"^reconciler:%b:([A-Za-z0-9+/=]+)\r?$" % operation.encode(), output, re.MULTILINE)
    try:
        said = json.loads(base64.b64decode(found[1], validate=True)) if found else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("refused"), str):
        return Failed(said["refused"], refused=True)
    if isinstance(said.get("error"), str):
        line = said.get("line")
        return Failed(said["error"], False, str(said.get("category", "")), line if isinstance(line, int) else 0)
    return said["answer"] if isinstance(said.get("answer"), dict) else None


def complaint(stderr: bytes) -> str:
    """What PowerShell itself had to say, out of its XML; for people."""
    text = stderr.decode("utf-8", "replace")
    if text.startswith("#< CLIXML"):
        text = "".join(re.findall(r'<S S="Error">(.*?)</S>', text, re.DOTALL))
        text = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
    return " ".join(text.split())
