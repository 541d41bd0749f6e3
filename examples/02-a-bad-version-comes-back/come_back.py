"""A version that answers some requests with 500 is switched to, found out, and left again. Then its successor."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import Terminal, count, terminal

MANIFEST = "environments/production.yaml"
FAULT = """\
        if self.path != "/healthz" and os.urandom(1)[0] < 128:  # half of the answers; its health looks fine
            return self.send_error(500)
"""


def main() -> None:
    with terminal("production") as (here, port):
        url = f"http://127.0.0.1:{port}/"
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")
        here.edit(MANIFEST, "duration: 5s", "duration: 1s")
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment")
        here.reconcile("--once", "--apply")

        release(here, "1.2.0", fault=True)
        here.edit(MANIFEST, 'green: {version: "1.1.0"}', 'green: {version: "1.2.0"}')
        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.git("commit", "--quiet", "-am", "Switch to 1.2.0")
        here.say("what would happen if the gates failed at 10 %?")
        here.reconcile("--once", "--what-if", "10:fail")
        here.say("they do. Exit code 4: rolled back")
        here.reconcile("--once", "--apply", expect=4)
        count(url)
        here.say("its file was put back as it was, and git says what became of the commit")
        here.git("log", "-2", "--notes=reconciler", "--format=%s%n%N")
        here.say("and it is held: nobody tries it again, whoever commits it, until another version is pinned")
        here.reconcile("status")

        release(here, "1.2.1", fault=False)
        here.edit(MANIFEST, 'green: {version: "1.1.0"}', 'green: {version: "1.2.1"}')
        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.git("commit", "--quiet", "-am", "Switch to 1.2.1, which is mended")
        here.reconcile("--once", "--apply")
        count(url)
        here.reconcile("status")


def release(here: Terminal, version: str, *, fault: bool) -> None:
    """A release folder; with a fault that health checks do not see."""
    folder = here.folder / "releases" / version
    shutil.copytree(here.folder / "releases" / "1.1.0", folder)
    if fault:
        here.edit(
            f"releases/{version}/app.py", "    def do_GET(self) -> None:\n", "    def do_GET(self) -> None:\n" + FAULT
        )
    else:
        here.say(f"made releases/{version}")


if __name__ == "__main__":
    main()
