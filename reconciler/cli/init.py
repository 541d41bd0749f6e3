"""`reconcile init`: a first environment in a git repository, with a small program that really runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from reconciler.cli.hook import install
from reconciler.errors import Problem, ReconcilerError, UsageError

SCAFFOLD = Path(__file__).resolve().parent / "scaffold"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?")
VERSIONS = ("1.0.0", "1.1.0")  # as the scaffold pins them
IGNORED = (
    "reconciler.toml",
    "reconciler.env",  # docs/service.md
    "state/",
    "releases/",
    "allowed_signers",  # this and the next: docs/approvals.md
    "signers.gpg",
    "data/",  # what users have written is nothing for git; a log is not, either
    "logs/",
    "*.before-[0-9]*/",  # what `restore --in-place` has kept
)


@click.command("init")
@click.argument("named", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", default="production", show_default=True, help="The environment's name.")
@click.option("--port", type=click.IntRange(1, 65533), help="Where users come in (default: 8080, or the next free).")
@click.option(
    "--hook", is_flag=True, help="Let git validate manifests before each commit; where there are some, only that."
)
def command(named: Path | None, name: str, port: int | None, hook: bool) -> None:
    """Write a first environment into a git repository: DIR, made if need be; without it, this folder.

    Nothing that exists is overwritten. The example that it defines runs as it is, so that the first switch can be seen
    before a program of your own is put in.
    """
    folder = named or Path()
    if hook and any(folder.glob("environments/*.y*ml")):
        click.echo(install(folder, _git(folder, "config", "core.hooksPath") or ""))
        return
    if not NAME.fullmatch(name):
        raise UsageError(f"--name '{name}': expected small letters, digits and '-', e.g. production")
    if named is None:
        refuse_strangers(folder)
    branch = repository(folder)
    port = port or free_port(folder)
    files = texts(name, port, branch)
    kept = [path for path in files if not _write(folder / path, files[path])]
    click.echo("".join(f"wrote  {path}\n" for path in files if path not in kept), nl=False)
    click.echo("".join(f"kept   {path}, which was there already\n" for path in kept), nl=False)
    if added := _ignore(folder / ".gitignore"):
        click.echo(f"added  to .gitignore: {', '.join(added)}")
    if f"environments/{name}.yaml" not in kept:
        click.echo(_addresses(port))
    if hook:
        click.echo(install(folder, _git(folder, "config", "core.hooksPath") or ""))
    wrong = list(_problems(folder, f"environments/{name}.yaml"))
    if wrong:  # what was there before may not fit what was written now
        click.echo("\nto mend before it can run:\n" + "\n".join(f"  {problem}" for problem in wrong))
    if wrong and "reconciler.toml" in kept:
        click.echo("\nthis would go into reconciler.toml:\n\n" + _filled("app.toml", ports(name, port)))
    click.echo(next_steps(folder, name))


# ---- the repository --------------------------------------------------------------------------------------------------


def repository(folder: Path) -> str | None:
    """Make sure that `folder` is the root of a work tree; its branch, or None when HEAD names none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReconcilerError(f"{folder}: cannot be made: {error.strerror}") from error
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None and _git(folder, "rev-parse", "--git-dir") is not None:
        raise UsageError(f"{folder} is a bare repository: run init in a clone of it, commit, and push")
    if root is None:
        if _git(folder, "init", "--quiet", "--initial-branch", "main") is None:
            raise ReconcilerError(f"{folder}: `git init` failed there; may you write there?")
        click.echo(f"made   a git repository in {folder}")
    elif Path(root).resolve() != folder.resolve():
        raise UsageError(f"{folder} lies inside the repository {root}: run reconcile init {root}")
    return _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")


def refuse_strangers(folder: Path) -> None:
    """Raises UsageError for a repository that holds something else, such as a clone of this tool: whoever named no
    folder may be in the wrong one."""
    tracked = (_git(folder, "ls-files") or "").splitlines()
    if tracked and not (folder / "reconciler.toml").exists():
        more = ", ..." if len(tracked) > 3 else ""
        there = f"this folder is a repository that holds {', '.join(tracked[:3])}{more}"
        raise UsageError(f"{there}; say where: reconcile init DIR (reconcile init . if you mean this one)")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None when it says no."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ReconcilerError(f"git cannot be run ({error.strerror}): install it first") from error
    return None if done.returncode else done.stdout.strip()


