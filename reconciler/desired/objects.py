"""Commits and tags of a repository as raw bytes, and which commits changed which manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import git

from reconciler.desired.raw_object import Kind
from reconciler.desired.repository import FOLDER, Repository

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATIENCE = 10.0  # seconds, for git to walk through a history
_LOG = (
    "git", "log", "--full-history", "--raw", "-c", "--root", "-r", "-z", "--no-abbrev", "--no-renames", "--no-relative",
    "--no-color", "--no-show-signature", "--no-notes", "--format=%x00%x00%H",
)  # fmt: skip
_BETWEEN = re.compile(r"\0\0([0-9a-f]{40})(?:\0|$)")  # no path is empty, so nothing else looks like it
_RECORD = re.compile(r"(?P<colons>:+)(?P<fields>[0-7]{6}[0-9a-f A-Z]*)\0(?P<path>[^\0]+)")
_MANIFEST = re.compile(FOLDER + r"/[^/]+\.ya?ml")


def raw(repository: Repository, name: str, kind: Kind, most: int) -> bytes | None:
    """The content of the object with this id. None: there is none, it is of another kind, or larger than `most` bytes.
    Raises InvalidDesired when the repository cannot be read."""
    if not _COMMIT.fullmatch(name):
        return None
    return repository.ask(lambda handle: _content(handle, name, kind, most))


class Change(NamedTuple):
    """A manifest as a commit has it, or had it before."""

    path: str
    blob: str


def changes(
    repository: Repository, since: str, revision: str, most: int
) -> tuple[tuple[str, tuple[Change, ...]], ...] | None:
    """The commits after `since` up to `revision`, on every side of a merge, that changed manifests, newest first; and
    each manifest as it was before and after. None: git cannot tell, or they are more than `most`. Raises InvalidDesired
    when the repository cannot be read."""
    if not (_COMMIT.fullmatch(revision) and _COMMIT.fullmatch(since)):
        return None
    command = (*_LOG, f"--max-count={most + 1}", f"{since}..{revision}", "--", f":(top,literal){FOLDER}")
    text = _told(repository, command)
    if text is None:
        return None
    _, *parts = _BETWEEN.split(text)
    found = tuple((commit, tuple(_changed(told))) for commit, told in zip(parts[::2], parts[1::2], strict=True))
    return found if len(found) <= most else None


def last_change(repository: Repository, paths: Sequence[str], revision: str) -> str | None:
    """The commit that gave these files the content that they have at `revision`. None: git cannot tell. Raises
    InvalidDesired when the repository cannot be read."""
    if not _COMMIT.fullmatch(revision):
        return None
    names = (f":(top,literal){path}" for path in paths)
    return _told(repository, ("git", "rev-list", "-1", revision, "--", *names)) or None


def touching(repository: Repository, path: str, since: str, revision: str, most: int) -> list[str]:
    """The commits after `since` (empty: all) up to `revision` that made a file what it is there, newest first; none
    when git cannot tell. Sides of a merge that it has nothing of are left out. Raises InvalidDesired when the
    repository cannot be read."""
    if not _COMMIT.fullmatch(revision) or (since and not _COMMIT.fullmatch(since)):
        return []
    commits = f"{since}..{revision}" if since else revision
    command = ("git", "rev-list", "--topo-order", f"--max-count={most}", commits, "--", f":(top,literal){path}")
    return (_told(repository, command) or "").split()


def parents(repository: Repository, commit: str, most: int) -> tuple[str, ...]:
    """Of a commit, as git understands it, whatever else is wrong with it; none when git does not. Raises InvalidDesired
    when the repository cannot be read."""
    if not _COMMIT.fullmatch(commit):
        return ()
    text = _told(repository, ("git", "rev-list", "--parents", "--max-count=1", commit)) or ""
    return tuple(text.split()[1 : most + 1])


def _told(repository: Repository, command: tuple[str, ...]) -> str | None:
    def ask(handle: git.cmd.Git) -> tuple[int, str]:
        status, out, _ = handle.execute(
            command, with_extended_output=True, with_exceptions=False, kill_after_timeout=_PATIENCE
        )
        return status, str(out)

    status, out = repository.ask(ask)
    return out if status == 0 else None


def _changed(text: str) -> Iterator[Change]:
    """Records of `git log --raw -c`: as many colons as the commit has parents, and one mode and one id more."""
    for found in _RECORD.finditer(text):
        parents, path = len(found["colons"]), found["path"]
        modes, blobs = found["fields"].split()[: parents + 1], found["fields"].split()[parents + 1 : -1]
        if _MANIFEST.fullmatch(path):
            yield from (Change(path, blob) for mode, blob in zip(modes, blobs, strict=False) if mode[:3] == "100")


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
