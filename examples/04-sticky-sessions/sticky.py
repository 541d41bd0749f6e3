"""Sticky sessions: a client stays in the slot that it was given; the weight decides only about new ones."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import ask, terminal

MANIFEST = "environments/production.yaml"
STEPS = """\
      - setWeight: 10
      - pause: {duration: 5s} # without a duration it waits for: reconcile promote production
      - setWeight: 50
"""


def main() -> None:
    with terminal("production") as (here, port):
        url = f"http://127.0.0.1:{port}/"
        here.reconcile("init", "--port", str(port))
        here.edit(MANIFEST, "soak: 30s", "soak: 2s")
        here.edit(MANIFEST, "sessions: shared", "sessions: sticky")
        here.edit(MANIFEST, STEPS, "      - setWeight: 50\n      - pause: {} # until: reconcile promote production\n")
        here.git("add", ".")
        here.git("commit", "--quiet", "-m", "A first environment, with sticky sessions")
        here.reconcile("--once", "--apply")
        old = clients(url, 10)
        told("ten clients came before the switch", old)

        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        here.git("commit", "--quiet", "-am", "Switch to green")
        here.say("it stops at 50 % and waits for a person: exit code 3")
        here.reconcile("--once", "--apply", expect=3)
        moved("the ten of before, asking three times each", url, old)
        new = clients(url, 30)
        told("thirty new clients", new)
        moved("the thirty, asking three times each", url, new)

        here.reconcile("promote", "production")
        here.reconcile("--once", "--apply")
        moved("everybody, after the switch", url, old | new)
        told("ten more clients", clients(url, 10))


def clients(url: str, number: int) -> dict[str, str]:
    """Clients by their cookies, with the slot that answered them first."""
    found = {}
    while len(found) < number:
        _, text, cookie = ask(url)
        found[f"{cookie}; client={len(found)}-{number}"] = slot(text)
    return found


def slot(text: str) -> str:
    return "green" if "green" in text else "blue"


def told(who: str, slots: dict[str, str]) -> None:
    shown = ", ".join(f"{number} in {name}" for name, number in sorted(Counter(slots.values()).items()))
    print(f"\n# {who}: {shown}")


def moved(who: str, url: str, slots: dict[str, str]) -> None:
    """Ask again as each of them; how many were answered by another slot than at first."""
    others = [cookie for cookie, first in slots.items() for _ in range(3) if slot(ask(url, cookie)[1]) != first]
    print(f"\n# {who}: {len(set(others))} of {len(slots)} changed slots")


if __name__ == "__main__":
    main()
