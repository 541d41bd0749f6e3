"""What a program said last: often the reason why it is no more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TAIL = 4096  # bytes
LONGEST = 200  # characters
SHORTEST_SECRET = 4  # hiding every "1" would hide everything


def last_words(log: Path, since: int, secrets: Iterable[str]) -> str:
    """The last line written after byte `since`, fit for a screen; empty when there is none. The values that the
    operator gave the app as variables do not appear in it."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - TAIL))
            text = file.read(TAIL).decode("utf-8", errors="replace")
    except OSError:
        return ""
    line = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            line = line.replace(secret, "***")
    return "".join(letter if letter.isprintable() else " " for letter in line)[:LONGEST]
