"""A person's own commit of one file: typed by us, but his in everything, with his name, his key and his hooks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from reconciler.clock import SYSTEM, Clock
from reconciler.desired.committing import Entry
from reconciler.desired.repository import Repository
from reconciler.desired.uncommitted import work_tree
from reconciler.desired.work_trees import WorkTree
from reconciler.errors import Conflict, Refused
from reconciler.spelling import said

_STRICT = ("-c", "user.useConfigOnly=true")  # a name that git makes up of a machine's is nobody's
_ELSEWHERE = (  # variables that would lead his git away from this work tree and its index
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A manifest in the work tree in which the branch is checked out. Nobody has changed it since the head."""

    repository: Repository
    tree: Path
    head: str
    path: str
    before: bytes

    @classmethod
    def of(cls, repository: Repository, path: str) -> OwnFile:
        """Raises Refused with what to do first, and InvalidDesired, UsageError and Unreachable."""
        tree, head = own_tree(repository), repository.head()
        listing = repository.environments(head)
        if path not in listing.blobs:
            raise Refused(f"{path} at {head[:12]} is no file that could be changed; see reconcile validate")
        file = Entry(path, listing.blobs[path], path in listing.executable)
        if obstacle := tree.touched(file):
            raise Refused(obstacle)
        before = _read(tree.folder / path)
        if before is None:
            raise Refused(f"{path} in {tree.folder} cannot be read")
        return cls(repository, tree.folder, head, path, before)

    @contextmanager
    def written(self, after: bytes) -> Iterator[None]:
        """With this content. When what is done with it fails, or is interrupted, the file is as it was again, unless it
        is committed by then. Raises Conflict when somebody was faster, Refused when it cannot be written."""
        file = self.tree / self.path
        if self.repository.head() != self.head or _read(file) != self.before:
            raise Conflict(f"{self.path} or the branch has changed meanwhile, so nothing was done; look at it again")
        try:
            _write(file, after)
            yield
        except BaseException:
            if self.repository.head() == self.head:
                _write(file, self.before)
            raise

    def commit(self, message: str, *, sign: bool = False) -> str:
        """This path and no other; the new head. What else is staged stays so, and is not taken along. `sign`: also
        where his configuration does not say so. His hooks run, as always: his team may rely on them. Raises Refused
        with what git or a hook says."""
        signing = ("-S",) if sign else ()
        one = f":(literal){self.path}"
        status, told = self._git(("git", *_STRICT, "commit", "--quiet", *signing, "-m", message, "--", one))
        if status:
            typed = f"`{self.typed(message)}` in {self.tree} failed"
            raise Refused(f"{typed}, and {self.path} is as it was:\n{told}{_cure(told)}")
        return self.repository.head()

    def settled(self) -> str:
        """After the commit: a hook of his may have changed the file, and staged that for the commit alone. Where the
        work tree holds what was committed, the index is brought up to it; else what there is to say of it."""
        one = f":(literal){self.path}"
        if not self._git(("git", "status", "--porcelain", "--", one))[1]:
            return ""
        if self._git(("git", "diff", "--quiet", "HEAD", "--", one))[0] == 0:
            self._git(("git", "add", "--", one))
            return ""
        look = join(("git", "-C", str(self.tree), "diff", "HEAD", "--", self.path))
        return f"{self.path} is not as it was committed: a hook has changed one of them; see: {look}"

    def typed(self, message: str, *, sign: bool = False) -> str:
        """The same as a person types it."""
        return join(("git", "commit", *(("-S",) if sign else ()), "-m", message, "--", self.path))

    def _git(self, command: tuple[str, ...]) -> tuple[int, str]:
        """Without a deadline: a hook or a key may want something from him, and Ctrl-C is at hand. It reaches git, too,
        which then ends by itself and removes its locks; if it had done its work before, that counts."""
        environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        try:
            process = subprocess.Popen(
                command,
                cwd=self.tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise Refused(f"git cannot be started: {error.strerror}; is it installed?") from error
        with process:
            try:
                out = process.communicate()[0]
            except KeyboardInterrupt:
                process.terminate()
                process.wait()  # not for its words: whatever a hook has started may hold them open
                if process.returncode:
                    raise
                return 0, ""
        return process.returncode, "\n".join(said(out))


def own_tree(repository: Repository, clock: Clock = SYSTEM) -> WorkTree:
    """The work tree, with the branch that the loop follows checked out, and nothing under way. Raises UsageError for a
    bare repository, Refused with what to do first, InvalidDesired and Unreachable."""
    tree = work_tree(repository)
    if obstacle := tree.busy(clock) or _elsewhere(repository, tree.folder):
        raise Refused(obstacle)
    return tree


def _elsewhere(repository: Repository, folder: Path) -> str:
    """Why a commit from here would not be on the branch that the loop follows; empty when it would."""
    head = repository.plumbing().run("symbolic-ref", "--quiet", "HEAD").text
    short = repository.tip()[0]
    if head == f"refs/heads/{short}":
        return ""
    checked_out = f"'{head.removeprefix('refs/heads/')}' is" if head else "no branch is"
    cure = join(("git", "-C", str(folder), "switch", short))
    return f"{checked_out} checked out in {folder}, and the loop follows '{short}'; type: {cure}"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _write(file: Path, content: bytes) -> None:
    """In its place: owner, mode and links stay. Raises Refused."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Refused(f"{file}: cannot be written: {error.strerror}") from error


def _cure(told: str) -> str:
    if "user.useConfigOnly" in told or "auto-detection is disabled" in told or "Please tell me who you are" in told:
        return '\ntype: git config --global user.name "YOUR NAME"; git config --global user.email YOUR@ADDRESS'
    return ""
