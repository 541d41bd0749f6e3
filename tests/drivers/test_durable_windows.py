"""A rename over a file that somebody reads: Windows refuses it, for as long as that lasts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.drivers.local import durable
from reconciler.errors import Refused


class _Windows:
    platform = "win32"


class _Readers:
    """`os.replace` there, while so many looks find a reader."""

    def __init__(self, looks: int) -> None:
        self.left, self.tried = looks, 0
        self._replace = os.replace

    def __call__(self, new: Path, path: Path) -> None:
        self.tried += 1
        if self.left:
            self.left -= 1
            raise PermissionError(13, "Permission denied")
        self._replace(new, path)


def test_it_is_done_as_soon_as_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = _Readers(3)
    monkeypatch.setattr(durable, "sys", _Windows)
    monkeypatch.setattr(durable.os, "replace", readers)
    durable.write(tmp_path / "file", "new")
    assert ((tmp_path / "file").read_text(), readers.tried) == ("new", 4)


def test_one_who_reads_for_ever_is_told_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(durable, "sys", _Windows)
    monkeypatch.setattr(durable, "APART", 0.0)
    monkeypatch.setattr(durable.os, "replace", _Readers(10_000))
    with pytest.raises(Refused, match="Permission denied"):
        durable.write(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_elsewhere_a_refusal_is_one_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = _Readers(10_000)
    monkeypatch.setattr(durable.os, "replace", readers)
    with pytest.raises(Refused):
        durable.write(tmp_path / "file", "new")
    assert readers.tried == 1
