"""A version that needs another database schema: tried, applied once, proved, and only then switched to."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import Terminal, count, terminal

MANIFEST = "environments/production.yaml"
COMMANDS = """
[commands.dry-run]
argv = ["{python}", "app.py", "dry-run"]
[commands.upgrade]
argv = ["{python}", "app.py", "upgrade"]
[commands.upgraded]
argv = ["{python}", "app.py", "check"]
"""
MIGRATE = """\
  migrate: {command: upgrade, check: upgraded, oldVersionWorks: true}
  gates:
    migrate:
      - {kind: migration, command: dry-run}
"""


def main() -> None:
    with terminal("production") as (here, port):
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")
        here.edit(MANIFEST, "duration: 5s", "duration: 1s")
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment")
        here.reconcile("--once", "--apply")
        database(here)

        here.edit("reconciler.toml", "[security]", COMMANDS + "\n[security]")
        here.edit(MANIFEST, "  gates:\n", MIGRATE)
        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.reconcile("validate", MANIFEST)
        here.git("commit", "--quiet", "-am", "Switch to 1.1.0, which needs schema 2")
        here.say("what would be done; and whether one could go back")
        here.reconcile("--once")
        here.reconcile("--once", "--apply")
        count(f"http://127.0.0.1:{port}/")
        here.say("on record: what the dry-run said, and what the check said afterwards")
        here.reconcile("history", "production")


def database(here: Terminal) -> None:
    """What is there already: a database with schema 1, and something in it."""
    shutil.copy(Path(__file__).parent / "app.py", here.folder)
    with closing(sqlite3.connect(here.folder / "shop.db")) as made:
        made.executescript("create table orders (id integer primary key, what text); pragma user_version = 1")
        made.execute("insert into orders (what) values ('a lamp')")
        made.commit()
    here.say("made shop.db, with schema 1")


if __name__ == "__main__":
    main()
