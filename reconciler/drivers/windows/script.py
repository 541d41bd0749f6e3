"""One `.ps1` file of ours as a value.

Its head is a block of comments that says what it is for, and in a line of its own `# safe to repeat: yes` or `no`.
Then `[CmdletBinding()] param(...)` with a type for each argument: `CmdletBinding` refuses a name that is not there.
The last object that it puts out is its answer; what is in it are strings (`[string]`), numbers, booleans, and arrays
and objects of those, eight deep at most. It says no by `throw 'A sentence.'`, for good and before it has changed
anything; that it found another world than whoever asks has seen, by `Write-Error -Category ResourceBusy`; any other
error is one, and leaves it unknown how far it got. It never ends the process (`exit`), and holds no character outside
ASCII: Windows PowerShell reads a file by the machine's code page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_HEAD = re.compile(r"\A(?:#.*\n)*?# safe to repeat: (yes|no)\n")


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    text: str = field(repr=False)
    repeatable: bool  # done twice is done once: it may be run again when nobody knows whether it ran


Run = Callable[[Script, Mapping[str, Any]], Mapping[str, Any]]  # one script on one machine, in what is left of the time


class Ask(Protocol):
    def __call__(self, script: Script, arguments: Mapping[str, Any], deadline: float = ..., /) -> Mapping[str, Any]:
        """One script on one machine, and its answer. `deadline`: seconds; without one, whoever asks has his own. Raises
        ReconcilerError."""


def load(file: Path) -> Script:
    """Raises ValueError where its head does not say whether it may be repeated."""
    text = file.read_text("ascii")
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"{file.name}: its head must have the line `# safe to repeat: yes` or `# safe to repeat: no`")
    return Script(file.name, text, head[1] == "yes")


PING = load(Path(__file__).with_name("ping.ps1"))
