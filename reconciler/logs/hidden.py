"""No secret of the operator's file in any line. Nothing of ours logs one; what others say, we cannot know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from reconciler.configuration import Configuration

SHORTEST = 8  # characters: hiding every "1" or "info" would hide everything
STARS = "***"
_WORD = re.compile(r"[a-z]+")  # a variable may well hold `production`, and no line could name it any more
_LOGIN = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")  # `user:password` of whatever address


class Hidden:
    """Called with a text, gives it without secrets. It knows none until the operator's file was read."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None

    def know(self, secrets: Iterable[str]) -> None:
        """Each of them, and each line of one that has several: a key is printed line by line."""
        parts = {part for secret in secrets for part in (secret, *secret.splitlines()) if _telling(part)}
        longest_first = sorted(parts, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if parts else None

    def __call__(self, text: str) -> str:
        known = self._known.sub(STARS, text) if self._known else text
        return _LOGIN.sub(STARS, known)


def _telling(part: str) -> bool:
    return len(part) >= SHORTEST and not _WORD.fullmatch(part)


def secrets_of(configuration: Configuration) -> Iterator[str]:
    """Everything in the operator's file that may be one. What lies in variables and files is read by whoever sends."""
    for section in ("apps", "commands"):
        for entry in configuration.entries(section).values():
            yield from entry.env.values()
    for query in configuration.entries("queries").values():
        yield from _of_address(query.url)
    for recipient in configuration.recipients.values():
        if recipient.url:
            yield recipient.url
            yield from _of_address(recipient.url)
    for destination in configuration.destinations.values():
        yield from destination.headers.values()


def _of_address(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}
