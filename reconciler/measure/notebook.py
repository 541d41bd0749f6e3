"""What gates have read of things that forget, such as a log that wraps.

A gate keeps nothing, and what was written to such a log early in a transition may be gone from there later: so it is
kept here, one value for each gate, until its next transition or the end of the process. What it means is the gate's
affair; whatever it cannot do without, it has somewhere else.
"""

from __future__ import annotations

from typing import Any

from reconciler.core.model import Release
from reconciler.core.reading import Window


class Page:
    """Of one gate, as `drivers.protocols.Notes`. A value is one whole, so whoever reads one beside whoever writes one
    gets the one or the other."""

    def __init__(self) -> None:
        self._held: tuple[tuple[str, Release], Any] | None = None

    def read(self, window: Window) -> Any:
        held = self._held
        return held[1] if held and held[0] == (window.transition, window.newcomer) else None

    def write(self, window: Window, value: Any) -> None:
        self._held = (window.transition, window.newcomer), value


class Notebook:
    """Of one environment. It outlives the drivers: a commit in mid-transition that opens them anew must not lose it."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[str, Page]] = {}

    def page(self, gate: str, settings: str) -> Page:
        """A gate with other settings reads other things, and begins anew."""
        before = self._pages.get(gate)
        if before is None or before[0] != settings:
            self._pages[gate] = settings, Page()
        return self._pages[gate][1]
