"""Files that appear whole or not at all, and names that cannot lead out of a folder."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def named(folder: Path, name: str) -> Path | None:
    """The file of that name; None for a name that is not plain."""
    return folder / name if NAME.fullmatch(name) else None


def put(path: Path, content: bytes) -> None:
    """Write by rename, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    draft.write_bytes(content)
    os.replace(draft, path)


def contents(path: Path | None) -> bytes | None:
    """What the file holds; None when there is none."""
    try:
        return path.read_bytes() if path else None
    except FileNotFoundError:
        return None
