"""`reconcile init --hook`: git asks `reconcile validate --staged` before each commit that touches a manifest."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import Literal

from reconciler.desired.repository import Repository
from reconciler.desired.uncommitted import work_tree
from reconciler.errors import ReconcilerError

TEMPLATE = Path(__file__).resolve().parent / "scaffold" / "pre-commit"
CALL = "validate --staged"
_PLACES = re.compile("^(reconcile|operator)=.*$", re.MULTILINE)


def install(folder: Path, elsewhere: str) -> str:
    """Into the repository's own folder of hooks; what is to be said of it. Nobody else's is overwritten.
    `elsewhere`: core.hooksPath, as the person's git has it. Raises UsageError for a bare repository,
    InvalidDesired for none, ReconcilerError when it cannot be written."""
    repository = Repository(folder)
    try:
        root, git = work_tree(repository).folder, repository.plumbing()
        file = git.common / "hooks" / "pre-commit"
    finally:
        repository.close()
    text = _text(root)
    if file.exists() or file.is_symlink():
        return _there(file, text)
    _write(file, text)
    off = f"\n       but core.hooksPath is {elsewhere}, so git looks there: call it from your hook: {quote(str(file))}"
    return f"wrote  {file}, which validates what is about to be committed{off if elsewhere else ''}"


def _text(root: Path) -> str:
    values = {"reconcile": quote(program()), "operator": quote(str(root.absolute() / "reconciler.toml"))}
    text = TEMPLATE.read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def program() -> str:
    """Where this very command is installed; git's hooks may see another path than the shell."""
    beside = Path(sys.executable).parent / "reconcile"
    return str(beside.absolute()) if beside.is_file() else shutil.which("reconcile") or "reconcile"


def _there(file: Path, text: str) -> str:
    try:
        known = file.read_text("utf-8", "replace")
    except OSError as error:
        raise ReconcilerError(f"{file}: cannot be read: {error.strerror}") from error
    if known != text and _PLACES.sub("", known) == _PLACES.sub("", text):
        _write(file, text, "w")
        return f"wrote  {file} anew: what it calls lies elsewhere now"
    if CALL in known:
        return f"kept   {file}, which validates already"
    return f"kept   {file}, which is yours; add this line to it:\n\n  reconcile {CALL} || exit 1\n"


def _write(file: Path, text: str, how: Literal["x", "w"] = "x") -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open(how, encoding="utf-8") as opened:
            opened.write(text)
        file.chmod(0o755)
    except OSError as error:
        raise ReconcilerError(f"{file}: cannot be written: {error.strerror}") from error
