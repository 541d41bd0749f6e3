"""What a session is told when the head moves: which environments have something new to decide."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.configuration import load
from reconciler.session import Session

OPERATOR = '[repository]\npath = "repo"\n[repository.verify]\nmode = "head"\nsigners = "allowed_signers"\n'


@pytest.mark.skipif(not shutil.which("ssh-keygen") and not os.environ.get("CI"), reason="ssh-keygen is not installed")
def test_every_environment_is_woken_when_a_head_is_verified_though_no_manifest_changed(tmp_path: Path) -> None:
    key, repo = tmp_path / "key", tmp_path / "repo"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True)
    (tmp_path / "reconciler.toml").write_text(OPERATOR)
    (tmp_path / "allowed_signers").write_text("")

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@x.invalid", "-c", "commit.gpgSign=false")
        subprocess.run(("git", "-C", repo, *who, *words), check=True, capture_output=True)

    (repo / "environments").mkdir(parents=True)
    (repo / "environments" / "broken.yaml").write_text("kind: [")
    git("init", "-q", "-b", "main")
    git("add", "--all")
    git("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "commit", "-q", "-S", "-m", "x")
    session = Session(load(tmp_path / "reconciler.toml"))
    try:
        assert set(session.look()) == {"broken"}
        assert "does not name" in session.desires.look().unverified
        assert set(session.look()) == set()
        (tmp_path / "allowed_signers").write_text("a@x.invalid " + key.with_suffix(".pub").read_text())
        assert set(session.look()) == {"broken"}
        assert session.desires.look().unverified == ""
    finally:
        session.close()
