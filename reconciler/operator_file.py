"""Where the operator's file is, that git must not have it, and how its mistakes are told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from reconciler.errors import InvalidConfiguration
from reconciler.spelling import unknown

FILE = "reconciler.toml"
VARIABLE = "RECONCILER_CONFIG"
_DEADLINE = 10.0  # seconds, for git to answer


def find(explicit: Path | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    """The file that counts; None when there is none in the usual places. A named one must exist."""
    named = explicit or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    if named is not None:
        file = folder / named
        if not file.is_file():
            by = "--config" if explicit else VARIABLE
            raise InvalidConfiguration(f"{file}: there is no such file, but {by} names it; `reconcile init` writes one")
        return file
    usual = (folder / FILE, *_of_user(environ), of_machine(environ))
    return next((place for place in usual if place.is_file()), None)


def of_machine(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the file of a machine lies that serves everybody there."""
    if sys.platform == "win32":
        return Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "reconciler" / FILE
    return Path("/etc/reconciler") / FILE


def _of_user(environ: Mapping[str, str]) -> Iterator[Path]:
    if sys.platform == "win32":
        if environ.get("APPDATA"):
            yield Path(environ["APPDATA"]) / "reconciler" / FILE
    elif environ.get("XDG_CONFIG_HOME"):
        yield Path(environ["XDG_CONFIG_HOME"]) / "reconciler" / FILE
    elif environ.get("HOME"):
        yield Path(environ["HOME"]) / ".config" / "reconciler" / FILE


def read(file: Path) -> str:
    """Raises InvalidConfiguration."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{file}: not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise InvalidConfiguration(f"{file}: cannot be read: {error.strerror}") from error


def refuse_missing(file: Path, key: str, named: Path) -> None:
    """A file that `key` of the operator's file names."""
    try:
        with named.open("rb") as content:
            begins = content.read(10)
    except OSError as error:
        raise InvalidConfiguration(f"{file}: {key}: {named}: cannot be read: {error.strerror}") from error
    if key.endswith(".keyring") and begins == b"-----BEGIN":
        cure = f"gpg --dearmor < {named.name} > {named.stem}.gpg"
        raise InvalidConfiguration(f"{file}: {key}: {named}: armored, expected a binary keyring; {cure}")


def refuse_tracked(file: Path) -> None:
    """Whoever can commit must not decide what may be run. A link is judged by what it leads to, too."""
    for place in {file.absolute(), file.resolve()}:
        if _tracked(place):
            cure = f"`git rm --cached {place.name}`, add it to .gitignore, commit"
            raise InvalidConfiguration(f"{file}: git tracks this file, but it must stay outside git; {cure}")


def _tracked(file: Path) -> bool:
    """Is it in the index of the repository that contains it? Nothing that this repository configures is run."""
    settings = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
    command = ("git", *settings, "ls-files", "--error-unmatch", "--", file.name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, cwd=file.parent, env=environment, capture_output=True, timeout=_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        text = "git does not say whether it tracks this file; is git installed?"
        raise InvalidConfiguration(f"{file}: {text}") from error
    return done.returncode == 0


def tell(error: ValidationError, model: type[BaseModel], table: tuple[str, ...]) -> Iterator[str]:
    """One line for each mistake, in the words of the file."""
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(one["loc"])
        where = ".".join(str(part) for part in (*table, *path))
        around = ".".join(str(part) for part in (*table, *path[:-1])) or "the file"
        if one["type"] == "extra_forbidden":
            yield f"{around}: {unknown('key', str(path[-1]), _known(model, path[:-1]))}"
        elif one["type"] == "missing":
            yield f"{around}: missing key '{path[-1]}'"
        else:
            message = one["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            yield f"{where or 'the file'}: {message}"


def _known(model: Any, path: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at `path` may have."""
    for part in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[str(part)].annotation
        else:
            model = get_args(model)[-1]
        model = _table(model)
    return fields(model)


def fields(model: Any) -> list[str]:
    """The keys of a table. `base`, the file's own folder, is filled in by us."""
    return [name for name in getattr(model, "model_fields", ()) if name != "base"]


def _table(annotation: Any) -> Any:
    """Of `Ports | None`, the part that is a table."""
    if isinstance(annotation, type) or getattr(annotation, "__origin__", None) is dict:
        return annotation
    return next((one for one in get_args(annotation) if one is not type(None)), annotation)
