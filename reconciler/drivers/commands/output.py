"""The end of what a command said, however much it said, without the secrets that the operator gave it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

KEPT = 4096  # bytes of its output that are shown
SHORTEST_SECRET = 4  # hiding every "1" would hide everything
_HIDDEN = b"\0"  # stands for one byte of a secret, so that a cut through one can be seen


class Tail:
    """Takes all output and keeps its end. `total` counts the bytes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(set(_spelt(secrets)), key=len, reverse=True)
        self._margin = max(map(len, self._secrets), default=0)  # a secret that begins before the end that is kept
        self._kept = b""
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        self._kept = (self._kept + data)[-(KEPT + self._margin) :]

    def text(self) -> str:
        """In lines, fit for a terminal and a log."""
        shown = self._kept.replace(_HIDDEN, b" ")
        for secret in self._secrets:
            shown = shown.replace(secret, _HIDDEN * len(secret))
        if self.total > len(shown):
            shown = shown[self._margin :]  # half a secret may stand there, which nobody could recognise
        text = re.sub(_HIDDEN + b"+", b"***", shown).decode("utf-8", "replace")
        lines = ("".join(one if one.isprintable() else " " for one in line).rstrip() for line in text.splitlines())
        return "\n".join(line for line in lines if line)


def _spelt(secrets: Iterable[str]) -> Iterator[bytes]:
    """Each secret, and each line of one that has several: a key is printed line by line."""
    for secret in secrets:
        for part in (secret, *secret.splitlines()):
            if len(part) >= SHORTEST_SECRET:
                yield part.encode("utf-8", "surrogateescape")
