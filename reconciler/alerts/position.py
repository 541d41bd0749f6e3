"""How far one recipient has been told: one small file, replaced as a whole after every alert."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.alerts.events import Mark
from reconciler.drivers.local import durable

log = logging.getLogger("reconciler.alerts")


@dataclass(frozen=True, slots=True)
class Position:
    """In which journal, how far, what was sent last and when, and why the present alert is not sent yet."""

    journal: str
    mark: Mark
    sent: str = ""
    sent_at: str = ""
    failure: str = ""
    failed_at: str = ""


def file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def read(path: Path, journal: str) -> Position | None:
    """None: never told anything of this journal, so it begins with what comes next."""
    try:
        data = json.loads(path.read_text("utf-8"))
        found = Position(**{**data, "mark": Mark(*(int(number) for number in data["mark"]))})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read (%s): its alerts begin with what comes next", path, error)
        return None
    return found if found.journal == journal else None


def write(path: Path, position: Position) -> None:
    """Raises Refused, or Unreachable, naming the file."""
    durable.write(path, json.dumps(asdict(position)))
