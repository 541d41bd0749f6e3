"""A commit that changes one path, made beside everybody: no work tree, nobody's index, no hook, never forced."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.desired.plumbing import Plumbing
from reconciler.errors import Conflict, InvalidConfiguration, Refused, Unreachable

_IDENTITY = re.compile(r"\s*([^<>\x00-\x1f]*[^<>\x00-\x20])\s*<([^<>\s]+)>\s*")
_ABSENT = "0" * 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as a commit has it."""

    path: str
    blob: str
    executable: bool = False

    @property
    def mode(self) -> str:
        return "100755" if self.executable else "100644"

    @property
    def content(self) -> tuple[str, bool]:
        return self.blob, self.executable


class Committer:
    """Who commits: `identity` is written `Name <mail>`, `key` an SSH private key without a passphrase.
    Raises InvalidConfiguration for an identity that git would not take."""

    def __init__(self, identity: str, key: Path | None = None) -> None:
        found = _IDENTITY.fullmatch(identity)
        if found is None:
            raise InvalidConfiguration(f"'{identity[:60]}' is no identity, expected: reconciler <reconciler@localhost>")
        name, mail = found.groups()
        self._key = key
        self._who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail}
        self._who |= {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail}

    def commit(self, git: Plumbing, parent: str, entry: Entry, message: str, *, signed: bool = False) -> str:
        """The id of a commit on `parent` (empty: without one) that differs from it in `entry` alone. It hangs in the
        air until a reference names it. Raises Refused and Unreachable."""
        with _private_index(git) as index:
            git.ask("read-tree", parent or "--empty", extra=index)
            line = f"{entry.mode} {entry.blob}\t{entry.path}\0".encode()
            git.ask("update-index", "-z", "--add", "--index-info", stdin=line, extra=index)
            tree = git.ask("write-tree", extra=index)
        parents = ("-p", parent) if parent else ()
        settings, flag = self._signing(signed)
        command = (*settings, "commit-tree", *flag, tree, *parents, "-F", "-")
        made = git.run(*command, stdin=message.encode(), extra=self._who)
        if made.status:
            with_key = f" with the key {self._key}; it must have no passphrase" if signed and self._key else ""
            raise Refused(f"{git.path}: the commit cannot be made{with_key}: {made.words}")
        return made.text

    def move(self, git: Plumbing, reference: str, commit: str, before: str, why: str) -> None:
        """Let `reference` name `commit` if it still names `before` (empty: if it is not there). Raises Conflict when
        it does not, Refused when it cannot be written, Unreachable when that is not known."""
        expected = before or _ABSENT
        moved = git.run("update-ref", "--no-deref", "-m", why, reference, commit, expected, extra=self._who)
        if moved.status == 0:
            return
        now = named(git, reference)
        if now != before:
            place = f"{git.path}: {reference}"
            raise Conflict(f"{place} has moved from {before[:12] or 'nowhere'} to {now[:12] or 'nowhere'}; look again")
        raise Refused(f"{git.path}: {reference} cannot be written: {moved.words}")

    def _signing(self, signed: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """No program of the repository's configuration signs, and no other key than ours."""
        if not signed or self._key is None:
            return (), ()
        chosen = ("gpg.format=ssh", "gpg.ssh.program=ssh-keygen", f"user.signingKey={self._key.absolute()}")
        return tuple(word for setting in chosen for word in ("-c", setting)), ("-S",)


def named(git: Plumbing, reference: str) -> str:
    """The commit that a reference names now; empty when there is none."""
    found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    return found.text if found.status == 0 else ""


@contextmanager
def _private_index(git: Plumbing) -> Iterator[dict[str, str]]:
    """Where a tree is put together without touching what anybody has staged."""
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-", dir=git.common, ignore_cleanup_errors=True) as folder:
            yield {"GIT_INDEX_FILE": str(Path(folder) / "index")}
    except FileNotFoundError as error:
        raise Unreachable(f"{git.path} is gone; name a local repository as `path` under [repository]") from error
    except OSError as error:
        text = f"{git.common} cannot be written ({error.strerror}); whoever runs the reconciler must be allowed to"
        raise Refused(text) from error
