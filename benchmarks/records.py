"""What journal and access log together tell of each rollback: values in, figures out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.events import Applied, Began, Ended, Intended, Phase, RollbackBegan
from reconciler.core.model import Release
from reconciler.core.steps import Result, Route
from reconciler.evidence.access import Served, moment
from reconciler.journal.entry import Entry


@dataclass(slots=True)
class Journalled:
    """The moments of one transition that went back, by the journal; seconds since 1970."""

    newcomer: Release
    began: float
    decided: float = 0.0  # `RollbackBegan`
    read_back: float = 0.0  # the gateway was seen to have taken all users to stable
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """`last_ms` is below zero when no user met the newcomer after the decision: where few users come, that is luck."""

    version: str
    seconds: float  # from the first user of the newcomer to the decision
    errors: int  # that users of the newcomer were shown, to the end
    after: int  # users whom it began to serve after the decision
    last_ms: float  # from the decision to the last of all
    read_back_ms: float
    reason: str


def rollbacks(entries: Iterable[Entry], served: Iterable[Served]) -> Iterator[Rollback]:
    """Each with the users whom its newcomer served before the next transition began."""
    found = list(journalled(entries))
    requests = sorted(served, key=lambda one: one.start)
    starts = [one.start for one in requests]
    ends = [*(one.began for one in found[1:]), float("inf")]
    for one, end in zip(found, ends, strict=True):
        meanwhile = requests[bisect_left(starts, one.began) : bisect_left(starts, end)]
        yield measured(one, [each for each in meanwhile if each.slot is one.newcomer.slot])


def measured(one: Journalled, users: Sequence[Served]) -> Rollback:
    """`users` of the newcomer, in the order of time. Raises ValueError when nobody met it."""
    if not users:
        raise ValueError(f"no user met {one.newcomer}: there is nothing to measure")
    return Rollback(
        version=one.newcomer.version,
        seconds=one.decided - users[0].start,
        errors=sum(user.status >= 500 for user in users),
        after=sum(user.start > one.decided for user in users),
        last_ms=(users[-1].start - one.decided) * 1000,
        read_back_ms=(one.read_back - one.decided) * 1000,
        reason=one.reason,
    )


def journalled(entries: Iterable[Entry]) -> Iterator[Journalled]:
    """Only what was rolled back; the first routing after the decision is the way back."""
    current: Journalled | None = None
    routing = False  # the open intent changes weights
    for entry in entries:
        match entry.event:
            case Began(newcomer=newcomer):
                current = Journalled(newcomer, moment(entry.at))
            case RollbackBegan(reason=reason) if current:
                current.decided, current.reason = moment(entry.at), reason
            case Intended(act):
                routing = isinstance(act, Route)
            case Applied(Result.DONE) if current and routing and current.decided and not current.read_back:
                current.read_back = moment(entry.at)
            case Ended(Phase.ROLLED_BACK) if current:
                yield current
                current = None
            case Ended():
                current = None
