"""What several environments' exit codes are together."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.conditions import BLOCKED, CHANGES, ERROR, IN_SYNC, ROLLED_BACK

RANK = (IN_SYNC, CHANGES, BLOCKED, ROLLED_BACK, ERROR)  # the worst last


def worst(codes: Iterable[int]) -> int:
    return max(codes, default=IN_SYNC, key=RANK.index)
