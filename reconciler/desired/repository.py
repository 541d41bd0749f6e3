"""One branch of one local git repository, read from its objects.

GitPython, hardened: no configuration from outside the repository, no hooks, no remote helpers, no lazy fetch, fixed
arguments only, whatever git variables the caller's environment holds. The one handle is guarded by a lock and healed
after a broken pipe. Nothing is opened before the first read, so a repository that is missing now may come later.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TypeVar

import git
from git.objects.fun import tree_entries_from_data

from reconciler.desired.plumbing import SETTINGS, Plumbing, configured
from reconciler.desired.refs import Refs
from reconciler.errors import InvalidDesired, Problem
from reconciler.spelling import shown

T = TypeVar("T")

FOLDER = "environments"
MOST_BYTES = 256 * 1024
MOST_FILES = 1000
_MOST_TREE = 4 * 1024 * 1024  # bytes of one folder's listing; some 80,000 names
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE, _LINK, _SUBMODULE, _DIRECTORY = 0o100000, 0o120000, 0o160000, 0o040000


@dataclass(frozen=True, slots=True)
class Listing:
    """The manifests of one revision: path -> blob id, and what lies there but cannot be one."""

    blobs: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    executable: frozenset[str] = frozenset()


class Repository:
    """`branch` None: the branch that HEAD names. Every method may raise InvalidDesired. Safe to share among threads."""

    def __init__(self, path: Path, branch: str | None = None) -> None:
        self.path = path
        self.branch = branch
        self._lock = threading.RLock()
        self._repo: git.Repo | None = None
        self._refs: Refs | None = None
        self._plumbing: Plumbing | None = None

    def head(self) -> str:
        """The commit id at the branch's head: a file read, no process."""
        return self.tip()[1]

    def tip(self) -> tuple[str, str]:
        """The branch's name, and the commit id at its head, of one moment."""
        with self._lock:
            repo = self._open()
            assert self._refs is not None
            branch = self.branch or self._refs.current()
            commit = self._refs.read(branch) or self._ask_for(repo, branch)
        if commit is None:
            raise self._refs.missing(branch, self.branch is not None)
        return branch, commit

    def commit_of(self, branch: str) -> str | None:
        """The commit id at any branch's head; None when it is not there (any more)."""
        with self._lock:
            repo = self._open()
            assert self._refs is not None
            return self._refs.read(branch) or self._ask_for(repo, branch)

    def tree(self, revision: str) -> str | None:
        """The id of `environments/` at a revision: while it stays the same, so does every manifest. None: not there."""
        found = self._read(lambda handle: _header(handle, f"{_checked(revision)}:{FOLDER}"))
        return found[0] if found and found[1] == "tree" else None

    def environments(self, revision: str) -> Listing:
        """Every `environments/*.yaml` and `*.yml` of a revision. Links, submodules and too many files are problems."""
        return self.listing(self.tree(revision))

    def listing(self, tree: str | None) -> Listing:
        """The same, of the folder that `tree` named."""
        if tree is None:
            return Listing()
        try:
            return _listing(self._content(tree, _MOST_TREE, FOLDER))
        except (ValueError, IndexError) as error:
            text = f"the folder's listing {tree[:12]} is malformed; run `git fsck`"
            raise InvalidDesired(Problem(FOLDER, 0, 0, text)) from error

    def text(self, blob: str, file: str = "a manifest") -> bytes:
        """The content of a blob; `file` is its name in problems."""
        return self._content(blob, MOST_BYTES, file)

    def descends(self, revision: str, ancestor: str) -> bool:
        """Is `ancestor` the revision itself or in its history? False for commits that are not (any more) there."""
        if not (_COMMIT.fullmatch(revision) and _COMMIT.fullmatch(ancestor)):
            return False
        parent = self._read(lambda handle: _header(handle, f"{revision}^"))
        if ancestor in (revision, parent[0] if parent else ""):
            return True  # the common case, without starting a process

        def ask(handle: git.cmd.Git) -> int:
            arguments = ("git", "merge-base", "--is-ancestor", ancestor, revision)
            return handle.execute(arguments, with_extended_output=True, with_exceptions=False)[0]

        return self._read(ask) == 0

    def plumbing(self) -> Plumbing:
        """Git commands as processes of their own, under the same hardening; for what the one handle cannot do."""
        with self._lock:
            self._open()
            assert self._plumbing is not None
            return self._plumbing

    def watch_path(self) -> Path:
        """The folder in which git writes whenever any branch of this repository moves."""
        with self._lock:
            self._open()
            assert self._refs is not None
            return self._refs.folder

    def ask(self, question: Callable[[git.cmd.Git], T]) -> T:
        """One question to the hardened git of this repository; asked again when its child has broken, so it must only
        read, and with fixed arguments."""
        return self._read(question)

    def references(self, folder: str) -> dict[str, str]:
        """Name -> object id of all that lies under, say, `refs/tags/reconciler`: some file reads, no process."""
        with self._lock:
            self._open()
            assert self._refs is not None
            return self._refs.under(folder)

    def close(self) -> None:
        """Closing twice is safe; a later read opens again."""
        with self._lock:
            if self._repo is not None:
                self._repo.close()
                self._repo = self._refs = self._plumbing = None

    def _open(self) -> git.Repo:
        if self._repo is None:
            try:
                repo = git.Repo(self.path, expand_vars=False)
            except (git.GitError, OSError, ValueError) as error:
                raise self._no_repository() from error
            git_dir = Path(repo.git_dir).absolute()
            common = _common(git_dir)
            hardened = _hardened(git_dir, common)
            repo.git.update_environment(**hardened)
            self._repo, self._refs = repo, Refs(self.path, git_dir, common)
            self._plumbing = Plumbing(self.path, git_dir, Path(os.path.normpath(common)), hardened)
        return self._repo

    def _no_repository(self) -> InvalidDesired:
        if root := root_above(self.path):
            text = f"lies inside {root}, which is the repository; go there first: cd {quote(str(root))}"
            return InvalidDesired(Problem(str(self.path.absolute()), 0, 0, text))
        what = "is not the root of a git repository" if self.path.exists() else "does not exist"
        todo = "name a local repository (its root, or a bare one) as `path` under [repository], or run `git init` there"
        return InvalidDesired(Problem(str(self.path), 0, 0, f"{what}; {todo}"))

    def _content(self, name: str, most: int, file: str) -> bytes:
        """Size first, so that nothing large is ever read into memory."""
        found = self._read(lambda handle: _header(handle, name))
        if found is None:
            raise InvalidDesired(Problem(file, 0, 0, f"git object {name} is missing or corrupt; run `git fsck`"))
        if found[2] > most:
            raise InvalidDesired(too_large(file, found[2], most))
        return self._read(lambda handle: handle.get_object_data(name)[3])

    def _ask_for(self, repo: git.Repo, branch: str) -> str | None:
        """For repositories that keep their references in another format than files."""
        arguments = ("git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{branch}")
        try:
            status, out, _ = repo.git.execute(arguments, with_extended_output=True, with_exceptions=False)
        except (git.GitError, OSError):
            return None
        return str(out) if status == 0 and _COMMIT.fullmatch(str(out)) else None

    def _read(self, ask: Callable[[git.cmd.Git], T]) -> T:
        """One whole question and answer. A broken `cat-file` child is replaced once; after that it is an error."""
        with self._lock:
            handle = self._open().git
            for last in (False, True):
                try:
                    return ask(handle)
                except (git.GitError, OSError, ValueError) as error:
                    handle.clear_cache()
                    if last:
                        text = f"git cannot read this repository ({type(error).__name__}); run `git fsck` there"
                        raise InvalidDesired(Problem(str(self.path), 0, 0, text)) from error
        raise AssertionError("unreachable")


