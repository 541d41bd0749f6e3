"""What the operator decides of recovery points, as far as whoever takes them needs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    keep: int = 5  # the latest so many of each environment
    keep_for: float | None = None  # seconds, and none that is older; but always the latest
    record: bool = False  # a file that changes each time it is read is kept as it was read, and named
    timeout: float = 3600.0  # seconds for all folders; a dump has its command's
