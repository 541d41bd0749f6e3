"""Warnings by their cause: the same thing said a thousand times, each time with other numbers, is one line here. Pure.

What varies is replaced by a word in angle brackets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reconciler.core.events import (
    Applied,
    ApprovalVoided,
    DriftFound,
    Event,
    HealthNoted,
    HoldBegan,
    Judged,
    PausedByRule,
    RequestRefused,
    RollbackBegan,
)
from reconciler.core.model import Outcome
from reconciler.core.steps import Result

LONGEST = 200  # characters of a cause
LEVELS = ("warning", "error", "critical")
ALARMING = (ApprovalVoided, DriftFound, HoldBegan, PausedByRule, RequestRefused, RollbackBegan)

KEPT = "kept"
VARIES = {  # the first that fits counts
    KEPT: r"\bP[0-9]{2}\b",  # P95 and P99 are two causes
    "address": r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s,;'\"`)<>]*[^\s,;:.'\"`)<>]"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]*\w)"
    r"|\[[0-9a-fA-F]*:[0-9a-fA-F:.]*\](?::\d{1,5})?"
    r"|\b[a-zA-Z][a-zA-Z0-9.-]*:\d{2,5}\b(?!:)",
    "name": r"'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`",
    "time": r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?",
    "path": r"(?<![\w<>/.])(?:[A-Za-z]:\\|\.{0,2}/)[^\s:,;)'\"`<>]+",
    "version": r"(?<=@)(?<=blue@|reen@)[^\s,;:)<>]+",
    "id": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,}\b|\d{12,}",
    "n": r"(?:(?<!\w)[+-])?\d+(?:[.,]\d+)*(?:(?:ms|[smhd])(?!\w)|[hm](?=\d))?",
}
_VARIES = re.compile("|".join(f"(?P<{name}>{found})" for name, found in VARIES.items()))
_DIGIT = re.compile(r"(?<!P)(?<!P\d)\d")
_AGAIN = re.compile(r"<n>(?:<n>)+")  # 1h2m3s is one


def pattern(text: str) -> str:
    """The first line of a message without what varies. A pattern is its own pattern."""
    return _pattern(_DIGIT.sub("0", text.partition("\n")[0][: 4 * LONGEST]))


@lru_cache(maxsize=1024)
def _pattern(text: str) -> str:
    """Which digits they are matters to none of what varies, so messages are few that are told apart here."""
    found = text
    while (after := _once(found)) != found:
        found = after
    return found


def _once(text: str) -> str:
    found = _AGAIN.sub("<n>", _VARIES.sub(_word, text))
    return found if len(found) <= LONGEST else found[: LONGEST - 1] + "…"


def _word(found: re.Match[str]) -> str:
    return found[0] if found.lastgroup == KEPT else f"<{found.lastgroup}>"


def alarming(event: Event) -> bool:
    """Does this entry of the journal say that something was not as it should be?"""
    match event:
        case Judged(outcome):
            return outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
        case HealthNoted(ready):
            return not ready
        case Applied(result):
            return result is not Result.DONE
        case RollbackBegan(condition="Drill"):  # that is what is rehearsed
            return False
        case _:
            return isinstance(event, ALARMING)


@dataclass(slots=True)
class Cause:
    """One cause, how often it was met and when: ISO 8601, as the lines have it. `reason`: a rule's, or the kind of
    entry in the journal; empty where nobody gave one."""

    level: str
    logger: str
    reason: str
    cause: str
    count: int = 0
    first: str = ""
    last: str = ""
    example: str = ""  # the latest
    environments: set[str] = field(default_factory=set)

    def met(self, at: str, message: str, environment: str) -> None:
        self.count += 1
        self.first = min(self.first or at, at)
        if at >= self.last:
            self.last, self.example = at, message
        if environment:
            self.environments.add(environment)


def causes(lines: Iterable[dict[str, Any]], since: str = "") -> list[Cause]:
    """Of warnings and worse, most frequent first. `lines` as the log has them; `since` as `at` is written in them."""
    found: dict[tuple[str, str, str, str], Cause] = {}
    for said in lines:
        at, message = str(said.get("at", "")), str(said.get("message", ""))
        if said.get("level") in LEVELS and at >= since:
            reason = str(said.get("reason") or said.get("event") or "")
            key = (str(said["level"]), str(said.get("logger", "")), reason, pattern(message))
            found.setdefault(key, Cause(*key)).met(at, message, str(said.get("environment", "")))
    return sorted(found.values(), key=lambda one: (-one.count, one.first, one.cause))
