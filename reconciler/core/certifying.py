"""What there is to put on record about the certificate that users are shown. It decides who is told, and no act."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.events import CertificateEnding, CertificateRefused, CertificateShown
from reconciler.core.reading import CertificateReading
from reconciler.core.state import Certified, State

DAY = 86400.0  # seconds between two warnings

Certifying = CertificateShown | CertificateRefused | CertificateEnding


def news(known: Certified, found: CertificateReading, now: float) -> Iterator[Certifying]:
    """Whatever differs from what is on record. `now`: seconds since 1970."""
    if found.ends is not None and found.serial != known.serial:
        yield CertificateShown(found.name, found.serial, found.ends)
    if found.problem != known.refused:
        yield CertificateRefused(found.name, found.problem)
    if found.ends is not None and _due(known.warned, found.serial, found.ends, found.warn_before, now):
        yield CertificateEnding(found.name, found.serial, found.ends, now, found.cure)


def _due(warned: tuple[str, float] | None, serial: str, ends: float, before: float, now: float) -> bool:
    """Once a day, and once more when it is over."""
    if now < ends - before:
        return False
    if warned is None or warned[0] != serial:
        return True
    return now >= warned[1] + DAY or warned[1] < ends <= now


def certified(state: State, event: Certifying) -> State:
    """What is remembered of it."""
    known = state.certified
    match event:
        case CertificateShown(_, serial):
            known = replace(known, serial=serial)
        case CertificateRefused(_, reason):
            known = replace(known, refused=reason)
        case CertificateEnding(_, serial, _, at):
            known = replace(known, warned=(serial, at))
    return replace(state, certified=known)
