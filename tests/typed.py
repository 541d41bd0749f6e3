"""A command as a person types it, but in this process: by the console script's own function, on the same files. Only
the interpreter's start and the imports are saved, and they are most of what a command costs."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest

from reconciler.cli import main


def reconcile(*words: str, folder: Path, environ: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    """In `folder`, with these variables and no others. For what changes a process (`run`, `--apply`) start one."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["reconcile", *words]),
        mock.patch.dict(os.environ, dict(environ), clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), err.getvalue())
