"""Bring the notes' database to the schema that a version needs: `python migrate.py DATA RELEASES VERSION`.

    --dry-run   do it, and take it back
    --check     exit code 0 when the database has that schema, 10 when it has not, 2 when nobody can tell

Every real run leaves a line in `DATA/migrations.jsonl`. `migrate_s` and `migrate_fails` in release.json make it slow,
or fail.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import notes
import release

NOT_APPLIED = 10  # what a check says for a clear no


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("releases", type=Path)
    parser.add_argument("version")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    wanted, told = release.schema(given.releases / given.version), release.read(given.releases / given.version)
    try:
        if given.check:
            with closing(notes.opened(given.data)) as database:
                return 0 if notes.schema(database) >= wanted else NOT_APPLIED
        if told.migrate_fails and not given.dry_run:
            print("the disk is full")
            return 3
        time.sleep(0 if given.dry_run else told.migrate_s)
        had = notes.upgrade(given.data, wanted, dry_run=given.dry_run)
    except sqlite3.Error as error:
        print(f"the database says: {error}")
        return 2
    print(f"schema {had} -> {wanted}{', taken back' if given.dry_run else ''}")
    if not given.dry_run:
        with (given.data / "migrations.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"version": given.version, "from": had, "to": wanted}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
