"""`verify: head`: what nobody known has signed is read, told, and never used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from desired_keys import SshKey, commit_signed
from desired_repository import GitRepository

from reconciler.core.diff import standing
from reconciler.core.state import State
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.snapshot import Desires


@pytest.fixture
def repository(repo: GitRepository) -> Iterator[Repository]:
    made = Repository(repo.path, "main")
    yield made
    made.close()


@pytest.fixture
def desires(repository: Repository, allowed: Path) -> Desires:
    return Desires(repository, None, Signers(allowed))


def version(manifest: str, number: str) -> str:
    return manifest.replace('"1.4.2"', f'"{number}"')


def test_a_head_that_a_known_key_has_signed_is_used(repo, desires: Desires, anna: SshKey, manifest: str) -> None:
    revision = commit_signed(repo, anna, production=manifest)
    found = desires.desired("production")
    assert found.head is not None
    assert (found.revision, found.problem) == (revision, "")


def test_an_unsigned_head_is_told_and_the_last_verified_state_stays_in_force(
    repo, desires: Desires, anna: SshKey, manifest: str
) -> None:
    good = commit_signed(repo, anna, production=manifest)
    spec = desires.desired("production").head
    assert spec is not None
    bad = repo.commit(production=version(manifest, "6.6.6"), other=manifest.replace("production", "other"))
    found = desires.desired("production", good, spec.digest)
    assert (found.revision, found.head, found.in_force, found.reason) == (bad, None, spec, "RevisionUnverified")
    assert found.problem.startswith(f"{bad[:12]} is not signed; what was verified last stays in force; commit on top")
    assert "git commit --allow-empty -S" in found.problem
    assert desires.manifest(spec).spec == spec
    refused = standing(found, State()).refused
    assert refused is not None
    assert (refused.reason, refused.blocked) == ("RevisionUnverified", True)


def test_an_environment_that_only_an_unverified_head_knows_is_not_begun(repo, desires: Desires, manifest: str) -> None:
    repo.commit(production=manifest)
    assert "production" in desires.look().environments
    found = desires.desired("production")
    assert (found.head, found.in_force, found.reason) == (None, None, "RevisionUnverified")


def test_an_unknown_key_in_between_does_no_harm_once_a_known_one_signs_on_top(
    repo, desires: Desires, anna: SshKey, mallory: SshKey, manifest: str
) -> None:
    good = commit_signed(repo, anna, production=manifest)
    digest = desires.look().environments["production"].spec.digest
    commit_signed(repo, mallory, production=version(manifest, "6.6.6"))
    assert "does not name" in desires.desired("production", good, digest).problem
    commit_signed(repo, anna)
    found = desires.desired("production", good, digest)
    assert found.head is not None
    assert (found.head.target.version, found.problem, found.forward) == ("6.6.6", "", True)


def test_a_verdict_changes_as_soon_as_the_operator_changes_the_keys(
    repo, desires: Desires, allowed: Path, anna: SshKey, mallory: SshKey, manifest: str
) -> None:
    commit_signed(repo, mallory, production=manifest)
    refused = desires.look()
    assert refused.unverified
    assert desires.look() is refused
    allowed.write_text(anna.line() + mallory.line())
    taken = desires.look()
    assert taken.unverified == ""
    assert taken.environments is refused.environments
    assert desires.desired("production").head is not None
    allowed.write_text(anna.line() + "# mallory has left\n")
    assert desires.desired("production").head is None


def test_what_was_accepted_is_found_again_though_its_key_is_gone(
    repo, repository: Repository, allowed: Path, anna: SshKey, mallory: SshKey, manifest: str
) -> None:
    """A key whose time is over must not take away what serves."""
    good = commit_signed(repo, anna, production=manifest)
    digest = Desires(repository).look().environments["production"].spec.digest
    commit_signed(repo, anna, production=version(manifest, "2.0.0"))
    allowed.write_text(mallory.line())
    found = Desires(repository, None, Signers(allowed)).desired("production", good, digest)
    assert found.head is None
    assert found.in_force is not None
    assert found.in_force.digest == digest


def test_without_a_mode_nothing_is_verified(repo, repository: Repository, manifest: str) -> None:
    repo.commit(production=manifest)
    found = Desires(repository).desired("production")
    assert found.head is not None
    assert replace(found, head=None).reason == "DesiredInvalid"


def test_a_signed_commit_that_was_moved_back_to_does_not_go_forward(
    repo, desires: Desires, anna: SshKey, manifest: str
) -> None:
    """An old signed commit is still signed: history decides."""
    old = commit_signed(repo, anna, production=manifest)
    new = commit_signed(repo, anna, production=version(manifest, "2.0.0"))
    digest = desires.look().environments["production"].spec.digest
    repo.git("reset", "--quiet", "--hard", old)
    assert not desires.desired("production", new, digest).forward
