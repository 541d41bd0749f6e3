"""The end of every end-to-end test finds what it is there to find: a real run's records, and then doctored ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from e2e_judged import objections
from e2e_playground import Playground

pytestmark = pytest.mark.real


def test_a_real_runs_records_are_judged_and_doctored_ones_are_found(playground: Playground, tmp_path: Path) -> None:
    playground.serving()
    users = playground.users(rate=30)
    playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    users.stop()
    playground.stop_run()
    records = _copy(playground, tmp_path / "copy")
    log = records / "state" / "demo" / "gateway" / "access.log"
    whole = log.read_text(encoding="utf-8")
    assert _found(records) == []

    log.write_text(whole.replace('"upstream":"127.0.0.1:', '"upstream":"127.0.0.2:'), encoding="utf-8")
    assert any("127.0.0.2" in said and "nobody's address" in said for said in _found(records))
    assert any("nothing was compared" in said for said in _found(records))
    log.unlink()
    assert any("nothing was compared" in said for said in _found(records))

    log.write_text(whole, encoding="utf-8")
    _spoil(records / "state" / "journal.db", "UPDATE entries SET actor = 'nobody' WHERE seq = 7")
    assert any("entry 7 is not what was written" in said for said in _found(records))


def _found(records: Path) -> list[str]:
    return objections(records / "reconciler.toml", {"demo"}, sticky=False)


def _copy(playground: Playground, to: Path) -> Path:
    """Journal and access log, beside the operator's file."""
    (to / "state" / "demo" / "gateway").mkdir(parents=True)
    for name in ("reconciler.toml", "state/demo/gateway/access.log"):
        (to / name).write_bytes((playground.root / name).read_bytes())
    with (
        closing(sqlite3.connect(playground.place.state / "journal.db")) as one,
        closing(sqlite3.connect(to / "state" / "journal.db")) as other,
    ):
        one.backup(other)
    return to


def _spoil(journal: Path, sql: str) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DROP TRIGGER entries_keep")
        connection.execute(sql)
