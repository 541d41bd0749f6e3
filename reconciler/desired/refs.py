"""Where a branch points, read from git's own files: a small read per tick, and no process."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.errors import InvalidDesired, Problem

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NEVER = r"(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))"  # what git allows in no name: it could lead elsewhere
_BRANCH = re.compile(_NEVER + r"[^\x00-\x20\x7f~^:?*\[\\/.-][^\x00-\x20\x7f~^:?*\[\\]*(?<![/.])")
_DEPTH = 5  # of references that name another one


class Refs:
    """The references of one repository: `git_dir` is the work tree's own (HEAD), `common` is shared by all of them."""

    def __init__(self, path: Path, git_dir: Path, common: Path) -> None:
        self._path = path
        self._git_dir = git_dir
        self._common = common
        self._packed: tuple[tuple[int, int, int], dict[str, str]] | None = None

    @property
    def folder(self) -> Path:
        """In which git writes whenever a branch moves."""
        return self._common / "refs"

    def current(self) -> str:
        """The branch that HEAD names. Raises InvalidDesired when it names none."""
        head = _content(self._git_dir / "HEAD") or ""
        if head.startswith("ref: refs/heads/"):
            return head.removeprefix("ref: refs/heads/")
        if _COMMIT.fullmatch(head):
            text = "HEAD is detached, so it names no branch; set `branch` under [repository], or `git switch BRANCH`"
        else:
            text = "HEAD cannot be read; set `branch` under [repository], or run `git fsck`"
        raise self._problem(text)

    def read(self, branch: str) -> str | None:
        """The commit at a branch's head; None when the files do not know it."""
        if not _BRANCH.fullmatch(branch):
            raise self._problem(f"'{branch}' cannot be a branch's name; set `branch` under [repository]")
        name = f"refs/heads/{branch}"
        for _ in range(_DEPTH):
            found = _content(self._common / name) or self._packed_refs().get(name, "")
            if not found.startswith("ref: refs/heads/"):
                break
            name = found.removeprefix("ref: ")
            if not _BRANCH.fullmatch(name.removeprefix("refs/heads/")):
                return None
        return found if _COMMIT.fullmatch(found) else None

    def under(self, folder: str) -> dict[str, str]:
        """Name -> object id of every reference below a folder. Raises InvalidDesired for a format that is no files."""
        if (self._common / "reftable").exists():
            raise self._problem(f"{folder} cannot be read from a reftable; run `git refs migrate --ref-format=files`")
        found = {name: value for name, value in self._packed_refs().items() if name.startswith(f"{folder}/")}
        for path in (self._common / folder).rglob("*"):
            name = path.relative_to(self._common).as_posix()
            if _BRANCH.fullmatch(name.removeprefix("refs/")) and (value := _content(path)):
                found[name] = value
        return {name: value for name, value in found.items() if _COMMIT.fullmatch(value)}

    def missing(self, branch: str, configured: bool) -> InvalidDesired:
        """What to say of a branch that is not there."""
        known = self._branches()
        if not known:
            return self._problem(f"branch '{branch}' has no commit yet; commit a manifest to environments/ first")
        names = ", ".join(known[:8])
        cure = "set `branch` under [repository]" if configured else "commit to it, or switch to another"
        return self._problem(f"there is no branch '{branch}'; {cure}; there are: {names}")

    def _branches(self) -> list[str]:
        root = self._common / "refs" / "heads"
        loose = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        packed = {name.removeprefix("refs/heads/") for name in self._packed_refs() if name.startswith("refs/heads/")}
        return sorted(loose | packed)

    def _packed_refs(self) -> dict[str, str]:
        """After a gc the loose file is gone. Read again only when the file is another one."""
        path = self._common / "packed-refs"
        try:
            state = path.stat()
            mark = (state.st_mtime_ns, state.st_size, state.st_ino)
            if self._packed is None or self._packed[0] != mark:
                lines = path.read_text("utf-8", "surrogateescape").splitlines()
                pairs = (line.split(" ", 1) for line in lines if line[:1] not in ("#", "^") and " " in line)
                self._packed = mark, {name: commit for commit, name in pairs}
        except OSError:
            return {}
        return self._packed[1]

    def _problem(self, text: str) -> InvalidDesired:
        return InvalidDesired(Problem(str(self._path), 0, 0, text))


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape").strip()
    except (OSError, ValueError):
        return None
