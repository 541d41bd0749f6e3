"""`reconcile init`: what it writes, and what it leaves alone."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest
from cli_folder import Folder

WRITTEN = (
    "environments/production.yaml",
    "schemas/environment.schema.json",
    "schemas/reconciler.schema.json",
    "reconciler.toml",
    "releases/1.0.0/app.py",
    "releases/1.1.0/app.py",
)


def test_it_makes_a_repository_and_says_what_it_wrote_and_what_to_type_next(folder: Folder) -> None:
    done = folder.reconcile("init", "here")
    assert done.returncode == 0, done.stderr
    for file in WRITTEN:
        assert (folder.root / "here" / file).is_file()
        assert f"wrote  {file}" in done.stdout
    commands = ("cd here", "git commit", "reconcile validate", "reconcile --once", "reconcile run", "activeSlot")
    assert [done.stdout.index(command) for command in commands] == sorted(map(done.stdout.index, commands))


def test_the_committed_scaffold_is_valid_as_it_is(folder: Folder) -> None:
    folder.reconcile("init")
    revision = folder.commit()
    done = folder.reconcile("validate")
    assert done.returncode == 0, done.stdout
    assert done.stdout == f"no errors in environments/ at {revision[:12]}; good: production\n"


def test_git_never_gets_the_operators_file(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    tracked = folder.git("ls-files").split()
    assert "environments/production.yaml" in tracked
    assert "reconciler.toml" not in tracked
    assert not [path for path in tracked if path.startswith(("state/", "releases/"))]


def test_an_editor_finds_the_schema_that_the_manifest_names(folder: Folder) -> None:
    folder.reconcile("init")
    manifest = folder.root / "environments" / "production.yaml"
    first = manifest.read_text("utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (manifest.parent / named).resolve() == (folder.root / "schemas" / "environment.schema.json").resolve()


@pytest.mark.parametrize("file", WRITTEN)
def test_what_exists_is_never_overwritten(folder: Folder, file: str) -> None:
    path = folder.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine\n", encoding="utf-8")
    done = folder.reconcile("init")
    assert path.read_text("utf-8") == "# mine\n"
    assert f"kept   {file}" in done.stdout
    assert f"wrote  {file}" not in done.stdout


def test_running_it_twice_changes_nothing(folder: Folder) -> None:
    folder.reconcile("init")
    before = {file: (folder.root / file).read_bytes() for file in (*WRITTEN, ".gitignore")}
    done = folder.reconcile("init")
    assert done.returncode == 0
    assert before == {file: (folder.root / file).read_bytes() for file in (*WRITTEN, ".gitignore")}
    assert "wrote" not in done.stdout


def test_lines_are_added_to_an_existing_gitignore(folder: Folder) -> None:
    (folder.root / ".gitignore").write_text("*.log\nstate/", encoding="utf-8")
    folder.reconcile("init")
    assert (folder.root / ".gitignore").read_text("utf-8").split() == [
        "*.log",
        "state/",
        "reconciler.toml",
        "reconciler.env",
        "releases/",
        "allowed_signers",
        "signers.gpg",
        "data/",
        "logs/",
        "*.before-[0-9]*/",
    ]


def test_what_users_have_written_is_never_committed(folder: Folder) -> None:
    """Also not what `restore --in-place` has put aside, whatever the folder is called."""
    folder.reconcile("init")
    for place in ("data", "shared.before-20261129-230331", "logs"):
        (folder.root / place).mkdir()
        (folder.root / place / "file").write_text("a user's", encoding="utf-8")
    folder.commit()
    assert not [file for file in folder.git("ls-files").split() if file.endswith("/file")]


def test_files_of_keys_where_the_page_on_approvals_puts_them_are_never_committed(folder: Folder) -> None:
    folder.reconcile("init")
    for file in ("allowed_signers", "signers.gpg"):
        (folder.root / file).write_text("", encoding="utf-8")
    folder.edit(
        "reconciler.toml", "[journal]", 'verify = {signers = "allowed_signers", keyring = "signers.gpg"}\n[journal]'
    )
    folder.commit()
    assert not {"allowed_signers", "signers.gpg"} & set(folder.git("ls-files").split())
    assert folder.reconcile("validate").returncode == 0


def test_without_a_name_a_repository_of_something_else_is_left_alone(folder: Folder) -> None:
    """Whoever has just cloned this tool is in its own repository."""
    folder.git("init", "--quiet")
    (folder.root / "setup.py").write_text("", encoding="utf-8")
    before = folder.commit()
    done = folder.reconcile("init")
    assert done.returncode == 64
    assert "this folder is a repository that holds setup.py; say where: reconcile init DIR" in done.stderr
    assert folder.git("status", "--porcelain", "--ignored") == ""
    assert folder.reconcile("init", ".").returncode == 0
    assert folder.git("rev-parse", "HEAD") == before
    assert folder.reconcile("init").returncode == 0, "by now it is one of ours"


def test_the_branch_of_an_existing_repository_is_the_one_that_counts(folder: Folder) -> None:
    folder.git("init", "--quiet", "--initial-branch", 'we"ird')
    folder.reconcile("init")
    told = tomllib.loads((folder.root / "reconciler.toml").read_text("utf-8"))
    assert told["repository"]["branch"] == 'we"ird'


def test_a_second_environment_gets_an_address_of_its_own_and_says_what_the_operator_has_to_add(folder: Folder) -> None:
    folder.reconcile("init")
    done = folder.reconcile("init", "--name", "staging")
    assert "unknown app 'staging-web'" in done.stdout
    table = done.stdout[done.stdout.index("\n[apps.staging-web]") : done.stdout.index("\nnext:")]
    with (folder.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + table)
    folder.commit()
    done = folder.reconcile("validate")
    assert (done.returncode, "good: production, staging" in done.stdout) == (0, True), done.stdout


def test_the_ports_are_told_and_one_that_is_taken_is_told_too(folder: Folder) -> None:
    with contextlib.closing(socket.socket()) as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = min(busy.getsockname()[1], 65533)
        done = folder.reconcile("init", "--port", str(port))
    assert f"ports  {port} for users, {port + 1} for blue, {port + 2} for green" in done.stdout
    assert f"taken already: {port}" in done.stdout
    assert "ports  " not in folder.reconcile("init").stdout  # it stands in the manifest, which was kept


def test_who_has_no_name_for_git_is_told_before_the_commit_fails(folder: Folder) -> None:
    assert "user.email" not in folder.reconcile("init").stdout
    del folder.environ["GIT_AUTHOR_EMAIL"]
    assert "git config user.email" in folder.reconcile("init").stdout


def test_a_folder_inside_a_repository_is_refused_because_manifests_lie_at_its_root(folder: Folder) -> None:
    folder.git("init", "--quiet")
    done = folder.reconcile("init", "deeper")
    assert done.returncode == 64
    assert f"run reconcile init {folder.root}" in done.stderr
    assert not (folder.root / "deeper" / "environments").exists()


def test_a_bare_repository_is_refused(folder: Folder, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True, env=folder.environ)
    done = folder.reconcile("init", str(bare))
    assert done.returncode == 64
    assert "bare repository" in done.stderr
    assert not (bare / "environments").exists()


@pytest.mark.parametrize("name", ["Production", "-x", "../x", "a b", "x" * 59, ""])
def test_a_name_that_no_environment_can_have_is_refused_before_anything_is_written(folder: Folder, name: str) -> None:
    done = folder.reconcile("init", f"--name={name}")
    assert done.returncode == 64
    assert "--name" in done.stderr
    assert list(folder.root.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_and_not_a_traceback(folder: Folder) -> None:
    (folder.root / "environments").write_text("a file in the way", encoding="utf-8")
    done = folder.reconcile("init")
    assert done.returncode == 1
    assert "environments/production.yaml: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
