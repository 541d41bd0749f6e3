"""What `reconcile doctor` asks of drivers. A protocol beside their contracts, and optional: a driver that has nothing
to say has no `examine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from reconciler.core.model import Pin, Slot


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and will not always
    FAILED = "failed"  # something will not work
    UNKNOWN = "unknown"  # it could not be found out


@dataclass(frozen=True, slots=True)
class Finding:
    """One prerequisite, in words for an operator and without any secret. `what`: one or two words that name it;
    `found`: what is there; `cure`: what to type or to change, empty where nothing is to be mended."""

    grade: Grade
    what: str
    found: str
    cure: str = ""


@runtime_checkable
class Examinable(Protocol):
    """A gateway, a host, a gate, or whatever else depends on something that can be missing."""

    def examine(self) -> Sequence[Finding]:
        """Look at everything that its work needs, here and on other machines, best first what others rest on. Changes
        nothing, not even a file's time; bounded by the driver's own deadline; raises nothing for what the world is."""


@runtime_checkable
class Stocked(Protocol):
    """A host that needs files of a version, and can tell whether they are there without touching anything."""

    def lacking(self, slot: Slot, pin: Pin) -> str:
        """What `start` would miss, and what to do; empty when nothing."""


def ok(what: str, found: str) -> Finding:
    return Finding(Grade.OK, what, found)


def failed(what: str, found: str, cure: str) -> Finding:
    return Finding(Grade.FAILED, what, found, cure)


def warning(what: str, found: str, cure: str) -> Finding:
    return Finding(Grade.WARNING, what, found, cure)


def unknown(what: str, found: str, cure: str = "") -> Finding:
    return Finding(Grade.UNKNOWN, what, found, cure)


def split(error: Exception | str) -> tuple[str, str]:
    """Our own errors say what is wrong, and behind the last semicolon or colon what to do: the text, and the cure."""
    text = " ".join(str(error).split())
    for sign in ("; ", ": "):
        before, found, after = text.rpartition(sign)
        if found and after:
            return before, after
    return text, ""
