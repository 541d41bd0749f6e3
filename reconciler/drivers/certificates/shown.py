"""What a gateway's users are shown, and the way from the operator's files to there: judged as a pair, believed by our
own requests, then taken by the product while it serves. A half-renewed pair goes no step of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.clock import Clock
from reconciler.core.reading import CertificateReading
from reconciler.drivers.certificates import pair as pairs
from reconciler.drivers.certificates import pem
from reconciler.drivers.certificates.certificate import Certificate
from reconciler.drivers.certificates.pair import Pair
from reconciler.drivers.certificates.trust import Signature, signature
from reconciler.drivers.examining import Finding, failed, ok, split, warning
from reconciler.drivers.local import durable
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.protocols import GatewayContext
from reconciler.errors import Refused, Unreachable
from reconciler.wording import ending

AGAIN = 60.0  # seconds after which the product is asked again, although nothing has changed that we know of
RELOAD = "your own HAProxy shows another certificate than its file holds; reload it"
SETTLING = 5.0  # seconds in which files that were just written are nobody's mistake yet


@dataclass(frozen=True, slots=True)
class Served:
    """What new connections are shown, as the product itself tells. `mark`: which certificate, in its words."""

    mark: str
    serial: str
    ends: float  # seconds since 1970


class Product(Protocol):
    """A gateway's side of it. Not `ours`: somebody else renews it, and it is only looked at."""

    @property
    def ours(self) -> bool: ...

    def mark(self, pair: Pair) -> str:
        """By which `served` would tell it."""

    def kept(self) -> str:
        """The chain with which a start would begin, in PEM; empty: none."""

    def served(self, deadline: Deadline) -> Served | None:
        """None: it does not tell. Raises Unreachable."""

    def keep(self, pair: Pair) -> None:
        """Let the next start begin with it. Raises Refused."""

    def show(self, pair: Pair, deadline: Deadline) -> None:
        """Show it to every new connection from now on, and see that; connections that are open stay. After a definite
        no the former one is shown, and kept. Raises Refused, Unreachable."""


