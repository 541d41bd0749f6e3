"""Sentences without a language: a key and its parts. A language turns them into text; what is not a sentence of ours
(a version, a gate's own words) is a plain string, and the same in every language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Said:
    """`parts` fill the places of the key's phrase."""

    key: str
    parts: Mapping[str, Text] = field(default_factory=dict)


Text = str | Said | tuple["Text", ...]  # several: one after the other


def lasting(value: float | None) -> Said:
    """So many seconds."""
    if value is None:
        return Said("unknown")
    if abs(value) < 120:
        return said("seconds", value=f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}")
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return said("hours", hours=str(hours), minutes=str(minutes))
    if not rest:
        return said("wholeMinutes", minutes=str(minutes))
    return said("minutes", minutes=str(minutes), seconds=str(rest))


def said(key: str, **parts: Text) -> Said:
    return Said(key, parts)


@dataclass(frozen=True, slots=True)
class Language:
    """`phrases` by key; `reason` translates the verdict's own sentences."""

    code: str  # of BCP 47
    name: str
    phrases: Mapping[str, str]
    reason: Callable[[str], str]
    zone: str  # beside UTC, in which moments are told: empty, or `KST`

    def text(self, what: Text) -> str:
        if isinstance(what, str):
            return what
        if isinstance(what, tuple):
            return "; ".join(filter(None, map(self.text, what)))
        return self.phrases[what.key].format(**{name: self.text(part) for name, part in what.parts.items()})
