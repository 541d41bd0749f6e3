"""One file of a work tree: as it is staged, as it lies there, and whether a program would have to turn it over."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from reconciler.desired.plumbing import Plumbing
from reconciler.desired.repository import MOST_BYTES

CAREFUL = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # what Windows has no names for

Content = tuple[str, bool]  # blob id, executable


def reading(git: Plumbing, path: str, modes: bool) -> tuple[Content | None, Content | str | None]:
    """(in the index, in the work tree). None: not there, or nothing that can be moved: a link, a conflict, a file
    that git was told to look away from. Without `modes` a file's own executable bit says nothing: only its blob."""
    staged = _staged(git, path)
    assert git.folder is not None
    found = _on_disk(git.folder, path)
    if staged is None or found is None:
        return staged, None
    content, executable = found
    blob = _blob(git, path, content, staged[0])
    return staged, (blob, executable) if modes else blob


def filtered(git: Plumbing, path: str) -> str:
    """The filter that applies, by the work tree's attributes or by the index's: git reads either; empty for none."""
    for where in ((), ("--cached",)):
        value = git.ask("check-attr", "-z", *where, "filter", "--", path).split("\0")[2]
        if value not in ("unspecified", "unset"):
            return value
    return ""


def _staged(git: Plumbing, path: str) -> Content | None:
    lines = [line for line in git.ask("ls-files", "-z", "-v", "--stage", "--", path).split("\0") if line]
    if len(lines) != 1:
        return None
    tag, mode, blob, stage = lines[0].partition("\t")[0].split(" ")
    plain = tag == "H" and stage == "0" and mode in ("100644", "100755")
    return (blob, mode == "100755") if plain else None


def _on_disk(folder: Path, path: str) -> tuple[bytes, bool] | None:
    """Not through links: what they lead to is not the repository's."""
    try:
        steps = [folder.joinpath(*Path(path).parts[: count + 1]) for count in range(len(Path(path).parts))]
        if any(not stat.S_ISDIR(step.lstat().st_mode) for step in steps[:-1]):
            return None
        found = steps[-1].lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return None
        with open(os.open(steps[-1], CAREFUL), "rb") as file:
            return file.read(MOST_BYTES + 1), bool(found.st_mode & 0o100)
    except OSError:
        return None


def _blob(git: Plumbing, path: str, content: bytes, expected: str) -> str:
    """Git is asked only where the bytes differ: its line ends may be others here than in the repository."""
    plain = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return plain if plain == expected else git.ask("hash-object", "--stdin", f"--path={path}", stdin=content)
