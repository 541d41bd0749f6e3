"""Putting a vote into the repository, as a person: with his name and his key, whatever the repository configures.

A commit on a branch of its own, on the empty tree: no checkout, no index, no work tree and no hook is involved.
"""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.desired.ballots import BRANCH, FOLDER
from reconciler.desired.repository import Repository
from reconciler.desired.vote_text import parse
from reconciler.errors import Conflict, Refused, Unreachable, UsageError
from reconciler.spelling import said

ATTEMPTS = 12  # of putting it on the branch's tip, while others do the same
LOCKED = 4  # of them in a row against a lock: it is no race any more
_PAUSE, _LONGEST = 0.05, 1.0  # seconds after the first; twice as long after each, and no two wait equally long
_DEADLINE = 20.0  # seconds for one git command
_PATIENCE = 120.0  # seconds for one that signs: somebody may have to type, or to touch, something
_NOBODY = "0" * 40
_VOTER = '"$(git config user.email)"'  # in a shell: any e-mail address that git takes may stand in a tag's name


def vote(repository: Repository, text: str, sign: bool = False) -> str:
    """Put the message of a vote (see `vote_text.compose`) on the branch of votes; the new commit's id. `sign` False: it
    is signed where `commit.gpgSign` of the person's own configuration says so.

    Raises UsageError when nobody has told git who he is, Refused when git or the key does not do it, Conflict when
    others were faster again and again, Unreachable when it takes too long, InvalidDesired for no repository."""
    if parse(text) is None:
        raise UsageError("this is not the text of a vote")
    git = _Git(repository)
    tree = git.run("mktree")
    stood = 0  # tries in a row after which the tip was where it had been: another git's lock, for a moment or for good
    for attempt in range(ATTEMPTS):
        tip = repository.references(FOLDER).get(BRANCH, "")
        commit = git.commit(tree, tip, text, sign)
        if git.moved(tip, commit):
            return commit
        stood = stood + 1 if repository.references(FOLDER).get(BRANCH, "") == tip else 0
        if stood == LOCKED:
            raise Refused(f"git does not write {BRANCH}: {git.said}")
        time.sleep(min(_PAUSE * 2**attempt, _LONGEST) * random.uniform(0.5, 1))
    raise Conflict(f"{BRANCH} moved {ATTEMPTS} times meanwhile; try again")


def tag_command(text: str, clock: Clock = SYSTEM) -> str:
    """What somebody types who is at another machine, in his own clone: his vote as a signed tag. Its name carries the
    voter, so that everybody who is sent the same text gives a vote of his own."""
    found = parse(text)
    if found is None:
        raise UsageError("this is not the text of a vote")
    moment = "".join(one for one in clock.wall()[:19] if one.isdigit())
    name = f"reconciler/{moment}-{found.environment}-{found.stage}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    tag = f"git tag -s --cleanup=verbatim {name}-{_VOTER} -m {shlex.quote(text)}"
    return f"{tag}\ngit push origin refs/tags/{name}-{_VOTER}"


