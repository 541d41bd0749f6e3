"""What the tests of this room are given: a manifest, and real git repositories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desired_keys import SshKey
from desired_repository import GitRepository
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


@pytest.fixture
def anna(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "anna@corp.example")


@pytest.fixture
def mallory(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "mallory@corp.example")


@pytest.fixture
def allowed(tmp_path: Path, anna: SshKey) -> Path:
    file = tmp_path / "allowed_signers"
    file.write_text(anna.line())
    return file
