"""What a journey has uploaded: to be asked for again, and compared byte for byte."""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import count
from threading import Lock

from reconciler.drivers.journey import ID, Step

NAMES = 50  # per road, used again and again, so that what probes leave behind does not grow


class Uploads:
    """Of one road. Only what the other side has acknowledged is asked for."""

    def __init__(self, road: str) -> None:
        self._road = road
        self._numbers = count()
        self._stored: dict[str, tuple[str, str]] = {}  # by step: name and content of the latest that was acknowledged
        self._turn = Lock()

    def prepared(self, step: Step) -> Step | None:
        """The request as it is to be sent; None: there is nothing to download yet."""
        if step.upload:
            name = f"reconciler-probe-{self._road}-{next(self._numbers) % NAMES}"
            return replace(step, path=step.path.replace(ID, name), body=secrets.token_hex(step.upload)[: step.upload])
        if not step.download:
            return step
        with self._turn:
            known = self._stored.get(step.download)
        return replace(step, path=step.path.replace(ID, known[0]), exact=known[1]) if known else None

    def answered(self, written: Step, sent: Step) -> None:
        """It was answered as expected."""
        if written.upload:
            before, after = written.path.split(ID, 1)
            name = sent.path.removeprefix(before).removesuffix(after)
            with self._turn:
                self._stored[written.name] = (name, sent.body or "")
