"""The work trees in which a branch is checked out: may one file of it be moved there, and moving it.

Moving only the reference would leave the old file staged, and the next commit from that work tree would bring it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from reconciler.clock import Clock
from reconciler.desired.committing import Entry
from reconciler.desired.lock_files import locked
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.work_file import filtered, reading
from reconciler.errors import Refused

_UNDER_WAY = (  # file in the git folder, what it is a sign of, commands that end it
    ("MERGE_HEAD", "a merge", ("merge --continue", "merge --abort")),
    ("CHERRY_PICK_HEAD", "a cherry-pick", ("cherry-pick --continue", "cherry-pick --abort")),
    ("REVERT_HEAD", "a revert", ("revert --continue", "revert --abort")),
    ("rebase-merge", "a rebase", ("rebase --continue", "rebase --abort")),
    ("rebase-apply/applying", "an `am`", ("am --continue", "am --abort")),
    ("rebase-apply", "a rebase", ("rebase --continue", "rebase --abort")),
    ("BISECT_LOG", "a bisect", ("bisect reset",)),
    ("sequencer", "a series of picks", ("cherry-pick --continue", "cherry-pick --abort")),
)
_ITS_BRANCH = ("rebase-merge/head-name", "rebase-apply/head-name", "rebase-merge/update-refs", "BISECT_START")
_TRUE = {"true", "yes", "on", "1"}


@dataclass(frozen=True, slots=True)
class WorkTree:
    """One in which the branch is checked out, or is being rebased or bisected. `path` None: nobody knows where."""

    git_dir: Path
    path: Path | None
    shared: Plumbing

    @property
    def folder(self) -> Path:
        """Where it is. Only of one that is known to be there."""
        assert self.path is not None
        return self.path

    def obstacle(self, old: Entry, new: Entry, cure: str, clock: Clock) -> str:
        """Why the file cannot be moved from `old` to `new` here, with what to type; empty when it can.
        `cure`: the command that puts it back by hand. Raises Unreachable when git does not answer."""
        sign = ".git" if self.git_dir != self.shared.common else "."  # a main one may lie far from its git folder
        if self.path is None or not os.path.exists(self.path / sign):
            return self._gone()
        if told := self._under_way():
            return f"{told}, and the file is put back by itself"
        if told := self._locked(clock):
            return told
        settings = self.shared.within(self.git_dir, self.path, {}).settings()
        if settings.get("core.sparsecheckout", "").lower() in _TRUE:
            return f"{self.path} is sparse, so its files are not moved from here; type: {cure}"
        git = self._git(settings)
        if told := self._unmerged(git):
            return f"{told}, and the file is put back by itself"
        return self._changed(git, old, new, cure, settings) or self._filtered(git, old, cure)

    def busy(self, clock: Clock) -> str:
        """Why nothing should be committed here just now, with what to do first; empty when it may be."""
        return self._under_way() or self._locked(clock)

    def touched(self, file: Entry) -> str:
        """Why a change of this one file would not be the only one here, with what to do first; empty when it would.
        `file`: as the head has it. Raises Unreachable when git does not answer."""
        settings = self.shared.within(self.git_dir, self.folder, {}).settings()
        git = self._git(settings)
        modes = settings.get("core.filemode", "true").lower() in _TRUE
        if told := self._unmerged(git):
            return told
        if reading(git, file.path, modes) != (file.content, file.content if modes else file.blob):
            there = f"git -C {quote(str(self.path))}"
            kept = f"commit them with `{there} commit -- {quote(file.path)}`"
            stashed = f"keep them with `{there} stash push -- {quote(file.path)}`"
            return f"{file.path} in {self.path} has changes that are not committed; {kept}, or {stashed}"
        name = filtered(git, file.path)
        return f"{file.path} goes through the filter '{name}', so change and commit it by hand" if name else ""

    def _locked(self, clock: Clock) -> str:
        return locked((self.git_dir / "index.lock", self.git_dir / "HEAD.lock"), clock)

    def move(self, old: str, new: str, path: str) -> None:
        """Take index and file from one commit to another that differs from it in `path`; everything else stays as it
        is, staged or not. Done twice is done once. Raises Refused when somebody has changed the file by now."""
        assert self.path is not None
        git = self._git(self.shared.within(self.git_dir, self.path, {}).settings())
        git.run("add", "--refresh", "--", path)  # a file that was only touched counts as unchanged
        moved = git.run("read-tree", "-m", "-u", old, new)
        if moved.status:
            raise Refused(f"{path} in {self.path} cannot be moved: {moved.words}; see `git -C {self.path} status`")

    def _git(self, settings: dict[str, str]) -> Plumbing:
        """Without the programs that filters would run: whether any applies is asked first, but files may change."""
        assert self.path is not None
        names = [key for key in settings if key.startswith("filter.")]
        off = {key: "false" if key.endswith(".required") else "" for key in names}
        return self.shared.within(self.git_dir, self.path, off)

    def _gone(self) -> str:
        forget = f"git -C {quote(str(self.shared.path))} worktree prune"
        where = f"its work tree {self.path} is gone" if self.path else f"the work tree of {self.git_dir} is not found"
        held = self.git_dir / "locked"
        if self.path and held.exists():
            forget = f"git -C {quote(str(self.shared.path))} worktree unlock {quote(str(self.path))} && {forget}"
        return f"the branch is checked out, and {where}; bring it back, or type: {forget}"

    def _under_way(self) -> str:
        for name, what, commands in _UNDER_WAY:
            if (self.git_dir / name).exists():
                typed = " or ".join(f"`git -C {quote(str(self.path))} {command}`" for command in commands)
                return f"{what} is under way in {self.path}; end it with {typed}"
        return ""

    def _unmerged(self, git: Plumbing) -> str:
        if not git.ask("ls-files", "-z", "--unmerged"):
            return ""
        see = f"git -C {quote(str(self.path))} status"
        return f"{self.path} has conflicts; resolve them (`{see}`)"

    def _changed(self, git: Plumbing, old: Entry, new: Entry, cure: str, settings: dict[str, str]) -> str:
        modes = settings.get("core.filemode", "true").lower() in _TRUE
        staged, file = reading(git, old.path, modes)
        # Both as they will be: that is what a crash of ours leaves between the tree and the reference.
        if any(staged == one.content and file in (one.content, one.blob) for one in (old, new)):
            return ""
        keep = f"git -C {quote(str(self.path))} stash push -- {quote(old.path)}"
        return (
            f"{old.path} in {self.path} has changes that are not committed;"
            f" keep them with `{keep}`, and it is put back by itself; or lose them: {cure}"
        )

    def _filtered(self, git: Plumbing, old: Entry, cure: str) -> str:
        name = filtered(git, old.path)
        return f"{old.path} goes through the filter '{name}', which is not run from here; type: {cure}" if name else ""


def work_trees(git: Plumbing, reference: str) -> list[WorkTree]:
    """Those that would notice if `reference` moved. Raises Unreachable when git does not answer."""
    every = (WorkTree(git_dir, path, git) for git_dir, path in _places(git))
    return [tree for tree in every if _concerned(tree, reference)]


def own(git: Plumbing) -> WorkTree | None:
    """The one that belongs to this very git folder; None for a bare repository."""
    for git_dir, path in _places(git):
        if path and os.path.realpath(git_dir) == os.path.realpath(git.git_dir):
            return WorkTree(git_dir, path, git)
    return None


def _places(git: Plumbing) -> Iterator[tuple[Path, Path | None]]:
    """The git folder of every work tree, and where its files are. `git worktree list` knows neither the first nor
    those that are moved by core.worktree."""
    settings = git.settings(git.common)
    if settings.get("core.bare", "").lower() not in _TRUE:
        yield git.common, _main(git, settings.get("core.worktree", ""))
    for admin in sorted((git.common / "worktrees").glob("*/gitdir")):
        try:
            yield admin.parent, (admin.parent / admin.read_text("utf-8", "surrogateescape").strip()).parent
        except OSError:
            continue


def _main(git: Plumbing, configured: str) -> Path | None:
    if configured:
        return (git.common / configured).resolve()
    if git.common.name == ".git":
        return git.common.parent
    return git.path if git.git_dir == git.common else None


def _concerned(tree: WorkTree, reference: str) -> bool:
    head = tree.shared.run("symbolic-ref", "--quiet", "HEAD", extra={"GIT_DIR": str(tree.git_dir)})
    return head.text == reference or any(reference in _lines(tree.git_dir / name) for name in _ITS_BRANCH)


def _lines(file: Path) -> list[str]:
    """A bisect notes the branch without what comes before its name."""
    try:
        lines = file.read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []
    return [f"refs/heads/{line}" if file.name == "BISECT_START" else line for line in lines]
