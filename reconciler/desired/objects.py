"""Commits and tags of a repository as raw bytes, and the history of one file."""

from __future__ import annotations

import re

import git

from reconciler.desired.raw_object import Kind
from reconciler.desired.repository import Repository

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATIENCE = 10.0  # seconds, for git to walk through a history


def raw(repository: Repository, name: str, kind: Kind, most: int) -> bytes | None:
    """The content of the object with this id. None: there is none, it is of another kind, or larger than `most` bytes.
    Raises InvalidDesired when the repository cannot be read."""
    if not _COMMIT.fullmatch(name):
        return None
    return repository.ask(lambda handle: _content(handle, name, kind, most))


def changes(repository: Repository, path: str, since: str, revision: str, most: int) -> tuple[str, ...] | None:
    """The commits up to `revision` that changed the file `path`, newest first: all of them after `since`, on every side
    of a merge; without a `since`, the one that gave it its present content. None: git cannot tell, or they are more
    than `most`. Raises InvalidDesired when the repository cannot be read."""
    if not _COMMIT.fullmatch(revision) or (since and not _COMMIT.fullmatch(since)):
        return None
    wanted = ("--full-history", f"--max-count={most + 1}", f"{since}..{revision}") if since else ("-1", revision)
    command = ("git", "rev-list", *wanted, "--", f":(top,literal){path}")

    def ask(handle: git.cmd.Git) -> tuple[int, str]:
        status, out, _ = handle.execute(
            command, with_extended_output=True, with_exceptions=False, kill_after_timeout=_PATIENCE
        )
        return status, str(out)

    status, out = repository.ask(ask)
    found = tuple(out.split())
    return found if status == 0 and len(found) <= most else None


def _content(handle: git.cmd.Git, name: str, kind: Kind, most: int) -> bytes | None:
    """Size first, so that nothing large is ever read into memory."""
    try:
        found = handle.get_object_header(name)
    except ValueError as error:
        if "could not be resolved" in str(error):
            return None
        raise
    form = found[1].decode("ascii") if isinstance(found[1], bytes) else found[1]
    if form != kind or found[2] > most:
        return None
    return handle.get_object_data(name)[3]
