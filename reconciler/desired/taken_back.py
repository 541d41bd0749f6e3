"""What a commit of ours that put a file back says of itself, and what somebody typed below it."""

from __future__ import annotations

import re

from reconciler.desired.objects import parents, raw
from reconciler.desired.repository import Repository

_MOST = 1 << 16  # bytes; ours are shorter
_KEYS = ("Environment", "Transition", "Failed", "Restores", "Evidence")  # of its trailers, see put_back.message
_OURS = re.compile("\n".join(rf"Reconciler-{key}: (?P<{key}>\S.*)" for key in _KEYS))
_COMMIT = re.compile(r"[0-9a-f]{40}")


def taken_back(repository: Repository, revision: str) -> str:
    """The commit that failed, as the trailers of `revision` name it; empty when that is somebody's own commit, or names
    one that it does not stand on. Raises InvalidDesired when git cannot be read."""
    text = (raw(repository, revision, "commit", _MOST) or b"").decode("utf-8", "replace")
    ours = _OURS.fullmatch(text.rstrip("\n").rpartition("\n\n")[2])
    failed = ours["Failed"].strip() if ours else ""
    return failed if _COMMIT.fullmatch(failed) and repository.descends(revision, failed) else ""


def last_typed(repository: Repository, head: str) -> str:
    """The newest commit that is somebody's own: below `head`, as far as there lie commits of ours that put a file back.
    It need not be what one of them took back: another commit may have come between. Raises InvalidDesired when git
    cannot be read."""
    while taken_back(repository, head) and (below := parents(repository, head, 1)):
        head = below[0]
    return head
