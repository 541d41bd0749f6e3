"""The name that was probably meant: every unknown name in a file is answered with the nearest known one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def near(name: str, known: Iterable[str]) -> str | None:
    """None when nothing is near enough."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower()[:100], by_lower, n=1)
    return by_lower[close[0]] if close else None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that nobody knows."""
    names = sorted(known)
    meant = near(name, names)
    hint = f"did you mean '{meant}'?" if meant else f"expected one of: {', '.join(names)}" if names else "expected none"
    return f"unknown {what} '{clip(name)}'; {hint}"


def shown(text: str) -> str:
    """Fit for a terminal and a log: no control sequence, nothing that cannot be encoded."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def said(output: bytes) -> list[str]:
    """What a program has told, line by line, without empty ones. What `ssh-keygen` says comes out of git with a `?`
    at its end."""
    lines = output.decode("utf-8", "replace").splitlines()
    return [shown(line).rstrip().removesuffix("?") for line in lines if line.strip()]


def clip(value: Any) -> str:
    """A value short enough for a message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
