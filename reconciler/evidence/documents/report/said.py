"""Sentences without a language: a key and its parts. A language turns them into text; what is not a sentence of ours
(a version, a gate's own words) is a plain string, and the same in every language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timezone

from reconciler.evidence.documents.plain import clock, minute


@dataclass(frozen=True, slots=True)
class Said:
    """`parts` fill the places of the key's phrase."""

    key: str
    parts: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds since 1970, told in the time zone of the language: the time of day, or with its `day`. `named`: with the
    zone's name, where no heading has it."""

    at: float | None
    day: bool = False
    named: bool = True


@dataclass(frozen=True, slots=True)
class Ours:
    """A sentence that is on record in English: a step, a gate's usual answer."""

    english: str


Text = str | Said | Moment | Ours | tuple["Text", ...]  # several: one after the other


def lasting(value: float | None) -> Said:
    """So many seconds."""
    if value is None:
        return Said("unknown")
    if abs(value) < 120:
        return said("seconds", value=_short(value))
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return said("hours", hours=str(hours), minutes=str(minutes))
    if not rest:
        return said("wholeMinutes", minutes=str(minutes))
    return said("minutes", minutes=str(minutes), seconds=str(rest))


def _short(value: float) -> str:
    """As exact as anybody needs it; nothing is not told in thousandths."""
    places = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:.{places}f}".rstrip("0").rstrip(".")


def said(key: str, **parts: Text) -> Said:
    return Said(key, parts)


@dataclass(frozen=True, slots=True)
class Language:
    """`phrases` by key; `reason` translates the verdict's own sentences."""

    code: str  # of BCP 47
    name: str
    phrases: Mapping[str, str]
    reason: Callable[[str], str]
    ours: Callable[[str], str]  # translates `Ours`
    zone: timezone  # in which every moment is told
    zone_name: str

    def text(self, what: Text) -> str:
        if isinstance(what, str):
            return what
        if isinstance(what, Ours):
            return self.ours(what.english)
        if isinstance(what, Moment):
            return self._moment(what)
        if isinstance(what, tuple):
            return "; ".join(filter(None, map(self.text, what)))
        return self.phrases[what.key].format(**{name: self.text(part) for name, part in what.parts.items()})

    def _moment(self, what: Moment) -> str:
        told = minute(what.at, self.zone) if what.day else clock(what.at, self.zone)
        return f"{told} {self.zone_name}" if what.named else told
