"""Logs on stderr: lines for people, or one JSON object per line for machines. Every journal entry is one of them."""

from __future__ import annotations

import json
import logging
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from reconciler.clock import shown
from reconciler.core.events import Watched
from reconciler.wording import describe

FIELDS = ("environment", "seq")


class Text(logging.Formatter):
    """`12:00:01.123Z production  weights: blue 90 %, green 10 %`"""

    def format(self, record: logging.LogRecord) -> str:
        return (
            f"{shown(record.created)[11:23]}Z {_level(record)}{_where(record)}{_message(record)}{self._trace(record)}"
        )

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n" + self.formatException(record.exc_info) if record.exc_info else ""


class Json(logging.Formatter):
    """One object per line."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        told: dict[str, Any] = {"at": shown(record.created), "level": record.levelname.lower(), "logger": record.name}
        told |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if event is not None:
            told |= {"rule": record.getMessage(), "event": type(event).__name__}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps({**told, "message": _message(record)})


def _level(record: logging.LogRecord) -> str:
    return "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "


def _where(record: logging.LogRecord) -> str:
    environment = getattr(record, "environment", "")
    return f"{environment}  " if environment else ""


def _message(record: logging.LogRecord) -> str:
    event = getattr(record, "event", None)
    return describe(event) if event is not None else record.getMessage()


@contextmanager
def logged(style: str) -> Iterator[None]:
    """Send the product's own log to stderr; libraries keep their mouths shut below warnings.

    A thread of its own writes the lines: neither a slow terminal nor one stopped by Ctrl-S may hold up a rollback.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if style == "json" else Text())
    handler.addFilter(lambda record: not isinstance(getattr(record, "event", None), Watched))
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    writer = QueueListener(lines, handler)
    logging.basicConfig(level=logging.WARNING, handlers=[_HandedOver(lines)], force=True)
    logging.getLogger("reconciler").setLevel(logging.INFO)
    writer.start()
    try:
        yield
    finally:
        writer.stop()  # what was said is written before the command ends


class _HandedOver(QueueHandler):
    """Records as they are: they stay in this process, and the formatter needs their events."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record
