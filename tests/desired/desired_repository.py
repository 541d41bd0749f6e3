"""A real git repository, driven the way people do, with nobody's configuration but its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


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
