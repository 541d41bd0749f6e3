"""Which program a word of the operator's file leads to: the first of an app's command, or of a named command."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.drivers.commands.command import Command
from reconciler.drivers.process.app import App


@dataclass(frozen=True, slots=True)
class Program:
    """`place`: the table that names it. `own`: a PATH of its own, which that table gives it."""

    place: str
    word: str
    folder: Path
    own: str | None = None

    def found(self, path: str) -> Path | None:
        """Where it is, for a process with this PATH; None: nowhere, or it may not be run."""
        if os.path.dirname(self.word):
            there = self.folder / self.word
            return there if there.is_file() and os.access(there, os.X_OK) else None
        found = shutil.which(self.word, path=self.own or path)
        return Path(found) if found else None


def programs(apps: Mapping[str, App], commands: Mapping[str, Command]) -> Iterator[Program]:
    """All of them, but those that lie in a release: which that will be is not known yet."""
    for name, app in apps.items():
        word = app.command[0].replace("{python}", sys.executable)
        if "{" not in word + (app.cwd or ""):
            yield Program(f"apps.{name}", word, app.base / (app.cwd or ""), app.env.get("PATH"))
    for name, command in commands.items():
        word = sys.executable if command.argv[0] == "{python}" else command.argv[0]
        yield Program(f"commands.{name}", word, command.folder, command.env.get("PATH"))
