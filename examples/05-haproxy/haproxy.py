"""The same switch on HAProxy: weights in one entry of a map, and what an HAProxy of your own would have to include."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import Terminal, count, terminal

MANIFEST = "environments/production.yaml"


def main() -> None:
    with terminal("production") as (here, port):
        url = f"http://127.0.0.1:{port}/"
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")
        here.edit(MANIFEST, "kind: envoy", "kind: haproxy")
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment, on HAProxy")
        here.reconcile("--once", "--apply")
        count(url)
        shown(here)

        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.git("commit", "--quiet", "-am", "Switch to green")
        here.reconcile("--once", "--apply")
        count(url)
        shown(here)

        here.say("what an HAProxy of your own would have to include; no weight stands in it, and no secret")
        here.reconcile("gateway", "production", "--check")
        here.reconcile("gateway", "production")


def shown(here: Terminal) -> None:
    """The map's file: what a restart would begin with."""
    (file,) = (here.folder / "state/production/gateway").glob("*.map")
    print(f"\n# {file.name}: {file.read_text('utf-8').strip()}")


if __name__ == "__main__":
    main()
