"""The certificate that Envoy shows: one file that it watches, with chain and key in it: a rename renews both."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import datetime
from typing import Any

from reconciler.drivers.certificates import pair as pairs
from reconciler.drivers.certificates.pair import Pair
from reconciler.drivers.certificates.shown import Served
from reconciler.drivers.envoy import names
from reconciler.drivers.envoy.admin import Admin, understood
from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.envoy.process import Process
from reconciler.drivers.local import durable
from reconciler.drivers.local.deadline import Deadline
from reconciler.errors import Refused

POLL = 0.005  # seconds between two looks for an acknowledgement
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


class Secret:
    """Implements `drivers.certificates.shown.Product`. The version that Envoy tells is the chain's digest."""

    ours = True

    def __init__(self, folder: Folder, process: Process) -> None:
        self._folder, self._process = folder, process

    def mark(self, pair: Pair) -> str:
        return pair.digest

    def kept(self) -> str:
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError, TypeError):
            found = json.loads(self._folder.certificate.read_text("utf-8"))
            return str(found["resources"][0]["tls_certificate"]["certificate_chain"]["inline_string"])
        return ""

    def served(self, deadline: Deadline) -> Served | None:
        version, shown = self._admin().certificate(deadline)
        with understood(deadline):
            if not version or shown is None:
                return None
            ends = datetime.fromisoformat(shown["expiration_time"]).timestamp()
            return Served(version, pairs.serial(shown["serial_number"]), ends)

    def keep(self, pair: Pair) -> None:
        self._put(json.dumps(document(pair)))

    def show(self, pair: Pair, deadline: Deadline) -> None:
        log, refused, former = self._process.log_size(), self._admin().certificates_refused(deadline), self._text()
        self.keep(pair)
        while self._admin().certificate(deadline)[0] != pair.digest:
            if self._admin().certificates_refused(deadline) > refused:
                why = self._process.said(log) or self._process.see_log
                if former is not None:
                    self._put(former)
                raise Refused(f"Envoy does not take the certificate, and shows the former one: {why}")
            deadline.check()
            time.sleep(POLL)

    def _text(self) -> str | None:
        try:
            return self._folder.certificate.read_text("utf-8")
        except OSError:
            return None

    def _put(self, text: str) -> None:
        try:
            self._folder.certificate.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make {self._folder.certificate.parent}: {error.strerror}") from error
        durable.write(self._folder.certificate, text, staging=self._folder.path)

    def _admin(self) -> Admin:
        return Admin(self._folder.admin())


def document(pair: Pair) -> dict[str, Any]:
    """What Envoy reads. The key lies in it: the file is its owner's only."""
    chain, key = {"inline_string": pair.chain}, {"inline_string": pair.key}
    resource = {
        "@type": SECRET,
        "name": names.CERTIFICATE,
        "tls_certificate": {"certificate_chain": chain, "private_key": key},
    }
    return {"version_info": pair.digest, "resources": [resource]}
