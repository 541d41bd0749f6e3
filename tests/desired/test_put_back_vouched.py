"""Where heads have to be signed, a commit of ours brings nothing into force that nobody known has signed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from desired_keys import SshKey, commit_signed
from desired_repository import GitRepository
from rolled_back import IDENTITY, SEAL, Hand, before, named

from reconciler.core.steps import PutBack
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.snapshot import Desires
from reconciler.desired.writing import Writing
from reconciler.errors import Conflict, Refused

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("real_ssh_keygen")]


class Signed:
    """production failed, by commits that anna signed; staging lies beside it. `ours` is the reconciler's key."""

    def __init__(self, repo: GitRepository, folder: Path, manifest: str) -> None:
        self.repo, self.clock, self.allowed = repo, Hand(), folder / "allowed"
        self.anna, self.ours = SshKey(folder, "anna@corp.example"), SshKey(folder, "reconciler@localhost")
        self.allowed.write_text(self.anna.line() + self.ours.line())
        self.staging = named(manifest, "staging")
        self.good = commit_signed(repo, self.anna, production=manifest, staging=self.staging)
        self.bad = commit_signed(repo, self.anna, production=manifest.replace("1.4.2", "1.5.0"))
        self.act = PutBack("t", self.bad, self.good, "production: blue@1.4.1 again", "why", "main")
        self.repository = Repository(repo.path, "main")
        self.desires = Desires(self.repository, None, Signers(self.allowed))
        self.using(self.ours.file)

    def using(self, key: Path | None) -> None:
        heads = Signers(self.allowed)
        self.writing = Writing(self.repository, IDENTITY, key, self.clock, heads=heads)  # type: ignore[arg-type]

    def obstacle(self) -> str:
        self.clock.seconds += 10.0
        found = self.writing.reading("production", "t", self.bad, self.good, "main")
        assert found
        assert found.asks
        return found.obstacle

    def put_back(self) -> str:
        return self.writing.put_back("production", self.act, SEAL)

    def is_refused(self, *words: str) -> None:
        """Told before, and by the try; and the branch stays as it is."""
        head, told = self.repository.head(), self.obstacle()
        for word in words:
            assert word in told
        with pytest.raises(Refused) as refusal:
            self.put_back()
        assert str(refusal.value) == told
        assert self.repository.head() == head


@pytest.fixture
def signed(repo: GitRepository, tmp_path: Path, manifest: str) -> Iterator[Signed]:
    made = Signed(repo, tmp_path, manifest)
    yield made
    made.repository.close()


def test_with_a_key_that_is_known_the_file_is_put_back_and_the_head_is_verified(signed: Signed) -> None:
    assert signed.obstacle() == ""
    assert signed.put_back() == signed.repository.head()
    assert signed.desires.look().unverified == ""


def test_what_nobody_has_signed_does_not_come_into_force_because_we_put_a_file_back(signed: Signed) -> None:
    forged = signed.repo.commit(staging=signed.staging.replace("1.4.2", "6.6.6"))
    signed.is_refused(f"{forged[:12]} is not signed, and nothing is put on top of it", "commit --allow-empty -S")
    assert signed.desires.look().unverified
    assert signed.desires.desired("staging").head is None
    commit_signed(signed.repo, signed.anna)  # somebody has looked at it, and vouches for it
    signed.clock.seconds += 10.0
    assert signed.put_back() == signed.repository.head()


def test_what_nobody_has_signed_and_comes_at_the_last_moment_wins_over_us(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, "update-ref", lambda: signed.repo.commit(staging=signed.staging.replace("1.4.2", "6.6.6")))
    with pytest.raises(Conflict):
        signed.put_back()
    assert signed.desires.look().unverified
    assert signed.desires.desired("staging").head is None


def test_a_key_of_ours_that_nobody_knows_leaves_the_head_to_those_who_are_known(signed: Signed) -> None:
    signed.allowed.write_text(signed.anna.line())
    signed.is_refused("the head has to be signed", f"{signed.ours.file} is signed by a key", "commit -S -m")
    assert signed.desires.look().unverified == ""
    signed.allowed.write_text(signed.anna.line() + signed.ours.line())
    assert signed.obstacle() == ""


def test_a_key_of_ours_with_a_passphrase_or_none_at_all_is_told_before_it_is_tried(
    signed: Signed, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(closed)), check=True)
    for key, told in ((closed, "no passphrase"), (tmp_path / "none", "cannot be verified"), (None, "names no key")):
        signed.using(key)
        signed.is_refused("the head has to be signed", told, "commit -S -m")
        assert "secret" not in signed.obstacle()


def test_the_key_is_not_tried_again_at_every_look(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signed.obstacle() == ""
    monkeypatch.setattr("reconciler.desired.vouching.sign", lambda *_: pytest.fail("tried again"))
    assert signed.obstacle() == ""


def test_a_text_that_nobody_has_signed_is_not_put_back_though_a_signed_commit_lies_on_top_of_it(
    signed: Signed, manifest: str
) -> None:
    """Its author has no key, and it was never in force; anna undoes it and asks for what fails, in one commit."""
    sound, stolen = manifest + "    soak: 2s\n", manifest.replace("      - setWeight: 10\n", "")
    good = commit_signed(signed.repo, signed.anna, production=manifest)
    forged = signed.repo.commit(production=stolen)
    assert signed.desires.look().unverified
    bad = commit_signed(signed.repo, signed.anna, production=manifest.replace("1.4.2", "1.5.0"))
    is_put_back(signed, good, bad, restores=good, text=manifest)

    good = commit_signed(signed.repo, signed.anna, production=manifest)
    policy = commit_signed(signed.repo, signed.anna, production=sound)
    signed.repo.commit(production=stolen)
    bad = commit_signed(signed.repo, signed.anna, production=sound.replace("1.4.2", "1.5.0"))
    is_put_back(signed, good, bad, restores=policy, text=sound)
    assert stolen == signed.repo.git("show", f"{forged}:environments/production.yaml") + "\n"


def is_put_back(signed: Signed, good: str, bad: str, *, restores: str, text: str) -> None:
    act = PutBack(f"t-{bad[:12]}", bad, good, "production: blue@1.4.1 again", "why", "main")
    commit = signed.writing.put_back("production", act, SEAL)
    assert signed.repo.git("show", f"{commit}:environments/production.yaml") + "\n" == text
    assert f"Reconciler-Restores: {restores}" in signed.repo.git("log", "-1", "--format=%B", commit)
    assert signed.desires.look().unverified == ""