def too_large(file: str, size: int, most: int = MOST_BYTES) -> Problem:
    text = f"{size} bytes are too many, expected at most {most}; split it up or move data elsewhere"
    return Problem(file, 0, 0, text)


def root_above(path: Path) -> Path | None:
    """The work tree in which an existing folder lies."""
    above = path.absolute().parents if path.is_dir() else ()
    return next((folder for folder in above if (folder / ".git").exists()), None)


def _common(git_dir: Path) -> Path:
    """What all work trees share. GitPython would believe the caller's environment."""
    try:
        return git_dir / (git_dir / "commondir").read_text("utf-8").strip()
    except OSError:
        return git_dir


def _hardened(git_dir: Path, common: Path) -> dict[str, str]:
    """Git's whole environment, spelt out: what a hook, a shell or a machine may have set does not reach it."""
    return {
        "GIT_DIR": str(git_dir),
        "GIT_COMMON_DIR": str(common),
        "GIT_OBJECT_DIRECTORY": str(common / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NAMESPACE": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_PARAMETERS": "",
        **configured(SETTINGS),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",  # an object that a partial clone lacks is missing, not fetched
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _header(handle: git.cmd.Git, name: str) -> tuple[str, str, int] | None:
    """(id, type, bytes), or None when git says that there is no such object."""
    try:
        found = handle.get_object_header(name)  # bytes, whatever its annotation says
    except ValueError as error:
        if "could not be resolved" in str(error):
            return None
        raise
    return _text(found[0]), _text(found[1]), found[2]


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _checked(revision: str) -> str:
    if not _COMMIT.fullmatch(revision):
        raise InvalidDesired(Problem(FOLDER, 0, 0, f"'{revision[:60]}' is no full commit id"))
    return revision


def _listing(data: bytes) -> Listing:
    """Raises ValueError or IndexError for bytes that are no tree."""
    return listed((name, mode, binary.hex()) for binary, mode, name in tree_entries_from_data(data))


def listed(entries: Iterable[tuple[str, int, str]]) -> Listing:
    """What lies in the folder of manifests, by name, mode (git and the file system write it alike) and id."""
    blobs: dict[str, str] = {}
    problems: list[Problem] = []
    executable: set[str] = set()
    for name, mode, blob in sorted(entries):
        if not name.endswith((".yaml", ".yml")):
            continue
        path, kind = f"{FOLDER}/{shown(name)}", mode & 0o170000
        if kind != _FILE:
            what = {_LINK: "a symbolic link", _SUBMODULE: "a submodule", _DIRECTORY: "a folder"}.get(kind, "no file")
            problems.append(Problem(path, 0, 0, f"this is {what}, expected a regular file; commit the content itself"))
        elif shown(name) != name:
            problems.append(Problem(path, 0, 0, "the file's name holds what cannot be shown; give it another name"))
        elif len(blobs) >= MOST_FILES:
            problems.append(Problem(path, 0, 0, f"more than {MOST_FILES} manifests; use a second repository"))
        else:
            blobs[path] = blob
            executable |= {path} if mode & 0o100 else set()
    return Listing(blobs, tuple(problems), frozenset(executable))
