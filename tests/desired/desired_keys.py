"""Keys of real people, made for one test: `ssh-keygen` and `gpg` themselves, and git that signs with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desired_repository import GitRepository


def needed(*programs: str) -> None:
    """The programs, or no test: in CI that is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        text = f"{', '.join(missing)} is not installed"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)


def run(*command: str | Path, stdin: bytes = b"", **variables: str) -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, check=True, env={**os.environ, **variables})
    return done.stdout


class SshKey:
    """A person's key; `line` is what the operator writes of it."""

    def __init__(self, folder: Path, name: str) -> None:
        needed("ssh-keygen")
        self.name, self.file = name, folder / f"key-{name.replace('@', '-')}"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.file)
        self.public = " ".join(self.file.with_suffix(self.file.suffix + ".pub").read_text().split()[:2])

    def line(self, options: str = "", name: str | None = None) -> str:
        return " ".join(filter(None, (name or self.name, options, self.public))) + "\n"

    @property
    def settings(self) -> tuple[str, ...]:
        return "-c", "gpg.format=ssh", "-c", f"user.signingkey={self.file}"

    def sign(self, payload: bytes, namespace: str = "git") -> bytes:
        """The armored signature over any bytes."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(payload)
            file.flush()
            run("ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.file, file.name)
            signature = Path(file.name + ".sig")
            found = signature.read_bytes()
            signature.unlink()
            return found


class PgpKey:
    """The same of GnuPG, in a home of its own."""

    def __init__(self, home: str, user: str, expires: str = "never", time: str = "") -> None:
        self.home, self.time = home, time
        self.gpg("--quick-gen-key", user, "ed25519", "sign", expires)
        listed = self.gpg("--list-keys", "--with-colons", f"={user}").decode().splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr"))

    def gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        faked = ("--faked-system-time", self.time) if self.time else ()
        batch = ("gpg", "--homedir", self.home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        return run(*batch, *faked, *words, stdin=stdin)

    def export(self, *words: str) -> bytes:
        return self.gpg(*words, "--export", self.fingerprint)

    def sign(self, payload: bytes) -> bytes:
        return self.gpg("--armor", "--local-user", self.fingerprint, "--detach-sign", stdin=payload)

    def revoke(self) -> None:
        file = Path(self.home) / "openpgp-revocs.d" / f"{self.fingerprint}.rev"
        self.gpg("--import", stdin=file.read_bytes().replace(b"\n:---", b"\n---"))


@contextmanager
def gnupg() -> Iterator[str]:
    """A home of GnuPG; its path is short, for its agent listens there."""
    needed("gpg", "gpgv")
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        try:
            yield home
        finally:
            subprocess.run(("gpgconf", "--homedir", home, "--kill", "all"), check=False, capture_output=True)


def object_of(repo: GitRepository, name: str, kind: str = "commit") -> bytes:
    """An object as git keeps it."""
    return run("git", "-C", repo.path, "cat-file", kind, name)


def write_object(repo: GitRepository, raw: bytes, kind: str = "commit") -> str:
    """Any bytes as an object of that kind, however malformed."""
    return repo.git("hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=raw)


def commit_signed(repo: GitRepository, key: SshKey, **files: str) -> str:
    """A commit of `environments/NAME.yaml`, signed."""
    for name, content in files.items():
        repo.write(f"environments/{name}.yaml", content)
    repo.git("add", "--all")
    repo.git(*key.settings, "commit", "--quiet", "--allow-empty", "-S", "-m", "a signed change")
    return repo.git("rev-parse", "HEAD")


def with_signature(payload: bytes, signature: bytes, header: bytes = b"gpgsig") -> bytes:
    """A commit's content with a signature as its last header."""
    head, gap, message = payload.partition(b"\n\n")
    return head + b"\n" + header + b" " + signature.strip().replace(b"\n", b"\n ") + gap + message
