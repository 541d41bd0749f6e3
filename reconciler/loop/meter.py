"""What users got since that was put on record last: `core/serving`, added up over many looks."""

from __future__ import annotations

from reconciler.core.tally import Tally

OFTEN, SELDOM = 60.0, 3600.0  # seconds until it is to be put on record: while nobody can serve, and else
ALONG = 300.0  # seconds until it goes along with a heartbeat that is written anyway: every command reads all of them


class Meter:
    """Of one environment. However many looks there are, little goes on record."""

    def __init__(self) -> None:
        self._sum = Tally()

    @property
    def due(self) -> bool:
        """An outage goes on record as soon as it is seen, and once a minute while it lasts."""
        return self._sum.seconds >= (OFTEN if self._sum.out else SELDOM)

    @property
    def goes_along(self) -> bool:
        return self._sum.seconds >= ALONG

    @property
    def started(self) -> bool:
        return self._sum.seconds > 0

    def add(self, tally: Tally) -> None:
        """A look; or what was taken, and could not be put on record."""
        self._sum = self._sum.plus(tally)

    def take(self) -> Tally:
        """To be put on record now."""
        taken, self._sum = self._sum, Tally()
        return taken.rounded()
