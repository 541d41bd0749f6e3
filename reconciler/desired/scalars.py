"""What an unquoted scalar means, where all YAML readers agree; where they do not, it is a `Surprise`."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_SWITCHES = {"y", "n", "yes", "no", "on", "off", "true", "false"}
_NUMBERS = (
    re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]+)*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"),  # 012, 1_000, 1:30, 1e3
    re.compile(r"[-+]?\.[0-9_]+([eE][-+]?[0-9]+)?"),
    re.compile(r"[-+]?0[xXoObB][0-9a-fA-F_]+"),
    re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE),
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


class Surprise(ValueError):
    """A scalar that means one thing here and another thing elsewhere. The text says what to write instead."""


def plain(text: str) -> str | int | float | bool | None:
    """Raises Surprise."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if trouble := _surprise(text):
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise Surprise(f'{shown} {trouble}; quote it: "{shown}"')
    return text


def _surprise(text: str) -> str:
    if text.lower() in _SWITCHES:
        return "is text to some YAML readers and a switch to others (write true or false for a switch)"
    if text.lower() == "null":
        return "is text to some YAML readers and nothing to others"
    if any(form.fullmatch(text) for form in _NUMBERS):
        return "is not the same number to every YAML reader"
    if _DATE.fullmatch(text):
        return "is text to some YAML readers and a date to others"
    return "has a meaning of its own in YAML" if text == "=" else ""
