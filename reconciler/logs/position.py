"""How far one destination has taken the log: one small file, replaced as a whole after every batch."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from reconciler.drivers.local import durable
from reconciler.logs.kept import Place

log = logging.getLogger("reconciler.logs")


class Part(NamedTuple):
    begin: Place
    end: int  # the number of the first line that is no part of it


@dataclass(frozen=True, slots=True)
class Position:
    """Before which line, when something was taken last, why the present lines are not; and how many never will be:
    `lost` had to go before they could be sent, `refused` are those that the other side does not take. Parts before
    `place` are set `aside`, oldest first: see `sifter`."""

    place: Place
    sent_at: str = ""
    failure: str = ""
    failed_at: str = ""
    lost: int = 0
    refused: int = 0
    aside: tuple[Part, ...] = ()

    @property
    def waiting(self) -> int:
        """Lines that are set aside."""
        return sum(end - begin.number for begin, end in self.aside)


def file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def read(path: Path, unread: Place | None = None) -> Position | None:
    """None: there is none yet. One that cannot be read is as if it stood at `unread`: better twice than never."""
    try:
        data = {"aside": (), **json.loads(path.read_text("utf-8"))}
        aside = tuple(Part(_place(begin), int(end)) for begin, end in data["aside"])
        return Position(**{**data, "place": _place(data["place"]), "aside": aside})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read (%s): all that is kept is sent again", path, error)
        return Position(unread) if unread else None


def _place(numbers: list[int]) -> Place:
    return Place(*(int(number) for number in numbers))


def write(path: Path, position: Position) -> None:
    """It survives our end, not a power failure, after which more may be sent again. Raises Refused, naming the file."""
    durable.write(path, json.dumps(asdict(position)), sync=False)
