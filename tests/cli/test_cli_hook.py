"""`reconcile init --hook`: git itself refuses a manifest with an error, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_folder import Folder

FILE = "environments/production.yaml"
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def hooked(folder: Folder) -> Folder:
    folder.reconcile("init", "--hook", "--port", "8080")
    folder.commit("the first commit passes the hook, too")
    return folder


def commit(folder: Folder, *words: str, at: Path | None = None, **variables: str) -> Done:
    command = ["git", "commit", "--quiet", "-m", "a change", *words]
    environment = {**folder.environ, **variables}
    where = at or folder.root
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


def test_a_good_commit_passes_and_a_bad_one_is_refused_with_the_place(hooked: Folder) -> None:
    hooked.edit(FILE, "activeSlot: blue", "activeSlot: green")
    assert commit(hooked, "-a").returncode == 0
    head = hooked.git("rev-parse", "HEAD")
    hooked.edit(FILE, "activeSlot: green", "activeSlot: gren")
    done = commit(hooked, "-a")
    assert done.returncode == 1
    assert f"{FILE}:9:15: " in done.stderr
    assert "did you mean 'green'?" in done.stderr
    assert hooked.git("rev-parse", "HEAD") == head


def test_what_is_staged_counts_and_not_what_lies_there(hooked: Folder) -> None:
    hooked.edit(FILE, "activeSlot: blue", "activeSlot: gren")
    hooked.git("add", FILE)
    hooked.edit(FILE, "activeSlot: gren", "activeSlot: green")
    assert commit(hooked).returncode == 1
    hooked.git("add", FILE)
    hooked.edit(FILE, "activeSlot: green", "activeSlot: gren")
    assert commit(hooked).returncode == 0
    assert commit(hooked, "--", FILE).returncode == 1, "the index of `git commit FILE` is one of its own"


def test_a_commit_that_touches_no_manifest_is_not_held_up_by_an_older_error(hooked: Folder) -> None:
    hooked.edit(FILE, "activeSlot: blue", "activeSlot: gren")
    assert commit(hooked, "-a", "--no-verify").returncode == 0
    (hooked.root / "other").write_text("x\n", encoding="utf-8")
    hooked.git("add", "other")
    assert commit(hooked).returncode == 0


def test_the_hook_judges_in_a_linked_work_tree_too(hooked: Folder, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    hooked.git("worktree", "add", "--quiet", str(linked), "-b", "next")
    text = (linked / FILE).read_text("utf-8")
    (linked / FILE).write_text(text.replace("activeSlot: blue", "activeSlot: green"), encoding="utf-8")
    assert commit(hooked, "-a", at=linked).returncode == 0
    (linked / FILE).write_text(text.replace("production-web", "production-wob"), encoding="utf-8")
    done = commit(hooked, "-a", at=linked)
    assert (done.returncode, "unknown app 'production-wob'" in done.stderr) == (1, True), done.stderr


def test_in_a_clone_without_an_operators_file_manifests_are_judged_by_themselves(
    hooked: Folder, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    hooked.git("clone", "--quiet", str(hooked.root), str(clone))
    assert "wrote" in hooked.reconcile("init", str(clone), "--hook").stdout
    assert not (clone / "reconciler.toml").exists()
    text = (clone / FILE).read_text("utf-8")
    (clone / FILE).write_text(text.replace("activeSlot: blue", "activeSlot: green"), encoding="utf-8")
    done = commit(hooked, "-a", at=clone)
    assert done.returncode == 0, done.stderr
    (clone / FILE).write_text(text.replace("activeSlot: blue", "activeSlot: gren"), encoding="utf-8")
    assert commit(hooked, "-a", at=clone).returncode == 1


def test_where_reconcile_is_missing_commits_go_on_and_it_is_said(hooked: Folder) -> None:
    hook = hooked.root / ".git" / "hooks" / "pre-commit"
    lines = hook.read_text("utf-8").splitlines()
    gone = ["reconcile=/nowhere/reconcile" if line.startswith("reconcile=") else line for line in lines]
    hook.write_text("\n".join(gone) + "\n", encoding="utf-8")
    hooked.edit(FILE, "activeSlot: blue", "activeSlot: gren")
    done = commit(hooked, "-a", PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "reconcile is not found, so nothing is validated" in done.stderr
    assert "anew" in hooked.reconcile("init", "--hook").stdout, "which is what it advises"
    assert "/nowhere/" not in hook.read_text("utf-8")


def test_where_there_are_environments_only_the_hook_is_written(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    (folder.root / "reconciler.toml").unlink()
    done = folder.reconcile("init", "--hook")
    assert done.stdout.splitlines()[0].startswith(f"wrote  {folder.root}/.git/hooks/pre-commit")
    assert not (folder.root / "reconciler.toml").exists()
    assert folder.git("status", "--porcelain") == ""
    assert "validates already" in folder.reconcile("init", "--hook").stdout


def test_a_hook_that_exists_is_kept_and_the_line_to_add_is_told(folder: Folder) -> None:
    folder.reconcile("init")
    hook = folder.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    done = folder.reconcile("init", "--hook")
    assert hook.read_text("utf-8") == "#!/bin/sh\nexit 0\n"
    assert "reconcile validate --staged || exit 1" in done.stdout


def test_where_git_looks_for_hooks_elsewhere_it_is_said(folder: Folder) -> None:
    folder.reconcile("init")
    folder.git("config", "core.hooksPath", "team-hooks")
    done = folder.reconcile("init", "--hook")
    assert "core.hooksPath is team-hooks" in done.stdout
    assert not (folder.root / "team-hooks").exists()


@pytest.mark.parametrize("kind", ["link", "conflict", "intent", "large", "nothing"])
def test_the_index_is_read_under_the_same_caps_as_a_revision(folder: Folder, kind: str) -> None:
    folder.reconcile("init")
    odd = folder.root / "environments" / "odd.yaml"
    folder.git("add", "--all")
    if kind == "link":
        odd.symlink_to("production.yaml")
        folder.git("add", str(odd))
    elif kind == "large":
        odd.write_bytes(b"#" * (256 * 1024 + 1))
        folder.git("add", str(odd))
    elif kind == "intent":
        odd.write_text("nothing: yet\n", encoding="utf-8")
        folder.git("add", "--intent-to-add", str(odd))
    elif kind == "conflict":
        blob = folder.git("hash-object", "-w", FILE)
        lines = "".join(f"100644 {blob} {stage}\tenvironments/odd.yaml\n" for stage in (1, 2, 3))
        command = ["git", "update-index", "--index-info"]
        subprocess.run(command, input=lines.encode(), cwd=folder.root, env=folder.environ, check=True)
    done = folder.reconcile("validate", "--staged")
    words = {"link": "a symbolic link", "conflict": "this file has conflicts", "large": "bytes are too many"}
    assert words.get(kind, "no errors in what is staged of environments/; good: production") in done.stdout
    assert done.returncode == (1 if kind in words else 0)


def test_staged_and_files_are_two_questions(folder: Folder) -> None:
    folder.reconcile("init")
    assert folder.reconcile("validate", "--staged", FILE).returncode == 64
