"""What a pack proves about the users of one transition: nothing lost, something lost, or not known.

By the test requests and sessions that were sent as users send theirs, and by what the gateway counted of all requests
on the users' road. Missing data prove nothing, in either direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import Slot
from reconciler.evidence.documents.plain import clock
from reconciler.evidence.pack.account import Account
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.watch import gaps


class Proof(StrEnum):
    PROVED = "Proved"
    NOT_PROVED = "NotProved"
    REFUTED = "Refuted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether users met no interruption and no error. `outcome` is how the transition ended: another question."""

    zero_downtime: Proof
    outcome: str
    reasons: tuple[str, ...]
    drill: str = ""  # its kind; empty: it was none


def verdict(material: Material) -> Verdict:
    refuted = [*_against(material), *_met(material, material.steps.began.newcomer.slot)]
    open_ = [*_missing(material), *_met(material, material.steps.began.stable.slot)]
    ended = material.steps.ended
    outcome = str(ended.phase) if ended else "unfinished"
    drill = str(material.steps.began.drill or "")
    if refuted:
        return Verdict(Proof.REFUTED, outcome, (*refuted, *open_), drill)
    if open_:
        return Verdict(Proof.NOT_PROVED, outcome, tuple(open_), drill)
    return Verdict(Proof.PROVED, outcome, tuple(_for(material.account)), drill)


def _against(material: Material) -> Iterator[str]:
    found = material.account
    users, sessions = found.users, found.sessions
    if users and users.failed:
        yield f"{users.failed:,} of {users.sent:,} test requests failed, over {found.down:.3f} s"
    if material.served.out:
        yield f"nobody could serve users for {material.served.out:.3f} s"
    if sessions.lost:
        yield f"{sessions.lost} of {sessions.opened} sessions were lost"


def _met(material: Material, slot: Slot) -> Iterator[str]:
    """Errors that the gateway counted. The newcomer's are the switch's; whether stable's are, nobody can tell."""
    counted, later = material.served.slots[str(slot)], material.served.later.get(str(slot), 0)
    if counted.failed:
        yield f"the gateway counted {counted.failed:,} errors of {counted.requests:,} requests in {slot}"
    if later:
        yield f"the gateway counted {later:,} errors in {slot} that the journal does not tell of"


def _missing(material: Material) -> Iterator[str]:
    found = material.account
    users, sessions = found.users, found.sessions
    if material.steps.ended is None:
        yield "the transition has not ended"
    if not found.complete:
        yield "the recording was cut off before the end"
    if users is None or not users.ok:
        yield "no test request was answered: nothing was measured"
    if users and users.unknown:
        yield f"of {users.unknown:,} test requests nobody knows what became of them"
    if found.missing or found.unheard:
        yield f"of {found.missing + found.unheard:,} requests there is no record of what became of them"
    yield from (f"there is more than one record of {one}" for one in found.repeated)
    yield from (f"the time of {one} is not one of this transition" for one in found.stray)
    if found.dropped:
        yield f"{found.dropped:,} records of requests could not be written"
    if found.others:
        yield f"{found.others:,} records of the gateway and of gates could not be written"
    yield from gaps(material.watch, _removed(material))
    yield from (
        f"nobody measured from {clock(begin)} to {clock(end)} UTC, for {end - begin:.3f} s"
        for begin, end in found.breaks
    )
    if material.served.uncounted:
        yield f"for {material.served.uncounted:.3f} s it is not on record what the gateway counted"
    if material.served.unclear:
        yield f"for {material.served.unclear:.3f} s it is not on record whether anybody could serve"
    if material.served.stepped:
        yield (
            f"for {material.served.stepped:.3f} s, in steps that took long, no test requests show that users were "
            "answered all the while; those before the first change of weight do not count"
        )
    if sessions.unknown:
        yield f"{sessions.unknown} of {sessions.opened} sessions were not used again after the switch"


def _removed(material: Material) -> frozenset[str] | None:
    """Gates that were planned, and not in force any more at last; None: there is no plan."""
    names = [frozenset(gate["name"] for gate in plan["gates"]) for plan in material.plans]
    return frozenset().union(*names) - names[-1] if names else None


def _for(found: Account) -> Iterator[str]:
    if found.users and found.users.p95 is not None:
        yield f"{found.users.sent:,} test requests, sent as users send theirs, 0 failed, P95 {found.users.p95:.3f} s"
    if found.gap is not None:
        yield f"never longer than {found.gap:.3f} s from one success to the next"
    if found.sessions.opened:
        yield f"{found.sessions.kept} of {found.sessions.opened} sessions kept"
