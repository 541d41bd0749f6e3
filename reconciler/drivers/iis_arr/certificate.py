"""The certificate that users are shown by an IIS of the operator's: bound there, renewed there by an administrator, and
here only looked at."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from reconciler.clock import Clock
from reconciler.core.reading import CertificateReading
from reconciler.drivers.certificates import ends
from reconciler.drivers.examining import Finding, failed, unknown
from reconciler.drivers.iis_arr.farm import Farm

WHAT = "users' certificate"
AGAIN = 300.0  # seconds for which a look at it is used: it is renewed once in a year
PATIENCE = 1.0  # seconds that it may keep a look at the gateway waiting, for each of name, connection and handshake


class UsersCertificate:
    """For a loop, which looks at the gateway all the time, and for one thread at a time."""

    def __init__(self, farm: Farm, clock: Clock) -> None:
        self._farm, self._clock = farm, clock
        self._seen: tuple[float, CertificateReading | None] | None = None

    def reading(self) -> CertificateReading | None:
        """None: users come by plain HTTP, or it cannot be seen, or is not believed; then nothing is known of it."""
        if urlsplit(self._farm.users).scheme != "https":
            return None
        now = self._clock.monotonic()
        if self._seen is None or now >= self._seen[0] + AGAIN:
            self._seen = now, self._look()
        return self._seen[1]

    def _look(self) -> CertificateReading | None:
        farm = self._farm
        try:
            found = _shown(farm, PATIENCE)
        except OSError:  # whatever users meet there, gates and the look at the gateway itself meet, too, and tell
            return None
        return CertificateReading(_host(farm), found.serial, found.ends, farm.warn_before, cure=_cure(farm))


def examined(farm: Farm, clock: Clock) -> Iterator[Finding]:
    """For the doctor. None, where users come by plain HTTP."""
    if urlsplit(farm.users).scheme != "https":
        return
    try:
        found = _shown(farm, ends.PATIENCE)
    except ssl.SSLCertVerificationError as error:
        why = f"{_host(farm)} shows one that this machine does not trust: {error.verify_message}"
        yield failed(WHAT, why, _cure(farm))
    except OSError as error:
        yield unknown(WHAT, f"{_host(farm)} does not show any: {error.strerror or error}", _cure(farm))
    else:
        yield ends.told(WHAT, _host(farm), found.ends, _cure(farm), clock.now().timestamp(), farm.warn_before)


def _shown(farm: Farm, patience: float) -> ends.Seen:
    return ends.shown(_host(farm), urlsplit(farm.users).port or 443, ssl.create_default_context(), patience)


def _host(farm: Farm) -> str:
    return urlsplit(farm.users).hostname or ""


def _cure(farm: Farm) -> str:
    return f"renew it in IIS, and see the https binding of the site {farm.site}"
