"""`msvcrt.locking` as Windows has it, as far as our locks can tell: by handle, dropped with it, without waiting, and
nobody else can read what is locked."""

from __future__ import annotations

import errno
import fcntl
import os

LK_UNLCK, LK_NBLCK = 0, 2


def locking(descriptor: int, mode: int, size: int) -> None:
    """Raises PermissionError for what another handle holds, also one of this very process; OSError for letting go of
    what is not held. The region begins where the handle stands."""
    begins = os.lseek(descriptor, 0, os.SEEK_CUR)
    assert (begins, size) == (1 << 20, 1), "one byte, far behind the text, which would be unreadable for others"
    assert begins > os.fstat(descriptor).st_size
    if mode == LK_UNLCK:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return
    assert mode == LK_NBLCK, "everything else waits for ten seconds"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None
