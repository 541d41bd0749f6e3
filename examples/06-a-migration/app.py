"""The database of this example and what changes it: `app.py check|upgrade|dry-run`. Copied beside reconciler.toml."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

WANTED = 2  # the schema that the new version needs
NOT_APPLIED = 10


def main(what: str) -> int:
    with closing(sqlite3.connect("shop.db", timeout=10, isolation_level=None)) as database:
        has = database.execute("pragma user_version").fetchone()[0]
        if what == "check":
            return 0 if has >= WANTED else NOT_APPLIED
        database.execute("begin immediate")
        database.execute("alter table orders add column note text not null default ''")
        database.execute(f"pragma user_version = {WANTED}")
        database.execute("commit" if what == "upgrade" else "rollback")
        print(f"schema {has} -> {WANTED}{'' if what == 'upgrade' else ', taken back'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
