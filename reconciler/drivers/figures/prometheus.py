"""A figure from a Prometheus: an instant query of its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

Nothing, not a number, several, and old are told apart, and none of them is a figure.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.core.reading import Window
from reconciler.drivers.figures.figure import Figure
from reconciler.drivers.figures.promql import fresh
from reconciler.drivers.http import Answer, Client, place
from reconciler.drivers.protocols import GateContext
from reconciler.drivers.reach import Url, check_allowed
from reconciler.drivers.words import words
from reconciler.durations import Duration, write
from reconciler.errors import Refused
from reconciler.spelling import clip, shown, unknown

MAX_BYTES = 1 << 20
LONGEST = 300  # characters of what it complains about
WORDS = ("slot", "version", "environment")
_WORD = re.compile(r"\$([A-Za-z_]\w*)")


def _known_words(query: str) -> str:
    """`$1` and `${name}` are PromQL's own."""
    for name in _WORD.findall(query):
        if name not in WORDS:
            raise ValueError(unknown("placeholder", f"${name}", [f"${word}" for word in WORDS]))
    return query


def _base(url: str) -> str:
    if urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError("expected the server's address alone, such as http://127.0.0.1:9090")
    return url.rstrip("/")


class PrometheusSource(BaseModel):
    """One number from an instant query."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    server: Annotated[Url, AfterValidator(_base)] = Field(description="Asked if its host is allowed.")
    query: Annotated[str, AfterValidator(_known_words)] = Field(min_length=1, max_length=10_000)
    freshness: Duration = Field(120.0, gt=0, le=86400, description="An older sample counts as none.")

    def read(self, context: GateContext, window: Window, client: Client, deadline: float) -> Figure:
        """Raises ReconcilerError when there is no usable answer."""
        check_allowed(context, urlsplit(self.server).hostname or "")
        told = words(context.environment, window)
        query = _WORD.sub(lambda found: told[found[1]], self.query)
        reply = self._ask(client, query, deadline)
        figure = reply.figure(self.freshness)
        check = fresh(query, _milliseconds(self.freshness))
        if figure.value is None or check is None or self._ask(client, check, deadline - reply.seconds).sample:
            return figure
        return Figure(None, f"there is no data younger than {write(self.freshness)}, only older")

    def _ask(self, client: Client, query: str, deadline: float) -> Reply:
        asked = urlencode({"query": query, "timeout": _milliseconds(deadline)}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "cache-control": "no-cache"}
        url = f"{self.server}/api/v1/query"
        answer = client.ask("POST", url, headers=headers, body=asked, deadline=deadline, max_bytes=MAX_BYTES)
        said = _said(answer, place(url))
        return Reply(_sample(said.get("data"), place(url)), _now(answer), _warnings(said), answer.seconds)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an instant query gave."""

    sample: tuple[float, str] | None  # its time, seconds since 1970, and its value
    now: float | None  # the server's own time when it answered, less what a cache took; None: it does not tell
    warnings: str
    seconds: float  # that it took

    def figure(self, freshness: float) -> Figure:
        value, note = self._found(freshness)
        return Figure(value, "; ".join(filter(None, (note, self.warnings))))

    def _found(self, freshness: float) -> tuple[float | None, str]:
        if self.sample is None:
            return None, "there is no data"
        at, text = self.sample
        if self.now is None:
            return None, "the server does not say what time it is, so the answer may be old"
        if abs(self.now - at) > freshness:
            return None, f"the answer is {self.now - at:.0f} s old, more than {write(freshness)}"
        value = float(text)
        return (value, "") if math.isfinite(value) else (None, f"the answer is {text}, which is no measure")


def _milliseconds(seconds: float) -> str:
    """A duration as PromQL takes it: whole numbers only."""
    return f"{max(round(seconds * 1000), 1)}ms"


def _said(answer: Answer, where: str) -> dict[str, Any]:
    """The answer's object. Raises Refused for an error, and for what no Prometheus would answer."""
    if not answer.whole:
        raise Refused(f"{where}: the answer is longer than {MAX_BYTES} bytes; a query must give one number")
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("status") not in ("success", "error"):
        raise Refused(f"{where}: status {answer.status}, and no answer of a Prometheus")
    if said["status"] == "error" or answer.status != 200:
        why = shown(f"{said.get('errorType', 'error')}: {said.get('error', '')}"[:LONGEST])
        raise Refused(f"{where}: status {answer.status}, {why}")
    return said


def _sample(data: Any, where: str) -> tuple[float, str] | None:
    """None when there is none. Raises Refused when there is something else than one number."""
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "vector" and not result:
            return None
        if kind == "vector" and len(result) > 1:
            raise Refused(f"{where}: the query gives {len(result)} series, expected one; aggregate, e.g. sum(...)")
        if kind not in ("vector", "scalar"):
            raise Refused(f"{where}: the query gives a {clip(kind)}, expected one number")
        at, text = result[0]["value"] if kind == "vector" else result
        float(text)
        return float(at), str(text)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Refused(f"{where}: the query gives something else than one number") from error


def _now(answer: Answer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp() + float(answer.headers.get("age", 0))
    except (KeyError, ValueError):
        return None


def _warnings(said: dict[str, Any]) -> str:
    """An answer that lacks a part comes with a warning, and looks whole otherwise."""
    found = said.get("warnings")
    told = [shown(str(one)[:LONGEST]) for one in found[:3]] if isinstance(found, list) else []
    return "; ".join(f"Prometheus warns: {one}" for one in told)