class Shown:
    """`folder`: where it is written down whom we believe."""

    def __init__(self, name: str, certificate: Certificate, folder: Path, product: Product, clock: Clock) -> None:
        self.name, self.certificate, self._product, self._clock = name, certificate, product, clock
        self._now, self._before = folder / "shown.pem", folder / "shown-before.pem"
        self._offer: tuple[Signature, Pair | Refused] | None = None
        self._seen: tuple[Signature, str, float, CertificateReading] | None = None
        self._declined: tuple[Signature, str] | None = None  # by the product, and why: not tried again

    @property
    def trust(self) -> tuple[str, ...]:
        """Files whose first certificates our own requests believe: while one is renewed, the old and the new one."""
        own = () if self._product.ours else (str(self.certificate.chain_file),)
        return (*own, str(self._now), str(self._before))

    def offered(self) -> Pair:
        """What the operator's files hold, and may be shown now. Raises Refused."""
        pair = self._pair()
        if wrong := pair.outside(self._wall):
            raise Refused(f"{self.certificate.chain_file}: {wrong}")
        return pair

    def _pair(self) -> Pair:
        """Judged anew when a file has changed. Raises Refused."""
        found = signature(self.certificate.files())
        if self._offer is None or self._offer[0] != found:
            try:
                self._offer = found, pairs.read(self.certificate)
            except Refused as error:
                self._offer = found, error
        if isinstance(self._offer[1], Refused):
            raise Refused(str(self._offer[1]))
        return self._offer[1]

    @property
    def _wall(self) -> float:
        return self._clock.now().timestamp()

    # ---- looking ----

    def reading(self, life: str, deadline: Deadline) -> CertificateReading:
        """`life`: the gateway's incarnation; empty while it is down, and shows nobody anything. The product is asked
        only when something may be another."""
        found, now = signature(self.certificate.files()), self._clock.monotonic()
        seen = self._seen
        if seen and seen[:2] == (found, life) and now < seen[2] + AGAIN:
            return seen[3]
        reading, current = self._look(life, deadline)
        self._seen = (found, life, now, reading) if current else None
        return reading

    def _look(self, life: str, deadline: Deadline) -> tuple[CertificateReading, bool]:
        """And whether what the files hold is what is shown."""
        served: Served | None = None
        try:
            served = self._served(deadline) if life else None
            if served is not None and self._current(self._pair(), served):
                return self._told(served), True
            pair = self.offered()
            if not self._product.ours and self._believed(pair):
                raise Refused(RELOAD)
        except Unreachable:
            return self._told(None), False
        except Refused as error:
            return self._told(served, problem="" if self._settling() else str(error)), False
        if self._declined and self._declined[0] == signature(self.certificate.files()):
            return self._told(served, problem=self._declined[1]), False
        return self._told(served, newer=bool(life)), False

    def _told(self, served: Served | None, problem: str = "", *, newer: bool = False) -> CertificateReading:
        serial, ends = (served.serial, served.ends) if served else ("", None)
        return CertificateReading(self.name, serial, ends, self.certificate.warn_before, problem, newer)

    def _served(self, deadline: Deadline) -> Served | None:
        """Of somebody else's that does not tell, such as one on another machine: what he would load now."""
        found = self._product.served(deadline)
        if found is not None or self._product.ours:
            return found
        pair = self._pair()
        return Served(self._product.mark(pair), pair.serial, pair.ends)

    def _current(self, pair: Pair, served: Served) -> bool:
        """Shown, begun with, and believed."""
        product = self._product
        kept = not product.ours or product.kept() == pair.chain
        return kept and served.mark == product.mark(pair) and self._believed(pair)

    def _believed(self, pair: Pair) -> bool:
        return pem.leaf(_text(self._now)) == pair.leaf

    def _settling(self) -> bool:
        """Two files are not written, or moved here, at once."""
        latest = max(max(found[1:]) for found in signature(self.certificate.files()[:2])) / 1e9
        return 0 <= self._wall - latest < SETTLING

    # ---- renewing ----

    def renew(self, deadline: Deadline) -> bool:
        """Show what the operator's files hold; False: it is shown already. Raises Refused (what was shown is shown
        on), Unreachable."""
        pair, served = self.offered(), self._served(deadline)
        if served is not None and self._current(pair, served):
            return False
        if not self._product.ours and self._believed(pair):
            return False
        self._believe(pair)
        if self._product.ours:
            self._show(pair, deadline)
        self._seen = None
        return True

    def _show(self, pair: Pair, deadline: Deadline) -> None:
        found = signature(self.certificate.files())
        try:
            self._product.show(pair, deadline)
        except Refused as error:
            self._declined = found, str(error)
            raise

    def begin(self) -> None:
        """Before a start: it begins with what was shown last, which the product is known to take, and `renew` follows;
        where there is none, or it is over, with the operator's pair. Raises Refused when there is neither."""
        kept = self._product.kept()
        if kept and self._lasts(kept):
            return
        try:
            pair = self.offered()
        except Refused as error:
            if kept:
                return
            raise Refused(f"certificate '{self.name}': {error}") from error
        self._believe(pair)
        self._product.keep(pair)

    def _lasts(self, kept: str) -> bool:
        """Is it this certificate's, and not over?"""
        name, _, ends = _text(self._now).partition("\n")[0].partition(" ")
        same = name == self.name and pem.leaf(_text(self._now)) == pem.leaf(kept)
        return same and ends.isdecimal() and self._wall < int(ends)

    def _believe(self, pair: Pair) -> None:
        """The new one, and the one that is shown until it is taken: whoever asks meanwhile may meet either."""
        before = pem.leaf(self._product.kept() if self._product.ours else _text(self._now))
        if before and before != pair.leaf:
            durable.write(self._before, before)
        durable.write(self._now, f"{self.name} {pair.ends:.0f}\n{pair.leaf}")

    # ---- being examined ----

    def examine(self) -> Iterator[Finding]:
        what, place = "certificate", f"[certificates.{self.name}]"
        try:
            pair = self.offered()
        except Refused as error:
            yield failed(what, f"{place}: {split(error)[0]}", split(error)[1])
            return
        told = f"{self.name} for {', '.join(pair.names[:3])}, {ending(pair.ends, self._wall)}"
        if pair.ends - self._wall < self.certificate.warn_before:
            yield warning(what, told, f"put a new pair where {place} points")
        elif exposed(self.certificate.key_file):
            key = self.certificate.key_file
            yield warning(what, f"others may read its key {key}", f"chmod 600 {key}")
        else:
            yield ok(what, told)


def shown(
    context: GatewayContext, name: str | None, folder: Path, product: Callable[[Certificate], Product], clock: Clock
) -> Shown | None:
    """Of the certificate that a manifest names; None: it names none. Raises InvalidConfiguration, Refused."""
    if name is None:
        return None
    defined = context.named("certificates", name) if context.named else None
    if not isinstance(defined, Certificate):
        raise Refused(f"the operator's file defines no certificate '{name}'")
    return Shown(name, defined, folder, product(defined), clock)


def exposed(key: Path) -> bool:
    """May others than its owner and his group read it?"""
    return sys.platform != "win32" and bool(key.stat().st_mode & 0o007)


def _text(file: Path) -> str:
    try:
        return file.read_text("latin-1")
    except OSError:
        return ""
