"""One line of the log: for people, or as one JSON object for machines. Every journal entry is one of them."""

from __future__ import annotations

import json
import logging
import secrets
from itertools import count
from typing import Any

from reconciler.clock import shown
from reconciler.core.events import Watched
from reconciler.logs.hidden import Hidden
from reconciler.wording import describe

FIELDS = ("environment", "reason", "seq")  # what a record may have in `extra`, and a line then has
LONGEST = 16_384  # characters of a message or a trace: what a gate read may be of any length


class Marks:
    """An id for every record: random for each process, then counted. What was sent twice has it twice."""

    def __init__(self) -> None:
        self._process, self._count = secrets.token_hex(6), count(1)

    def put(self, record: logging.LogRecord) -> None:
        record.id = f"{self._process}-{next(self._count)}"


def heartbeat(record: logging.LogRecord) -> bool:
    """Time passed, and nothing else: no line at all."""
    return isinstance(getattr(record, "event", None), Watched)


class Text(logging.Formatter):
    """`12:00:01.123Z production  weights: blue 90 %, green 10 %`"""

    def __init__(self, hidden: Hidden) -> None:
        super().__init__()
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        return self._hidden(
            f"{shown(record.created)[11:23]}Z {_level(record)}{_where(record)}{_message(record)}{self._trace(record)}"
        )

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n" + self.formatException(record.exc_info) if record.exc_info else ""


class Json(logging.Formatter):
    """One object per line, in ASCII."""

    def __init__(self, hidden: Hidden) -> None:
        super().__init__()
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        told: dict[str, Any] = {"id": getattr(record, "id", ""), "at": shown(record.created)}
        told |= {"level": record.levelname.lower(), "logger": record.name}
        told |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if event is not None:
            told |= {"rule": record.getMessage(), "event": type(event).__name__}
        if record.exc_info:
            told["trace"] = self._shown(self.formatException(record.exc_info))
        return json.dumps({**told, "message": self._shown(_message(record))})

    def _shown(self, text: str) -> str:
        """A file's name may hold what is no character: not every collector takes it."""
        return clipped(self._hidden(text.encode("utf-8", "replace").decode()))


def clipped(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _level(record: logging.LogRecord) -> str:
    return "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "


def _where(record: logging.LogRecord) -> str:
    environment = getattr(record, "environment", "")
    return f"{environment}  " if environment else ""


def _message(record: logging.LogRecord) -> str:
    event = getattr(record, "event", None)
    return describe(event) if event is not None else record.getMessage()
