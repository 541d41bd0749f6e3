"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random


class BackOff:
    """Seconds after each failure in a row: doubling from `first` up to `ceiling`, with jitter of a half so that many do
    not come at once."""

    def __init__(self, first: float, ceiling: float, jitter: random.Random | None = None) -> None:
        self._first, self._ceiling = first, ceiling
        self._jitter = jitter or random.Random()

    def after(self, failures: int) -> float:
        """`failures` in a row, one at least."""
        full: float = min(self._ceiling, self._first * 2 ** min(failures - 1, 20))
        return full * (0.5 + self._jitter.random() / 2)
