"""A real git repository, driven the way people do, with nobody's configuration but its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rolled_back import RolledBack

MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: production
spec:
  activeSlot: green
  slots:
    blue: {version: "1.4.1"}
    green: {version: "1.4.2"}
  gateway: {kind: envoy, listen: "127.0.0.1:8080"}
  members:
    - {name: api, traffic: weighted, match: {prefix: /api}, host: {kind: process, app: demo-api}}
    - {name: frontend, traffic: weighted, host: {kind: process, app: demo-frontend}}
    - {name: worker, traffic: exclusive, host: {kind: process, app: demo-worker}}
  strategy:
    steps:
      - setWeight: 10
      - setWeight: 100
      - handOver: [worker]
"""


class GitRepository:
    """A folder under git, and the few things that a committer does."""

    def __init__(self, path: Path, *, init: bool = True) -> None:
        self.path = path
        if init:
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "-b", "main")

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_NAME": "a person", f"GIT_{role}_EMAIL": "person@example.invalid"}
        done = subprocess.run(
            ("git", *arguments), cwd=self.path, env=environment, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def commit(self, **files: str | bytes) -> str:
        """`production=TEXT` is environments/production.yaml; gives the commit's id."""
        for name, content in files.items():
            self.write(f"environments/{name}.yaml", content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def manifest() -> str:
    return MANIFEST


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "repo")


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[[str], GitRepository]:
    return lambda name: GitRepository(tmp_path / name)


@pytest.fixture
def story(repo: GitRepository, manifest: str) -> RolledBack:
    return RolledBack(repo, manifest)


@pytest.fixture
def bare(story: RolledBack, tmp_path: Path) -> RolledBack:
    """The same, in a repository without a work tree."""
    story.repo.git("clone", "--quiet", "--bare", str(story.repo.path), str(tmp_path / "bare.git"))
    story.repo.path = tmp_path / "bare.git"
    return story


@pytest.fixture
def real_ssh_keygen() -> None:
    if shutil.which("ssh-keygen") is None:
        missing = "ssh-keygen is not there (on Debian: apt-get install openssh-client)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
