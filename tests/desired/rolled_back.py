"""A repository in which a version failed, and what people left in it; the stories of test_put_back and test_notes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.steps import PutBack
from reconciler.desired.plumbing import Answer, Plumbing
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.writing import Writing
from reconciler.errors import Refused

PATH = "environments/production.yaml"
SEAL = f"j0urna1 412 {'5f' * 32}"
IDENTITY = "reconciler <reconciler@localhost>"


class Hand:
    """A clock that goes when it is told to; it began in 2030."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> str:
        return "2030-01-01T12:00:00.000+00:00"


class RolledBack:
    """`good`, then `failed`, which also changed a neighbour; then an unrelated commit. The branch is checked out."""

    def __init__(self, repo: Any, manifest: str) -> None:
        self.repo = repo
        self.good_text, self.bad_text = manifest, manifest.replace("1.4.2", "1.5.0")
        repo.write("README.md", "about")
        self.good = repo.commit(production=manifest, staging=named(manifest, "staging"))
        self.neighbour = named(self.bad_text, "staging")
        self.failed = repo.commit(production=self.bad_text, staging=self.neighbour)
        repo.write("README.md", "about it")
        self.head = repo.commit()
        self.clock = Hand()
        self.act = PutBack("t-17", self.failed, self.good, "production: blue@1.4.1 again", "AnalysisFailed: errors")
        self.commits = [self.good, self.failed, self.head]

    def writing(self, path: Path | None = None, key: Path | None = None, heads: Signers | None = None) -> Writing:
        return Writing(Repository(path or self.repo.path, "main"), IDENTITY, key, self.clock, heads=heads)

    def put_back(self) -> str:
        return self.writing().put_back("production", self.act, SEAL)

    def reading(self) -> Any:
        return self.writing().reading("production", "t-17", self.failed, self.good)

    def text(self, revision: str = "main", path: str = PATH) -> str:
        return str(self.repo.git("show", f"{revision}:{path}")) + "\n"

    def clean(self) -> bool:
        return self.repo.git("status", "--porcelain", "--untracked-files=no") == ""

    def nothing_lost(self, *more: str) -> None:
        """Every commit is still part of the branch, and git finds nothing broken."""
        for commit in (*self.commits, *more):
            self.repo.git("merge-base", "--is-ancestor", commit, "main")
        self.repo.git("fsck", "--strict", "--no-dangling")
        folder = Path(self.repo.git("rev-parse", "--absolute-git-dir"))
        assert not list(folder.glob("reconciler-*"))
        assert not list(folder.rglob("*.lock"))

    def is_pending(self, *words: str) -> str:
        """Not done, and why is told alike before and by the try; nothing has moved."""
        before = self.repo.git("rev-parse", "main")
        status = self.repo.git("status", "--porcelain=v2") if (self.repo.path / ".git").exists() else ""
        found = self.reading()
        assert found.asks is True
        assert found.obstacle
        with pytest.raises(Refused) as refusal:
            self.put_back()
        assert str(refusal.value) == found.obstacle
        for word in words:
            assert word in found.obstacle
        assert self.repo.git("rev-parse", "main") == before
        if status:
            assert self.repo.git("status", "--porcelain=v2") == status
        return str(found.obstacle)

    def is_done(self, commit: str) -> None:
        assert self.repo.git("rev-parse", "main") == commit
        assert self.repo.git("diff", "--name-only", f"{commit}^", commit) == PATH
        assert self.text() == self.good_text
        assert self.text(path="environments/staging.yaml") == self.neighbour
        assert self.reading().asks is False
        self.nothing_lost(commit)


def named(manifest: str, name: str) -> str:
    return manifest.replace("name: production", f"name: {name}").replace("8080", "8081")


def attempt(*arguments: str, folder: Path) -> None:
    """A git command that is expected to stop half-way."""
    words = ("git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", *arguments)
    subprocess.run(words, cwd=folder, capture_output=True, check=False)


def before(monkeypatch: pytest.MonkeyPatch, command: str, deed: Callable[[], object]) -> None:
    """Somebody does something at the moment in which our git is about to run `command`, once."""
    real, done = Plumbing.run, []

    def run(self: Plumbing, *arguments: str, **more: Any) -> Answer:
        if command in arguments and not done:
            done.append(True)
            deed()
        return real(self, *arguments, **more)

    monkeypatch.setattr(Plumbing, "run", run)


def by_hand(told: str) -> None:
    """Type the command that an obstacle names."""
    command = told.partition("or lose them: ")[2].replace("git -C", "git -c user.name=a -c user.email=a@b.example -C")
    subprocess.run(command, shell=True, check=True, capture_output=True)


HOOKS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction", "post-checkout",
    "post-index-change", "pre-push", "post-rewrite", "pre-auto-gc", "update", "post-update", "fsmonitor-watchman",
)  # fmt: skip


def mark(folder: Path) -> str:
    """A program that leaves a mark when it is run."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {folder}/marked\ncat\n")
    program.chmod(0o755)
    return str(program)
