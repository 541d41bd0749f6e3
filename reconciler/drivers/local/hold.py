"""An open file that nobody else can hold meanwhile: `flock`, or what Windows has for it. Both end with the process."""

from __future__ import annotations

import os
import sys
from threading import Event

FAR = 1 << 20  # bytes: what Windows locks nobody else can read, and the text at a file's beginning is for everybody


def hold(descriptor: int) -> None:
    """Until it is closed; without waiting. Raises OSError while somebody else holds the file."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held(descriptor: int) -> bool:
    """Does somebody else hold it? Looking takes it for a moment, on Windows so that nobody else can look meanwhile."""
    if sys.platform == "win32":
        return _held_on_windows(descriptor)
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _held_on_windows(descriptor: int) -> bool:
    import msvcrt

    for _ in range(3):  # somebody else who only looks has let go by then
        try:
            hold(descriptor)
        except OSError:
            Event().wait(0.02)
            continue
        if sys.platform == "win32":
            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
    return True
