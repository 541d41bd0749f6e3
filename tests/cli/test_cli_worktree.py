"""`reconcile --once --worktree`: what would be done if what lies there were committed. It only reads."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cli_folder import Folder, listing

FILE = "environments/production.yaml"


@pytest.fixture
def ready(folder: Folder) -> Folder:
    folder.reconcile("init", "--port", "8080")
    folder.commit()
    return folder


def test_edits_that_are_not_committed_are_previewed_and_nothing_is_written(ready: Folder) -> None:
    head = ready.git("rev-parse", "HEAD")
    ready.edit(FILE, "activeSlot: blue", "activeSlot: green")
    before = listing(ready.root)
    done = ready.reconcile("--once", "--worktree")
    assert listing(ready.root) == before
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"work tree of {ready.root}, based on main at {head[:12]}"
    assert "traffic: gateway is down -> green 100 %" in done.stdout
    assert "-> blue 100 %" in ready.reconcile("--once").stdout
    assert ready.reconcile("--once", "--worktree", "--detailed-exitcode").returncode == 2


def test_machines_are_told_the_same(ready: Folder) -> None:
    head = ready.git("rev-parse", "HEAD")
    ready.edit(FILE, "activeSlot: blue", "activeSlot: green")
    told = json.loads(ready.reconcile("--once", "--worktree", "--output", "json").stdout)
    made_of = {"path": str(ready.root), "branch": "main", "revision": head, "followed": "main", "mustBeSigned": False}
    assert told["workTree"] == made_of
    (found,) = told["environments"]
    assert {"what": "traffic", "found": "gateway is down", "wanted": "green 100 %"} in found["differences"]
    assert "workTree" not in json.loads(ready.reconcile("--once", "--output", "json").stdout)


def test_an_invalid_edit_is_told_with_its_place_as_by_validate(ready: Folder) -> None:
    ready.edit(FILE, "activeSlot: blue", "activeSlot: bleu")
    done = ready.reconcile("--once", "--worktree")
    (line,) = ready.reconcile("validate", FILE).stdout.splitlines()[:-1]
    assert done.returncode == 3
    assert line in done.stdout


def test_a_manifest_that_git_does_not_know_yet_is_previewed_and_a_removed_one_is_gone(ready: Folder) -> None:
    text = (ready.root / FILE).read_text("utf-8").replace("name: production", "name: staging")
    (ready.root / FILE).unlink()
    (ready.root / "environments" / "staging.yaml").write_text(text, encoding="utf-8")
    done = ready.reconcile("--once", "--worktree", "--output", "json")
    assert [one["environment"] for one in json.loads(done.stdout)["environments"]] == ["staging"]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "large", "link of the folder"])
def test_what_no_commit_could_bring_is_refused_and_never_followed(ready: Folder, kind: str) -> None:
    odd = ready.root / "environments" / "odd.yaml"
    if kind == "link":
        odd.symlink_to(ready.root / "reconciler.toml")
    elif kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    elif kind == "large":
        odd.write_bytes(b"#" * (256 * 1024 + 1))
    else:
        (ready.root / "environments").rename(ready.root / "elsewhere")
        (ready.root / "environments").symlink_to(ready.root / "elsewhere")
    done = ready.reconcile("--once", "--worktree")
    words = {
        "link": "environments/odd.yaml: this is a symbolic link",
        "folder": "environments/odd.yaml: this is a folder",
        "pipe": "environments/odd.yaml: this is no file, expected a regular file",
        "large": "environments/odd.yaml: 262145 bytes are too many",
        "link of the folder": "environments: this is a symbolic link",
    }
    assert done.returncode == 3
    assert words[kind] in done.stdout


def test_on_another_branch_it_says_what_the_loop_follows(ready: Folder) -> None:
    ready.git("switch", "--quiet", "-c", "next")
    ready.edit(FILE, "activeSlot: blue", "activeSlot: green")
    done = ready.reconcile("--once", "--worktree")
    assert "based on next at " in done.stdout
    assert "the loop follows main: nothing of it counts before it is merged there" in done.stdout
    assert "green 100 %" in done.stdout


def test_where_the_head_must_be_signed_it_still_previews_and_says_so(ready: Folder) -> None:
    (ready.root / "state").mkdir()
    (ready.root / "state" / "signers").write_text("# nobody yet\n", encoding="utf-8")
    signed = '[repository.verify]\nmode = "head"\nsigners = "state/signers"\n\n[journal]'
    ready.edit("reconciler.toml", "[journal]", signed)
    ready.edit(FILE, "activeSlot: blue", "activeSlot: green")
    done = ready.reconcile("--once", "--worktree")
    assert done.returncode == 0, done.stderr
    assert "the head must be signed: nothing of it counts before it is committed with git commit -S" in done.stdout
    assert "green 100 %" in done.stdout
    assert "is not signed" in ready.reconcile("--once").stdout


@pytest.mark.parametrize("other", [("--apply",), ("--branch", "main")])
def test_it_is_a_preview_of_files_and_of_nothing_else(ready: Folder, other: tuple[str, ...]) -> None:
    done = ready.reconcile("--once", "--worktree", *other)
    assert done.returncode == 64
    assert "--worktree" in done.stderr
    assert ready.reconcile("--worktree").returncode == 64


def test_a_bare_repository_has_no_files_and_says_where_to_go(ready: Folder, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    clone = ["git", "clone", "--quiet", "--bare", str(ready.root), str(bare)]
    subprocess.run(clone, check=True, env=ready.environ)
    ready.edit("reconciler.toml", 'path = "."', f'path = "{bare}"')
    for words in (("--once", "--worktree"), ("switch", "production", "green", "--yes")):
        done = ready.reconcile(*words)
        assert done.returncode == 64
        assert f"{bare} is a bare repository" in done.stderr
        assert f"git clone {bare}" in done.stderr


def test_a_linked_work_tree_is_previewed_as_its_own_files_are(ready: Folder, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    ready.git("worktree", "add", "--quiet", str(linked), "-b", "next")
    ready.edit("reconciler.toml", 'path = "."', f'path = "{linked}"')
    ready.edit("reconciler.toml", 'branch = "main"', 'branch = "next"')
    text = (linked / FILE).read_text("utf-8").replace("activeSlot: blue", "activeSlot: green")
    (linked / FILE).write_text(text, encoding="utf-8")
    done = ready.reconcile("--once", "--worktree")
    assert f"work tree of {linked}, based on next at " in done.stdout
    assert "green 100 %" in done.stdout
