"""The lock under `OwnerLock` and `RunLock`, by the calls of Linux and by those of Windows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import windows_lock

from reconciler.drivers.local import hold
from reconciler.drivers.local.lock import OwnerLock
from reconciler.errors import JournalLocked, Refused
from reconciler.journal.lock import RunLock


class _Windows:
    """What `hold` sees of `sys` there; everybody else sees the real one."""

    platform = "win32"


@pytest.fixture(params=["posix", "windows"], autouse=True)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "windows":
        monkeypatch.setattr(hold, "sys", _Windows)
        monkeypatch.setitem(sys.modules, "msvcrt", windows_lock)
    return request.param


def test_one_run_holds_a_journal_and_the_other_hears_who(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    assert not second.held()
    first.take("by-this")
    assert (second.held(), second.mark()) == (True, "by-this")
    with pytest.raises(JournalLocked, match=r"pid [0-9]+\)"):
        second.take()
    first.release()
    assert (second.held(), second.mark()) == (False, None)
    second.take()
    assert (tmp_path / "lock").read_text().splitlines()[1:] == [], "what the first one said is gone"


def test_looking_takes_nothing_from_anybody(tmp_path: Path) -> None:
    looker, holder = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    (tmp_path / "lock").touch()
    for _ in range(3):
        assert not looker.held()
    holder.take()
    for _ in range(3):
        assert looker.held()


def test_a_gateway_has_one_owner_who_is_named(tmp_path: Path) -> None:
    first, second = (OwnerLock(tmp_path / "owner", "the gateway") for _ in range(2))
    first.take()
    with pytest.raises(Refused, match=r"the gateway is owned by process [0-9]+"):
        second.take()
    first.release()
    second.take()
    second.release()
