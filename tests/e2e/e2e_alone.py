"""A test that holds the product to a time of the report gets the machine; the other end-to-end tests of a run share it,
whichever process runs them.

Everybody comes in through a turnstile, one after another. Who wants to be alone stays in it until the last of the
others has left, so whoever comes later waits behind him, and he does not wait for ever. Nobody who is in asks once
more, so nobody waits for himself; and the kernel opens the locks of a process that has ended.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def machine(folder: Path, *, alone: bool) -> Iterator[None]:
    """`folder`: the same one for all who share the machine."""
    with turnstile(folder).open("a") as entrance, (folder / "machine.lock").open("a") as inside:
        with _locked(entrance, fcntl.LOCK_EX):
            fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(inside, fcntl.LOCK_UN)  # a child of ours may have the same file open


def turnstile(folder: Path) -> Path:
    return folder / "turnstile.lock"


@contextmanager
def _locked(file: IO[str], how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
