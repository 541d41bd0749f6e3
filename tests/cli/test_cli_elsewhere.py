"""In a clone, away from the operator's file, nobody is told what is not known there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_folder import Folder

from reconciler.cli.review import _never as never
from reconciler.core.model import Approvals, Release, Slot, Stage
from reconciler.core.state import State, Transition
from reconciler.session import Session

FILE = "environments/production.yaml"


@pytest.fixture
def clone(folder: Folder, tmp_path: Path) -> Folder:
    """An approver's, of a repository in which an environment is kept."""
    folder.reconcile("init")
    folder.commit()
    folder.git("clone", "--quiet", str(folder.root), str(tmp_path / "clone" / "here"))
    found = Folder(tmp_path / "clone" / "beside")
    found.root = tmp_path / "clone" / "here"
    return found


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("approve", "production"), "reconcile approve production --tag"),
        (("reject", "production", "-m", "no"), "reconcile approve production --tag"),
        (("status",), "type it there"),
        (("status", "production", "--wait"), "type it there"),
        (("pause", "production"), "type it there"),
        (("switch", "production", "green", "--yes"), f"edit {FILE} here, commit it, and push"),
        (("pin", "production", "green", "1.2.0", "--yes"), f"edit {FILE} here, commit it, and push"),
    ],
)
def test_what_only_the_reconcilers_own_folder_knows_is_not_guessed(
    clone: Folder, words: tuple[str, ...], instead: str
) -> None:
    before = clone.git("rev-parse", "HEAD")
    done = clone.reconcile(*words)
    assert done.returncode == 64
    assert "neither an operator's file nor a journal" in done.stderr
    assert instead in done.stderr
    assert clone.git("rev-parse", "HEAD") == before
    assert clone.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("minimum", "said"), [(1, ""), (2, "x@x.invalid made the change (selfApproval: false), and 2")]
)
def test_a_policy_that_its_own_approver_has_made_impossible_is_said(folder: Folder, minimum: int, said: str) -> None:
    folder.reconcile("init")
    revision = folder.commit()
    t = Transition("t", Release(Slot.BLUE, "1.0.0"), Release(Slot.GREEN, "1.1.0"), "d", revision, (), 0.0, 0.0)
    policy = Approvals((Stage.SHIFT,), approvers=("X@x.invalid", "y@y.invalid"), minimum=minimum, self_approval=False)
    with Session.open(str(folder.root / "reconciler.toml"), read_only=True) as session:
        told = never(session, "production", t, policy, State())
    assert said.lower() in told.lower() if said else not told


@pytest.mark.parametrize("words", [("status",), ("--once",), ("validate",), ("switch", "production", "green")])
def test_in_a_folder_of_the_repository_it_is_said_where_to_go_and_nothing_that_would_do_harm(
    folder: Folder, words: tuple[str, ...]
) -> None:
    folder.reconcile("init")
    folder.commit()
    root, folder.root = folder.root, folder.root / "environments"
    done = folder.reconcile(*words)
    assert done.returncode in (1, 64)
    told = done.stdout + done.stderr
    assert f"lies inside {root}, which is the repository; go there first: cd {root}" in told
    assert "init" not in told
    assert not (folder.root / "state").exists()
    folder.root = root
