"""What a generator sends at one turn: a stranger's next step, or the next request of one visitor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.drivers.journey import Journey, Step
from reconciler.measure.request import Reply, send
from reconciler.measure.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Errand:
    """Whoever takes one sends it. `send` may raise NotSent."""

    step: str
    send: Callable[[], Reply]
    session: int = 0  # 0: a stranger's


class Strangers:
    """A journey's steps one after the other, by one road; nobody remembers anything but what was uploaded."""

    def __init__(self, journey: Journey, road: str) -> None:
        self._journey, self._road = journey, journey.roads[road]
        self._uploads = Uploads(road)

    def errand(self, turn: int) -> Errand | None:
        """None: there is nothing to download yet."""
        written = self._journey.steps[turn % len(self._journey.steps)]
        step = self._uploads.prepared(written)
        return Errand(step.name, lambda: self._go(written, step)) if step else None

    def _go(self, written: Step, step: Step) -> Reply:
        reply = send(step, self._road, self._journey.timeout)
        if not reply.error:
            self._uploads.answered(written, step)
        return reply
