"""Folders worth saving, and a recovery point of them, for the tests of what takes and restores one."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Snapshot
from reconciler.core.reading import SnapshotReading
from reconciler.drivers.commands.command import Command
from reconciler.drivers.folders.folder import Folder
from reconciler.drivers.snapshots.policy import Policy
from reconciler.drivers.snapshots.shelf import Shelf
from reconciler.drivers.snapshots.taking import Taking
from reconciler.drivers.snapshots.watch import Watch

VALUES = {"version": "2.0", "slot": "green", "environment": "demo", "transition": "000007-green-2.0"}
DUMP = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('all rows')"


class Shown:
    """A clock whose wall can be set."""

    def __init__(self, *at: int) -> None:
        self.at = datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> str:
        return self.at.isoformat()

    def now(self) -> datetime:
        return self.at


def never() -> None:
    """Nobody stops it."""


def dumping(base: Path, code: str = DUMP, **keys: object) -> Command:
    return Command.model_validate({"argv": ["{python}", "-c", code, "{dump}"], "base": base, **keys})


def taking(tmp_path: Path, *names: str, command: Command | None = None, **changes: Any) -> Taking:
    """Of the folders of these names in `tmp_path`."""
    folders = {name: Folder(path=name, base=tmp_path) for name in names}
    policy = Policy(**changes.pop("policy", {}))
    snapshot = Snapshot(names, "db-backup" if command else "")
    shelf = Shelf(tmp_path / "snapshots" / "demo")
    made = Taking(
        snapshot, folders, command, VALUES, shelf, policy, "a-journal", "2.0", Shown(2026, 11, 29, 19, 16, 33)
    )
    return replace(made, **changes)


def take(made: Taking) -> SnapshotReading:
    return made.run(Watch().check)


def shared(tmp_path: Path) -> Path:
    """A folder with everything in it that a folder can have."""
    root = tmp_path / "shared"
    (root / "docs" / "empty").mkdir(parents=True)
    (root / "docs" / "a.txt").write_text("alpha")
    (root / "big.bin").write_bytes(bytes(range(256)) * 8192)
    (root / "nothing").touch()
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o750)
    (root / "back\\slash").write_text("odd")
    (root / "한글.txt").write_text("이름")
    os.symlink("docs/a.txt", root / "link")
    os.symlink("/etc", root / "out")
    os.symlink("nowhere", root / "dangling")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).write_bytes(b"latin")
    Path(os.fsdecode(os.fsencode(root) + b"/d\xff")).mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/d\xff/inner")).write_text("inner")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(root)
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    (root / "docs" / "empty").chmod(0o711)
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        if not path.is_symlink():
            os.utime(path, ns=(0, 1_600_000_000_123_456_789 + number))
    os.utime(root, ns=(0, 1_500_000_000_987_654_321))
    return root


def looks(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything in a folder, as far as a recovery point is to keep it; sockets are none of that."""
    found: dict[bytes, tuple[object, ...]] = {}
    base = os.fsencode(root)
    for folder, folders, files in os.walk(base):
        for name in (*folders, *files, b"."):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind, time = stat.S_IFMT(status.st_mode), status.st_mtime_ns
            if stat.S_ISLNK(status.st_mode):
                found[path[len(base) :]] = (kind, os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
                found[path[len(base) :]] = (kind, stat.S_IMODE(status.st_mode), time, content)
            elif stat.S_ISDIR(status.st_mode):
                found[path[len(base) :]] = (kind, stat.S_IMODE(status.st_mode), time)
    return found
