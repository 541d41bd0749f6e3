"""Manifests that no commit has yet: as they lie in the work tree, as they are staged, or the head's with one edited.

Each is taken at one moment and judged under the same caps as a revision's: no links, bounded in size and count.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.desired.claims import Operator, judge
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.repository import FOLDER, MOST_BYTES, Listing, Repository, listed, too_large
from reconciler.desired.snapshot import impossible
from reconciler.desired.work_file import CAREFUL
from reconciler.desired.work_trees import WorkTree, own
from reconciler.errors import InvalidDesired, Problem, UsageError


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """In place of what the repository has at its head. `texts`: blob id -> content, of what git need not have."""

    repository: Repository
    found: Listing
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def tree(self, revision: str) -> str | None:  # noqa: ARG002
        return "uncommitted"

    def listing(self, tree: str | None) -> Listing:  # noqa: ARG002
        return self.found

    def text(self, blob: str, file: str = "a manifest") -> bytes:
        known = self.texts.get(blob)
        return self.repository.text(blob, file) if known is None else known


def in_work_tree(repository: Repository) -> Uncommitted:
    """Every manifest as it lies there, also one that git does not know. Raises UsageError for a bare repository."""
    folder = work_tree(repository).folder / FOLDER
    if folder.is_symlink():
        text = "this is a symbolic link, expected a folder; commit the manifests themselves"
        return Uncommitted(repository, Listing(problems=(Problem(FOLDER, 0, 0, text),)))
    found, texts, problems = listed(_entries(folder)), dict[str, bytes](), list[Problem]()
    blobs: dict[str, str] = {}
    for path in found.blobs:
        content = _content(folder.parent / path, path)
        if isinstance(content, Problem):
            problems.append(content)
        else:
            blobs[path] = _id(content)
            texts[blobs[path]] = content
    return Uncommitted(repository, Listing(blobs, (*found.problems, *problems), found.executable), texts)


def staged(repository: Repository, index: Path | None = None) -> Uncommitted:
    """Every manifest as the next commit would have it. `index`: the one that git commits from, which in a hook may be
    another than the work tree's own. Raises UsageError, and Refused or Unreachable when git does not tell."""
    tree = work_tree(repository)
    git = tree.shared.within(tree.git_dir, tree.folder, {})
    entries, conflicts = [], []
    for path, mode, blob, stage in _staged(git, {"GIT_INDEX_FILE": str(index)} if index else {}):
        if stage != "0":
            text = "this file has conflicts; resolve them, and `git add` it"
            conflicts.append(Problem(f"{FOLDER}/{path}", 0, 0, text))
        elif blob != _EMPTY:  # `git add --intent-to-add` puts no content there, and no commit takes it along
            entries.append((path, int(mode, 8), blob))
    found = listed(entries)
    return Uncommitted(repository, replace(found, problems=(*found.problems, *dict.fromkeys(conflicts))))


def edited(repository: Repository, path: str, content: bytes) -> Uncommitted:
    """The head's manifests as they would be with this one in place of what is there. Raises InvalidDesired."""
    head = repository.environments(repository.head())
    blob = _id(content)
    return Uncommitted(repository, replace(head, blobs={**head.blobs, path: blob}), {blob: content})


def judged(found: Uncommitted, operator: Operator | None) -> dict[str, Manifest | Invalid]:
    """Every environment by its name, beside the others and the operator's file."""
    return judge([*_read(found), *impossible(found.found)], operator)


def work_tree(repository: Repository) -> WorkTree:
    """The repository's own. Raises UsageError for a bare one."""
    tree = own(repository.plumbing())
    if tree is None:
        cure = f"do it in a clone (git clone {repository.path}), and push what you commit there"
        raise UsageError(f"{repository.path} is a bare repository, so it has no work tree; {cure}")
    return tree


_EMPTY = hashlib.sha1(b"blob 0\0", usedforsecurity=False).hexdigest()


def _read(found: Uncommitted) -> Iterator[Manifest | Invalid]:
    for path, blob in found.found.blobs.items():
        try:
            yield read(found.text(blob, path), path)
        except InvalidDesired as error:
            yield Invalid(path, None, error.problems)


def _entries(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Name, mode, and as yet no id. Raises InvalidDesired for a folder that cannot be read."""
    try:
        with os.scandir(folder) as every:
            for one in every:
                yield one.name, one.stat(follow_symlinks=False).st_mode, ""
    except FileNotFoundError:
        return
    except OSError as error:
        raise InvalidDesired(Problem(FOLDER, 0, 0, f"cannot be read: {error.strerror}")) from error


def _content(file: Path, path: str) -> bytes | Problem:
    """It may have become something else since it was listed: nothing is followed, waited for, or read without end."""
    try:
        with open(os.open(file, CAREFUL), "rb") as opened:
            state = os.fstat(opened.fileno())
            if not stat.S_ISREG(state.st_mode):
                return Problem(path, 0, 0, "this is no file any more, expected a regular one")
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        return Problem(path, 0, 0, f"cannot be read: {error.strerror}")
    return content if len(content) <= MOST_BYTES else too_large(path, state.st_size)


def _id(content: bytes) -> str:
    """As git names it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _staged(git: Plumbing, extra: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Name in the folder of manifests, mode, blob, stage."""
    for line in git.ask("ls-files", "-z", "--stage", "--full-name", "--", f"{FOLDER}/", extra=extra).split("\0"):
        about, _, path = line.partition("\t")
        name = path.removeprefix(f"{FOLDER}/")
        if name and "/" not in name:
            mode, blob, stage = about.split(" ")
            yield name, mode, blob, stage
