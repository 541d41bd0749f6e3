"""What an installation would do, as a value: it is shown as it is, and then done as it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join

from reconciler.drivers.local import durable
from reconciler.errors import ReconcilerError

SECONDS = 300.0  # that one command may take; systemd waits for the loop's first look within it


@dataclass(frozen=True, slots=True)
class Written:
    """A file, whole; replaced if it is there."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Removed:
    path: Path


@dataclass(frozen=True, slots=True)
class Run:
    """A command, and why. `tolerated`: that it fails is no reason to stop here."""

    argv: tuple[str, ...]
    why: str
    tolerated: bool = False

    def __str__(self) -> str:
        return subprocess.list2cmdline(self.argv) if os.name == "nt" else join(self.argv)


Step = Written | Removed | Run
Call = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`problems`: why none of it can be done; `notes`: what else should be known; `after`: what to type then."""

    title: str
    steps: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=())


def call(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Raises ReconcilerError when it cannot be run, or does not end."""
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except OSError as error:
        raise ReconcilerError(f"{argv[0]} cannot be run: {error.strerror or type(error).__name__}") from error
    except subprocess.TimeoutExpired as error:
        raise ReconcilerError(f"{argv[0]} has not ended within {SECONDS:g} s") from error


def perform(plan: Plan, tell: Callable[[Step], None], run: Call = call) -> None:
    """In order, and each is told before it is done. Raises ReconcilerError with what failed; what came before stays."""
    for step in plan.steps:
        tell(step)
        match step:
            case Written(path, text):
                _make_folder(path.parent)
                durable.write(path, text, mode=0o644)
            case Removed(path):
                _remove(path)
            case Run(argv):
                done = run(argv)
                if done.returncode and not step.tolerated:
                    words = (done.stderr.strip() or done.stdout.strip() or "without a word")[:2000]
                    raise ReconcilerError(f"`{step}` ended with {done.returncode}: {words}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReconcilerError(f"{folder}: cannot be made: {error.strerror}") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReconcilerError(f"{path}: cannot be removed: {error.strerror}") from error
