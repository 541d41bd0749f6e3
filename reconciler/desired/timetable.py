"""When drills are due, on the wall of the schedule's time zone. The core gets text that compares, and never a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from reconciler.core.drill import policy
from reconciler.core.model import Spec
from reconciler.core.reading import Agenda
from reconciler.core.state import State
from reconciler.desired.cron import Cron, zone
from reconciler.desired.document import DrillEntry

FAR = timedelta(days=1500)  # past and ahead: from one 29th of February to the next
BACK = (timedelta(days=2), timedelta(days=40), FAR)  # looked through for the latest, one after the other
MOMENT = timedelta(microseconds=1)


class Timetable:
    """The times of one schedule. Between two of them it has nothing to work out."""

    def __init__(self, schedule: str, time_zone: str) -> None:
        """Raises Refused for what is no time, as `Cron` does."""
        self.written = f"{schedule} {time_zone}"
        self._cron = Cron(schedule, zone(time_zone), timedelta(0))
        self._known: tuple[datetime | None, datetime | None] | None = None

    def around(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The latest that is not after `now` (aware), and the next one; both in UTC, None where there is none for
        years."""
        if self._known is None or not self._holds(self._known, now):
            self._known = self._latest(now), self._next(now)
        return self._known

    @staticmethod
    def _holds(known: tuple[datetime | None, datetime | None], now: datetime) -> bool:
        last, following = known
        return last is not None and following is not None and last <= now < following

    def _latest(self, now: datetime) -> datetime | None:
        for span in BACK:
            times = [begins for begins, _ in self._cron.spans(now - span, now + MOMENT)]
            if times:
                return times[-1]
        return None

    def _next(self, now: datetime) -> datetime | None:
        return next((begins for begins, _ in self._cron.spans(now, now + FAR) if begins > now), None)

    def told(self, moment: datetime | None) -> str:
        """For people, on the wall of the schedule's time zone."""
        return f"{moment.astimezone(self._cron.zone):%Y-%m-%d %H:%M %Z}" if moment else ""


@lru_cache(maxsize=256)
def timetable(schedule: str, time_zone: str) -> Timetable:
    """The one of this schedule: what it has worked out once is there at the next look."""
    return Timetable(schedule, time_zone)


def agenda(entry: DrillEntry | None, spec: Spec, state: State, now: datetime) -> Agenda:
    """What the wall says at `now` (aware). `spec`: in force."""
    until = text(now + timedelta(seconds=policy(spec).expires))
    found = Agenda(now=text(now), until=until, over=_over(state, now))
    if entry is None or entry.schedule is None:
        return found
    table = timetable(entry.schedule, entry.time_zone)
    last, following = table.around(now)
    late = (now - last).total_seconds() if last else 0.0
    return Agenda(table.written, text(last), late, found.now, until, found.over, table.told(following))


def _over(state: State, now: datetime) -> bool:
    """Of the drill that is on; else of the word that one is to begin."""
    asked = state.drill_asked.until if state.drill_asked else ""
    until = state.drill.until if state.drill else asked
    return bool(until) and now >= datetime.fromisoformat(until)


def text(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
