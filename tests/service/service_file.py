"""An operator's file as `init` would leave it, read; and a systemd that only says what it is asked to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reconciler.configuration import Configuration, load
from reconciler.service import systemd
from reconciler.service.accounts import Account
from reconciler.service.systemd import Systemd

ME = Account("me", os.geteuid(), os.getegid(), Path("/"))


class Called:
    """Remembers what would have been run; `answers`, by the last word of a command."""

    def __init__(self, version: int = 252, **answers: str) -> None:
        self.version, self.answers = version, answers
        self.all: list[tuple[str, ...]] = []
        self.code = 0

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.all.append(tuple(argv))
        out = f"systemd {self.version} (x)" if argv[-1] == "--version" else ""
        if "show" in argv:
            out = "\n".join(f"{key}={value}" for key, value in self.answers.items())
        return subprocess.CompletedProcess(argv, self.code, out, "it said no" if self.code else "")


def operator(folder: Path, text: str = "", name: str = "reconciler.toml") -> Configuration:
    """Of a folder with a repository in it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / name).write_text(text)
    return load(folder / name)


def own(folder: Path, monkeypatch: object, called: Called | None = None) -> Systemd:
    """The manager of an account that is logged in, with nothing installed."""
    (folder / "run" / "systemd").mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "systemctl").write_text("#!/bin/sh\n")
    (folder / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")  # type: ignore[attr-defined]
    environ = {"XDG_RUNTIME_DIR": str(folder / "run"), "HOME": str(folder)}
    return systemd.Systemd("reconciler", own=True, environ=environ, call=called or Called())
