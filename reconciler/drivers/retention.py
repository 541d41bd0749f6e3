"""What became of our sessions in one window: kept, lost or unknown, which add up; and by whom they were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reconciler.core.reading import Measure, Window
from reconciler.drivers.protocols import Session

NAMED = 3  # lost sessions that are named; the others are counted


@dataclass(frozen=True)
class Retention:
    """`told` as `Sessions.sessions` gives it; `count`: so many there should be."""

    count: int
    window: Window
    told: Sequence[Session]

    @cached_property
    def kept(self) -> list[Session]:
        """Open before the newcomer had weight, and whole when it was last used, which was in this window."""
        return [one for one in self.told if one.kept and one.before]

    @cached_property
    def lost(self) -> list[Session]:
        """The first one first."""
        return sorted((one for one in self.told if one.lost), key=lambda one: one.lost.start if one.lost else 0.0)

    @cached_property
    def blamed(self) -> list[Session]:
        """Lost, and that is, or may be, the newcomer's doing."""
        return [one for one in self.lost if self._newcomers(one)]

    def _newcomers(self, session: Session) -> bool:
        """Stable, too, may be the one to find that a session is gone after the newcomer had it in its hands. It is
        stable's own loss if nobody else ever answered the session, or if that was before the newcomer had weight."""
        if session.excused or not self.window.rung:
            return False
        newcomer, stable = str(self.window.newcomer.slot), str(self.window.stable.slot)
        if newcomer in session.slots:
            return True
        return bool(session.lost_at) and session.slots != {stable}

    @property
    def closed(self) -> str:
        """Why a session could not be opened; empty when none is known to be refused."""
        for one in self.told:
            if one.opened is None and one.last and one.last.error:
                where = f"'{one.last.step}' by {one.last.slot or 'nobody'}"
                return f"session {one.number} of {self.count} cannot be opened: {where}: {one.last.error}"
        return ""

    @property
    def unknown(self) -> int:
        return self.count - len(self.kept) - len(self.lost)

    @property
    def opened(self) -> int:
        """So many were seen open before the newcomer had weight, or are lost already."""
        return sum(bool(one.before or one.lost) for one in self.told)

    def percent(self, sessions: int) -> float:
        return 100 * sessions / self.count

    def account(self) -> str:
        """`kept + lost + unknown = all`, so that nobody has to ask what became of a session."""
        sums = f"{len(self.kept)} kept + {len(self.lost)} lost + {self.unknown} unknown"
        return f"{self.percent(len(self.kept)):.4g} %: {self.count} sessions = {sums}"

    def measures(self) -> tuple[Measure, ...]:
        """For dashboards."""
        came = {"kept": len(self.kept), "lost": len(self.lost), "unknown": self.unknown}
        return tuple(Measure("sessions", count, (result,)) for result, count in came.items())

    def story(self, lost: Sequence[Session]) -> str:
        """`sessions 7 and 9 of 20 were lost, the first by green at 25 %, 4.2 s after it was opened: ...`."""
        names = [str(one.number) for one in lost[:NAMED]]
        more = [f"{len(lost) - NAMED} more"] if len(lost) > NAMED else []
        *most, last = [*names, *more]
        which = f"{', '.join(most)} and {last}" if most else last
        some = f"sessions {which} of {self.count} were" if len(lost) > 1 else f"session {which} of {self.count} was"
        return f"{some} lost, {'the first ' if len(lost) > 1 else ''}{_how(lost[0])}"

    def lacking(self) -> str:
        """What is not known of those that are not lost."""
        if self.opened < self.count and not self.window.rung:
            return f"{self.opened} of {self.count} sessions are open"
        if self.opened < self.count:
            some = f"{self.count - self.opened} of {self.count} sessions"
            missing = f"{some} were not open before the newcomer had weight, as far as this process knows"
            return f"{missing}; whether users' sessions survive cannot be proved any more"
        why = Counter(one.last.error for one in self.told if one.last and one.last.error and not one.lost)
        most = f"; most often: {why.most_common(1)[0][0]}" if why else ""
        return f"{len(self.kept)} of {self.count} sessions were found whole at this weight so far{most}"


def _how(session: Session) -> str:
    lost, began = session.lost, session.opened or 0.0
    assert lost is not None
    after = f"{lost.start + lost.latency - began:.1f} s after it was opened"
    return f"by {lost.slot or 'an unnamed slot'} at {session.lost_at or 0} %, {after}: {lost.error}"
