"""The certificate that HAProxy shows: of ours one file with chain and key, exchanged by a transaction; of an operator's
own it is only looked at."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from reconciler.drivers.certificates import pair as pairs
from reconciler.drivers.certificates import pem
from reconciler.drivers.certificates.pair import Pair
from reconciler.drivers.certificates.shown import Served
from reconciler.drivers.haproxy.runtime import Connection, quoted
from reconciler.drivers.local import durable
from reconciler.drivers.local.deadline import Deadline
from reconciler.errors import Refused, Unreachable

LONGEST = 15_500  # bytes of chain and key; a command of HAProxy's, with all behind it, has 16 KiB
TOLD = re.compile(r"^(Serial|notAfter|SHA1 FingerPrint): (.+)$", re.MULTILINE)

Connect = Callable[[Deadline], AbstractContextManager[Connection]]


class Bundle:
    """Implements `drivers.certificates.shown.Product`, and tells what is shown by its SHA-1. `file`: HAProxy's own."""

    def __init__(self, file: Path, connect: Connect, *, ours: bool) -> None:
        self._file, self._connect, self.ours = file, connect, ours

    def mark(self, pair: Pair) -> str:
        return pair.fingerprint

    def kept(self) -> str:
        try:
            return pem.chain(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return ""

    def served(self, deadline: Deadline) -> Served | None:
        with self._connect(deadline) as connection:
            return self._served(connection)

    def _served(self, connection: Connection) -> Served | None:
        (shown,) = connection.ask(f"show ssl cert {self._at}")
        told = dict(TOLD.findall(shown))
        try:
            ends = float(ssl.cert_time_to_seconds(told["notAfter"].strip()))
            return Served(told["SHA1 FingerPrint"].strip(), pairs.serial(told["Serial"].strip()), ends)
        except (KeyError, ValueError):
            return None

    def keep(self, pair: Pair) -> None:
        durable.write(self._file, f"{pair.chain}{pair.key}")

    def show(self, pair: Pair, deadline: Deadline) -> None:
        """Committed first, and kept then: a start never begins with what HAProxy has refused."""
        if len(pair.chain) + len(pair.key) > LONGEST:
            what = f"HAProxy takes no more than {LONGEST} bytes of chain and key while it runs"
            raise Refused(f"{what}, and shows the former one; leave the root out of the chain")
        with self._connect(deadline) as connection:
            said = connection.ask(f"set ssl cert {self._at} <<\n{pair.chain}{pair.key}", f"commit ssl cert {self._at}")
            if "Success" not in said[1]:
                connection.ask(f"abort ssl cert {self._at}")
                raise Refused(f"HAProxy does not take the certificate, and shows the former one: {_why(*said)}")
            served = self._served(connection)
        if served is None or served.mark != self.mark(pair):
            raise Unreachable(f"{deadline.what}: HAProxy does not tell that it shows the new certificate")
        self.keep(pair)

    @property
    def _at(self) -> str:
        return quoted(str(self._file))


def _why(*said: str) -> str:
    """Its own words, which name files and hold no key."""
    lines = (line.strip("+ ") for text in said for line in text.splitlines())
    return "; ".join(line for line in lines if line and "Transaction" not in line and "Committing" not in line)[:500]
