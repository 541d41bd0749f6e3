"""The contract of whoever sends lines of the log somewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from reconciler.errors import Refused, Unreachable


class Unfit(Refused):
    """The other side does not take these lines, and never will: fewer at once may do, or one of them is at fault."""


class Later(Unreachable):
    """The other side asks to be left alone for `seconds`."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class Send(Protocol):
    def send(self, lines: Sequence[bytes]) -> int:
        """JSON objects, oldest first. Returns when the other side has taken them; how many of them it has thrown away.
        Raises ReconcilerError, without any secret in it, when it has not taken all of them, or nobody knows: then all
        are sent again. Used by one thread at a time, and bounded in time."""


def fields(line: bytes) -> dict[str, Any]:
    """What a line says; one that is damaged is its own message."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": line.decode("utf-8", "replace")}


def nanoseconds(line: dict[str, Any]) -> str:
    """When it was said, since 1970."""
    try:
        moment = datetime.fromisoformat(str(line.get("at"))).timestamp()
    except ValueError:
        moment = 0.0
    return str(round(moment * 1000) * 1_000_000)


LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}


def level(line: dict[str, Any]) -> int:
    """0 to 4, from debug to critical."""
    return LEVELS.get(str(line.get("level")), 1)
