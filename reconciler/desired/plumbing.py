"""Git commands as processes of their own: fixed arguments, a spelt-out environment, bounded time, no other program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import Refused, Unreachable
from reconciler.spelling import shown

SECONDS = 20.0  # that one command may take
_GRACE = 2.0  # seconds in which a git that is ended removes its own lock files

SETTINGS: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.fsync": "added",  # a branch must not name objects that a power cut takes away again
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "submodule.recurse": "false",
    "i18n.commitEncoding": "UTF-8",
}
"""Stronger than any configuration of the repository: nothing in it makes git start a program."""

_OURS: Mapping[str, str] = {
    "LC_ALL": "C",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_EDITOR": ":",
    "SSH_ASKPASS_REQUIRE": "never",
}


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as variables of git's environment: unlike `-c`, any name fits."""
    pairs = list(settings.items())
    found = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    out: bytes
    words: str  # the last that git said, fit for a message

    @property
    def text(self) -> str:
        return os.fsdecode(self.out).strip()


@dataclass(frozen=True, slots=True)
class Plumbing:
    """Of one repository, or of one of its work trees. `path` is its name for people, `common` what all trees share."""

    path: Path
    git_dir: Path
    common: Path
    environment: Mapping[str, str]
    folder: Path | None = None  # where commands run; None: in `common`

    def within(self, git_dir: Path, folder: Path, settings: Mapping[str, str]) -> Plumbing:
        """The same in a work tree: with its index and its files, and with more settings."""
        place = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(folder)}
        environment = {**self.environment, **place, **configured({**SETTINGS, **settings})}
        return replace(self, path=folder, git_dir=git_dir, environment=environment, folder=folder)

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> Answer:
        """Raises Unreachable when git cannot be started, or has not ended in time."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = {**inherited, **self.environment, **_OURS, **(extra or {})}
        try:
            process = subprocess.Popen(
                ("git", *arguments),
                cwd=self.folder or self.common,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # no terminal to ask on, and a group that can be ended as a whole
            )
        except OSError as error:
            text = f"{self.path}: git cannot be run there ({error.strerror}); is the folder there, and git installed?"
            raise Unreachable(text) from error
        out, err = self._spoken(process, arguments[0], stdin)
        return Answer(process.returncode, out, _words(err))

    def ask(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> str:
        """The answer to a command that has to succeed. Raises Refused with git's own words, and Unreachable."""
        answer = self.run(*arguments, stdin=stdin, extra=extra)
        if answer.status:
            raise Refused(f"{self.path}: `git {arguments[0]}` failed: {answer.words}; see `git -C {self.path} fsck`")
        return answer.text

    def settings(self, git_dir: Path | None = None) -> dict[str, str]:
        """The configuration in force, by the keys as git gives them: in small letters. Of `git_dir`: as it is there."""
        place = {"GIT_DIR": str(git_dir)} if git_dir else None
        lines = os.fsdecode(self.run("config", "--list", "-z", extra=place).out).split("\0")
        pairs = (line.partition("\n") for line in lines if line)
        return {key: value if has else "true" for key, has, value in pairs}

    def _spoken(self, process: subprocess.Popen[bytes], command: str, stdin: bytes) -> tuple[bytes, bytes]:
        try:
            return process.communicate(stdin, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            text = f"{self.path}: `git {command}` has not ended in {SECONDS:g} s; is the disk, or its network, away?"
            raise Unreachable(text) from error
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Gently first: a git that is killed leaves its lock files behind. One that hangs on a dead disk is left alone."""
    for force in (False, True):
        if process.poll() is None:
            try:
                _stop(process, force=force)
                process.wait(_GRACE)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _stop(process: subprocess.Popen[bytes], *, force: bool) -> None:
    if sys.platform == "win32":
        process.kill()  # Windows knows one way only
        return
    os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


def _words(err: bytes) -> str:
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return shown(told[0])[:300] if told else "without a word"
