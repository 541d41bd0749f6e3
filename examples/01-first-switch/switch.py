"""The first switch: an environment is made, started, and moved from blue to green by one commit."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import count, terminal

MANIFEST = "environments/production.yaml"


def main() -> None:
    with terminal("production") as (here, port):
        url = f"http://127.0.0.1:{port}/"
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")  # an example need not be watched for long
        here.edit(MANIFEST, "duration: 5s", "duration: 1s")
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment")

        here.say("blue is started, and only when it is ready may users in; green is made ready without any")
        here.reconcile("--once", "--apply")
        count(url)

        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.git("commit", "--quiet", "-am", "Switch to green")
        here.say("the preview: it writes nothing")
        here.reconcile("--once")
        here.say("the switch; `reconcile run` would have done it by itself, as soon as you committed")
        here.reconcile("--once", "--apply")
        count(url)
        here.reconcile("status")
        here.reconcile("history", "--verify")


if __name__ == "__main__":
    main()
