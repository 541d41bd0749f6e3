"""A switch that somebody has to approve, in a closed window; then a version that fails, and what git makes of it."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import Terminal, count, terminal

MANIFEST = "environments/production.yaml"
RULES = """\
  approvals: {{before: [preflight, shift]}}
  windows:
    - {{deny: "{minute} {hour} {day} {month} *", duration: 5h, reason: stocktaking}}
  onFailure: rollback"""
LATER = "  approvals: {before: [shift]}\n  onFailure: rollback"
FAULT = """\
        if self.path != "/healthz" and os.path.exists({outage!r}):  # what it needs, and /healthz does not show
            return self.send_error(500)
"""


def main() -> None:
    with terminal("production") as (here, port):
        url = f"http://127.0.0.1:{port}/"
        closed = rules()
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")
        here.edit(MANIFEST, "duration: 5s", "duration: 1s")
        here.edit(MANIFEST, "  onFailure: rollback", closed)
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment")
        here.reconcile("--once", "--apply")
        approved_in_a_freeze(here)
        count(url)

        here.say("the stocktaking is over, and the shift alone is to be approved from now on")
        here.edit(MANIFEST, closed, LATER)
        here.git("commit", "--quiet", "-am", "No stocktaking any more")
        here.reconcile("--once", "--apply")
        taken_back(here)
        count(url)
        tried_again(here)
        count(url)


def rules() -> str:
    """Closed since five minutes ago, by UTC."""
    began = datetime.now(UTC) - timedelta(minutes=5)
    return RULES.format(minute=began.minute, hour=began.hour, day=began.day, month=began.month)


def approved_in_a_freeze(here: Terminal) -> None:
    here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
    here.git("commit", "--quiet", "-am", "Switch to green")
    here.say("nothing begins without approval. Exit code 3: a person is waited for")
    here.reconcile("--once", "--apply", expect=3)
    here.reconcile("status", expect=3)
    here.say("the review, and a yes; at a terminal it asks instead of needing --yes")
    here.reconcile("approve", "production", "--yes", "-m", "announced to the shops")
    here.say("approved, and still not begun: no transition goes forward during the stocktaking")
    here.reconcile("--once", "--apply", expect=3)
    here.reconcile("resume", "production", "--override-freeze", "-m", "1.0.0 loses orders")
    here.say("now 1.1.0 is started and checked, without a user; then its traffic is to be approved")
    here.reconcile("--once", "--apply", expect=3)
    here.reconcile("approve", "production", "--stage", "shift", "--yes", "-m", "every gate is good")
    here.reconcile("--once", "--apply")
    here.say("who asked, who agreed, and who overrode what is on record; the votes are commits of their own")
    here.reconcile("history", "production", "--limit", "28")
    here.git("log", "--format=%an: %s%n%w(0,4,4)%b", "reconciler/approvals")


def taken_back(here: Terminal) -> None:
    outage = here.folder / "outage"
    shutil.copytree(here.folder / "releases" / "1.1.0", here.folder / "releases" / "1.2.0")
    begins = "    def do_GET(self) -> None:\n"
    here.edit("releases/1.2.0/app.py", begins, begins + FAULT.format(outage=str(outage)))
    outage.touch()
    here.edit(MANIFEST, 'blue: {version: "1.0.0"}', 'blue: {version: "1.2.0"}')
    here.edit(MANIFEST, "activeSlot: green", "activeSlot: blue")
    here.git("commit", "--quiet", "-am", "Switch to 1.2.0")
    here.say("a colleague begins to work on this very commit, in a work tree of his own")
    here.git("worktree", "add", "--quiet", "-b", "colleague", "colleague")
    here.reconcile("--once", "--apply", expect=3)
    here.reconcile("approve", "production", "--yes")
    here.say("an approval makes no version good: at 10 % the gate fails. Exit code 4: rolled back")
    here.reconcile("--once", "--apply", expect=4)
    here.say("git tells it, at the commit that failed and in one more commit")
    here.git("log", "-2", "--notes=reconciler", "--format=%an: %s%n%w(0,4,4)%N")
    here.say("the colleague, who has seen nothing of that, commits something else, and it is merged")
    (here.folder / "colleague" / "NOTES.md").write_text("Shops open at nine.\n", encoding="utf-8")
    here.git("-C", "colleague", "add", "NOTES.md")
    here.git("-C", "colleague", "commit", "--quiet", "-m", "Something else")
    here.git("merge", "--quiet", "--no-edit", "colleague")
    here.reconcile("--once", "--apply")


def tried_again(here: Terminal) -> None:
    here.say(
        "1.2.0 was not to blame: what it needs was down, and is there again. So it is released, and asked for again"
    )
    (here.folder / "outage").unlink()
    here.reconcile("retry", "production", "-m", "the outage is over")
    put_back = here.git("log", "-1", "--format=%H", "--author=reconciler").strip()
    here.git("revert", "--no-edit", put_back)
    here.reconcile("--once", "--apply", expect=3)
    here.reconcile("approve", "production", "--yes", "-m", "the outage is over")
    here.reconcile("--once", "--apply")
    here.reconcile("status")


if __name__ == "__main__":
    main()
