r"""Small files of ours on the simulated machine, and what may happen while a script replaces them.

One script writes at a time, as a mutex has it; whoever else writes does not ask for that.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from windows_machine import Broken, Session, Windows, access_denied

from reconciler.drivers.windows_service.looking import FILES


@dataclass
class Files:
    """`denied`: none may be written. `meanwhile` is done once, right before the next one is replaced. `patience`:
    seconds that a script waits for another one."""

    windows: Windows
    folder: Path  # below it lie the drives: `D/releases`
    denied: bool = False
    meanwhile: Callable[[], None] | None = None
    patience: float = 3.0
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.windows.plays(FILES, self._write)

    def real(self, path: str) -> Path:
        """Where a file of that Windows really lies."""
        parts = PureWindowsPath(path)
        return self.folder.joinpath(parts.drive.rstrip(":").upper(), *parts.parts[1:])

    def place(self, path: str, text: str = "") -> Path:
        file = self.real(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def text(self, path: str) -> str:
        """Empty where there is none."""
        if not path:
            return ""
        if self.real(path).is_dir():
            raise access_denied(path)
        return self.real(path).read_text() if self.real(path).exists() else ""

    def _write(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        """All are looked at before the first is written, and each once more right before it is."""
        wanted = list(zip(arguments["Files"], arguments["Expected"], arguments["Texts"], strict=True))
        if not self.mutex.acquire(timeout=self.patience):
            raise Broken("Another script writes the files of services there.", "ResourceBusy")
        try:
            for one in [one for one in wanted if not self._done(*one)]:
                self._replace(*one)
        finally:
            self.mutex.release()
        return {"written": len(wanted)}

    def _done(self, file: str, expected: str, text: str) -> bool:
        there = self.text(file)
        if there != text and expected not in ("*", there):
            raise Broken(f"{file} was changed by somebody else; nothing is written over it.", "ResourceBusy")
        return there == text

    def _replace(self, file: str, expected: str, text: str) -> None:
        if self.denied:
            raise access_denied(file)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        with self.windows.lock:
            if not self._done(file, expected, text):
                os.replace(self.place(file + ".new", text), self.real(file))