class _Git:
    """Git in one repository, for one person: his environment and his own configuration."""

    def __init__(self, repository: Repository) -> None:
        self._folder = repository.watch_path().parent
        self.said = ""
        self._environment = _environment(self._folder)
        self._own = self._configured()
        name, email = _identity(self._own)
        self._identity = f"{name} <{email}>"
        for who in ("AUTHOR", "COMMITTER"):
            self._environment |= {f"GIT_{who}_NAME": name, f"GIT_{who}_EMAIL": email}

    def commit(self, tree: str, tip: str, text: str, sign: bool) -> str:
        signing = sign or self._own.get("commit.gpgsign", "").lower() in ("true", "yes", "on", "1")
        how = (
            (*_signing(self._own, self._identity), "commit-tree", "-S") if signing else ("commit-tree", "--no-gpg-sign")
        )
        parents = ("-p", tip) if tip else ()
        return self.run(*how, tree, *parents, "-F", "-", stdin=text, patience=_PATIENCE if signing else _DEADLINE)

    def moved(self, tip: str, commit: str) -> bool:
        """Compare and set: False when it is not done."""
        done = self._done(("update-ref", "-m", "a vote", BRANCH, commit, tip or _NOBODY), "", _DEADLINE)
        return done.returncode == 0

    def run(self, *words: str, stdin: str = "", patience: float = _DEADLINE) -> str:
        done = self._done(words, stdin, patience)
        if done.returncode != 0:
            command = next(word for word in words if word in ("mktree", "commit-tree"))
            raise Refused(f"git {command} in {self._folder}: {self.said or 'failed'}")
        return done.stdout.decode("utf-8", "replace").strip()

    def _done(self, words: tuple[str, ...], stdin: str, patience: float) -> subprocess.CompletedProcess[bytes]:
        settings = ("-c", f"core.hooksPath={os.devnull}", "-c", "i18n.commitEncoding=UTF-8", "-c", "gc.auto=0")
        done = _run(("git", *settings, *words), self._environment, stdin, patience, self._folder)
        self.said = " ".join(said(done.stderr))[:500]
        return done

    def _configured(self) -> dict[str, str]:
        """The machine's and the person's own settings, by their names in small letters."""
        found: dict[str, str] = {}
        for scope in ("--global",) if "GIT_CONFIG_NOSYSTEM" in self._environment else ("--system", "--global"):
            words = ("git", "config", "--includes", scope, "--list", "--null")
            listed = _run(words, self._environment, "", _DEADLINE, self._folder).stdout.decode("utf-8", "replace")
            pairs = (entry.partition("\n") for entry in listed.split("\0") if entry)
            found |= {key.lower(): value if newline else "true" for key, newline, value in pairs}
        return found


def _run(
    command: tuple[str, ...], environment: Mapping[str, str], stdin: str, patience: float, folder: Path
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=stdin.encode(),
            env=environment,
            cwd=folder,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"git in {folder} did not end within {patience:g} s") from error
    except OSError as error:
        raise Refused(f"git cannot be started: {error.strerror}; is it installed?") from error


def _environment(folder: Path) -> dict[str, str]:
    """The person's own, without what leads git elsewhere; where his configuration lies stays his to say."""
    kept = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in kept}
    fixed = {"GIT_DIR": str(folder), "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**own, **fixed, "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C.UTF-8"}


def _identity(own: Mapping[str, str]) -> tuple[str, str]:
    """Name and e-mail address: never guessed by git, and never taken from the repository."""
    name = os.environ.get("GIT_COMMITTER_NAME") or own.get("committer.name") or own.get("user.name", "")
    email = os.environ.get("GIT_COMMITTER_EMAIL") or own.get("committer.email") or own.get("user.email", "")
    if not name.strip() or not email.strip():
        cure = 'git config --global user.name "YOUR NAME"; git config --global user.email YOUR@ADDRESS'
        raise UsageError(f"git does not know who you are, and a vote needs a name; type: {cure}")
    return name, email


def _signing(own: Mapping[str, str], identity: str) -> tuple[str, ...]:
    """How this person signs. Every setting is said, so that the repository's own word on it is never taken."""
    form, key = own.get("gpg.format", "openpgp"), own.get("user.signingkey", "")
    if form == "ssh" and not key:
        cure = "git config --global user.signingKey FILE (such as ~/.ssh/id_ed25519.pub)"
        raise UsageError(f"git does not know which SSH key is yours; type: {cure}")
    settings = {
        "gpg.format": form,
        "gpg.openpgp.program": own.get("gpg.openpgp.program") or own.get("gpg.program", "gpg"),
        "gpg.x509.program": own.get("gpg.x509.program", "gpgsm"),
        "gpg.ssh.program": own.get("gpg.ssh.program", "ssh-keygen"),
        "user.signingKey": key or identity,
    }
    return tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
