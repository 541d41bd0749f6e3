"""What a program says of itself: how the doctor takes each answer, and none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.drivers.examining import Grade
from reconciler.drivers.local import examined


@pytest.mark.parametrize(
    ("script", "deadline", "grade", "found"),
    [
        ("#!/bin/sh\necho proxy 1.2.3\n", 20.0, Grade.OK, "1.2.3, {path}"),
        ("#!/bin/sh\necho proxy\n", 20.0, Grade.UNKNOWN, "{path} does not tell its version"),
        ("#!/bin/sh\nexec sleep 60\n", 0.1, Grade.UNKNOWN, "{path} does not answer in time"),
        ("#!/no/such/interpreter\n", 20.0, Grade.FAILED, "{path} cannot be run: FileNotFoundError"),
    ],
    ids=["its version", "no version", "too slow", "cannot be run"],
)
def test_a_program_is_graded_by_what_it_answers(
    tmp_path: Path, script: str, deadline: float, grade: Grade, found: str
) -> None:
    path = tmp_path / "proxy"
    path.write_text(script)
    path.chmod(0o755)
    told = examined.program("proxy", lambda: path, "--version", deadline)
    assert (told.grade, told.found) == (grade, found.format(path=path))
