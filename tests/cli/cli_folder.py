"""The command line as a person uses it: in a folder of its own, on real git; on real Envoy where a test says so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import preloaded
import typed

PATIENCE = 80.0  # seconds; a test that needs them has failed


class Folder:
    """Where somebody types commands. `home`: nothing of the machine's own configuration is seen."""

    def __init__(self, root: Path, *, forked: bool = True) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.forked = forked  # processes, see `preloaded`; else they are started as on a user's machine
        self.loops: list[preloaded.Process] = []
        hidden = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RECONCILER_"))}
        identity = {f"GIT_{who}_{what}": "x@x.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.environ = {**hidden, **identity, "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": ""}
        self.environ.pop("XDG_CONFIG_HOME", None)

    def reconcile(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command, in this process, which is many times faster."""
        return typed.reconcile(*words, folder=self.root, environ=self.environ)

    def process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same in a process of its own, for what changes a process."""
        if self.forked:
            return preloaded.run("-m", "reconciler", *words, folder=self.root, environ=self.environ, patience=PATIENCE)
        return subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.root, env=self.environ, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "a change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text("utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def start(self, *words: str) -> preloaded.Process:
        """A command that goes on by itself; what it says is in `said`."""
        start = preloaded.fork if self.forked else preloaded.start
        with (self.root.parent / "said.log").open("ab") as log:
            loop = start("-m", "reconciler", *words, folder=self.root, environ=self.environ, out=log)
        self.loops.append(loop)
        return loop

    @property
    def said(self) -> str:
        return (self.root.parent / "said.log").read_text("utf-8")

    def end(self, loop: preloaded.Process, number: int = signal.SIGINT) -> int:
        """As by Ctrl-C; the exit code."""
        loop.send_signal(number)
        try:
            return loop.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            loop.kill()
            raise

    def close(self) -> None:
        """End the loop, then whatever runs for it, as an operator would; only then look whether it all ended."""
        for loop in self.loops:
            if loop.poll() is None:
                self.end(loop)
        if self._went_down():
            self.process("--once", "--apply")
        self._kill_leftovers()

    def _went_down(self) -> bool:
        """Every environment that ever ran is asked to stop; False: none did."""
        if not (self.root / "state" / "journal.db").exists():
            return False
        known = self.reconcile("status", "--output", "json").stdout
        names = {path.stem for path in (self.root / "environments").glob("*.yaml") if path.stem in known}
        for name in names:
            self.reconcile("down", name, "--yes")
        return bool(names)

    def _kill_leftovers(self) -> None:
        """Whoever works below this folder was started by this test."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                if any(str(self.root) in word for word in words) and int(entry.name) != os.getpid():
                    os.kill(int(entry.name), signal.SIGKILL)


def until(folder: Folder, found: Callable[[], bool], what: str) -> None:
    """Fails with what the commands in the background said: one of them may have ended."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        ended = any(loop.poll() not in (None, 0) for loop in folder.loops)
        assert time.monotonic() < deadline, f"waited in vain for {what}; said: {folder.said}"
        assert not ended, f"a command ended before {what}; said: {folder.said}"
        threading.Event().wait(0.1)


Listing = dict[str, tuple[int, int, bytes]]


def listing(*roots: Path) -> Listing:
    """Every file and folder with its size, its time of change, and its content: nothing may be written unseen."""
    found = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                found[str(path)] = (state.st_size, state.st_mtime_ns, content)
    return found
