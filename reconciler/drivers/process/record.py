"""What is written down about the process of one member in one slot: enough to find it again, and to find it only.

    starting  before the spawn: no pid yet, but the token that the process is about to carry in its environment
    running   right after it: pid and identity too
    stopping  once it was asked to end: when, on the machine's monotonic clock

A reconciler that dies between spawn and record leaves `starting`; the token then leads to the process. A record is
replaced by rename, readable by its owner only, and holds no argument and no variable of the process.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.drivers.identity import Identity
from reconciler.drivers.local.durable import replace
from reconciler.errors import Unreachable

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    label: str  # the pin's
    version: str  # what the process is to call itself
    token: str  # unique to this start
    starter: Identity | None  # the reconciler that started it
    at: str  # when, for people
    log_from: int  # where in its log this start begins, bytes
    pid: int | None = None
    identity: Identity | None = None  # with a pid: None if it had died before it could be looked at
    stop_asked: float | None = None  # monotonic, seconds
    release_asked: float | None = None  # likewise; to let go, and live on


def load(path: Path) -> Record | None:
    """None when nothing was ever started there. Raises Unreachable for one that cannot be read: then nobody knows."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable(f"{path} cannot be read, so what runs there is unknown: {type(error).__name__}") from error
    found = _parse(text)
    if found is None:
        raise Unreachable(
            f"{path} is no record of schema {SCHEMA}, so what runs there is unknown; make sure that nothing does, then "
            "remove the file"
        )
    return found


def save(path: Path, record: Record) -> None:
    """Durable when it returns."""
    put(path, json.dumps({"schema": SCHEMA, **asdict(record)}))


def put(path: Path, text: str) -> None:
    """Replace a file's content as a whole, for its owner's eyes only, and on the disk before this returns.

    Raises Unreachable when it cannot be written (a full disk may have room again later)."""
    try:
        _replace(path, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unreachable(f"{path} cannot be written: {reason}; what cannot be recorded is not done") from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _parse(text: str) -> Record | None:
    try:
        found = json.loads(text)
        if found.pop("schema") != SCHEMA:
            return None
        for name in ("identity", "starter"):
            found[name] = Identity(**found[name]) if found[name] else None
        return Record(**found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _sync_folder(folder: Path) -> None:
    """A rename is durable when its folder is; where a folder cannot be opened (Windows), it is on its own."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