# ---- what is written -------------------------------------------------------------------------------------------------


def texts(name: str, port: int, branch: str | None) -> dict[str, str]:
    """Path -> content. Users come in at `port`; the two slots listen on the two ports above it."""
    from reconciler.desired import schema

    values = ports(name, port)
    app = _filled("app.toml", values)
    on = f"branch = {json.dumps(branch)}" if branch else '# branch = "main"  # none: the one that is checked out'
    published = {
        f"schemas/{one}": (schema.folder() / one).read_text("utf-8") for one in (schema.ENVIRONMENT, schema.OPERATOR)
    }
    operator = _filled("operator.toml", {"app": app, "branch": on})
    example = {f"releases/{version}/app.py": _filled("app.py", {}) for version in VERSIONS}
    environment = {f"environments/{name}.yaml": _filled("environment.yaml", values)}
    return {**environment, **published, "reconciler.toml": operator, **example}


def ports(name: str, port: int) -> dict[str, str]:
    return {"name": name, "port": str(port), "blue": str(port + 1), "green": str(port + 2)}


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (SCAFFOLD / template).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _write(path: Path, text: str) -> bool:
    """False: it exists, and is left alone."""
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReconcilerError(f"{path}: cannot be written: {error.strerror}") from error
    return True


def _ignore(path: Path) -> list[str]:
    """What git must never have, added to what is ignored already; the lines that were missing."""
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        missing = [line for line in IGNORED if line not in before.split()]
        gap = "" if not before or before.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(gap + "".join(f"{line}\n" for line in missing) if missing else "")
    except (OSError, ValueError) as error:
        raise ReconcilerError(f"{path}: cannot be extended: {error}; add there: {' '.join(IGNORED)}") from error
    return missing


# ---- ports -----------------------------------------------------------------------------------------------------------


def free_port(folder: Path) -> int:
    """The first of 8080, 8090, ... that, with the two above it, nobody listens on and no environment here names."""
    manifests = (path.read_text("utf-8", "replace") for path in sorted(folder.glob("environments/*.y*ml")))
    claimed = {int(port) for text in manifests for port in re.findall(r"listen: *\S*?:(\d+)", text)}
    for port in range(8080, 9080, 10):
        if port not in claimed and all(_free(port + more) for more in range(3)):
            return port
    raise ReconcilerError("no free ports between 8080 and 9080 on 127.0.0.1: choose one with --port")


def _free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _addresses(port: int) -> str:
    """Where users come in and the slots listen, and what stands in the way there."""
    told = f"ports  {port} for users, {port + 1} for blue, {port + 2} for green, all on 127.0.0.1"
    taken = ", ".join(str(one) for one in range(port, port + 3) if not _free(one))
    return f"{told}\n       taken already: {taken}; end what listens there, or choose another --port" if taken else told


# ---- what is said ----------------------------------------------------------------------------------------------------


def _problems(folder: Path, file: str) -> Iterator[Problem | str]:
    from reconciler.configuration import load
    from reconciler.desired.claims import judge_one
    from reconciler.desired.manifest import Invalid, read

    try:
        operator = load(folder / "reconciler.toml", {})
    except ReconcilerError as error:
        yield str(error)
        return
    judged = judge_one(read((folder / file).read_bytes(), file), operator)
    if isinstance(judged, Invalid):
        yield from judged.problems


def next_steps(folder: Path, name: str) -> str:
    here = "" if folder.resolve() == Path.cwd().resolve() else f"  cd {folder}\n"
    if _git(folder, "config", "user.email") is None and "GIT_AUTHOR_EMAIL" not in os.environ:
        here += '  git config user.name "Your Name" && git config user.email you@example.com   # git wants to know\n'
    return f"""
next:
{here}  git add . && git commit -m "A first environment"
  reconcile validate            # is everything right?
  reconcile --once              # what would be done; writes nothing
  reconcile run                 # do it, and go on doing it: leave it running, and use another terminal
  reconcile status --watch      # where it stands, and what to type next
then switch:
  reconcile switch {name} green     # sets activeSlot in environments/{name}.yaml, and commits it
"""
