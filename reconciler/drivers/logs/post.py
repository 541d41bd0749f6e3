"""One request to whoever collects logs over HTTP, and what its answer means for the lines that were in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.http import Answer, Client, place
from reconciler.drivers.logs.sending import Later, Unfit
from reconciler.errors import Refused, Unreachable

if TYPE_CHECKING:
    from reconciler.drivers.logs.destination import Destination

ANSWER = 65_536  # bytes of an answer that are read
UNFIT = (400, 413, 422)  # about what was sent; every other refusal is about who sent it, where to, or when
LONGEST = 3600.0  # seconds that a Retry-After is believed


class Post:
    """`path` stands behind an address that has none of its own."""

    def __init__(self, destination: Destination, path: str, clock: Clock = SYSTEM) -> None:
        self._destination, self._clock, self._client = destination, clock, Client(clock)
        bare = (destination.url or "").rstrip("/")
        self._url = bare if urlsplit(bare).path else bare + path

    def send(self, content: Mapping[str, Any]) -> Answer:
        """An answer that takes it. Raises Unfit, Later, Refused or Unreachable; InvalidConfiguration for a header that
        cannot be had."""
        headers = {**self._destination.all_headers(), "content-type": "application/json"}
        answer = self._client.ask(
            "POST",
            self._url,
            headers=headers,
            body=json.dumps(content).encode(),
            deadline=self._destination.timeout,
            max_bytes=ANSWER,
        )
        if 200 <= answer.status < 300:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> Exception:
        text = f"{place(self._url)}: the other side answered with status {answer.status}"
        after = self._asked_for(answer.headers.get("retry-after", ""))
        if after is not None and (answer.status == 429 or answer.status >= 500):
            return Later(text, after)
        if answer.status in UNFIT:
            return Unfit(text)
        return Unreachable(text) if answer.status == 429 or answer.status >= 500 else Refused(text)

    def _asked_for(self, header: str) -> float | None:
        """Seconds, however they are written; None where there are none."""
        if header.isascii() and header.isdecimal():
            return min(float(header), LONGEST)
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(0.0, (until - self._clock.now()).total_seconds()), LONGEST)
