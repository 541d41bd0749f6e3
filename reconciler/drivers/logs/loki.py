"""Grafana Loki: streams of lines, pushed as JSON to `/loki/api/v1/push`."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.logs.post import Post
from reconciler.drivers.logs.sending import fields, nanoseconds

if TYPE_CHECKING:
    from reconciler.drivers.logs.destination import Destination

PATH = "/loki/api/v1/push"
BY = ("level", "environment")  # few values each: a label with many would make many streams


class Loki:
    def __init__(self, destination: Destination, clock: Clock = SYSTEM) -> None:
        self._post, self._labels = Post(destination, PATH, clock), destination.labels

    def send(self, lines: Sequence[bytes]) -> int:
        self._post.send(request(lines, self._labels))
        return 0


def request(lines: Iterable[bytes], labels: Mapping[str, str]) -> dict[str, Any]:
    """The lines as they are, in streams by level and environment."""
    streams: dict[tuple[str, ...], list[list[str]]] = {}
    for line in lines:
        said = fields(line)
        key = tuple(str(said.get(name, "")) for name in BY)
        streams.setdefault(key, []).append([nanoseconds(said), line.decode("utf-8", "replace")])
    who = {"service_name": "reconcile", "host": socket.gethostname()}
    return {
        "streams": [{"stream": _labels(key, {**who, **labels}), "values": values} for key, values in streams.items()]
    }


def _labels(key: tuple[str, ...], others: Mapping[str, str]) -> dict[str, str]:
    return {**others, **{name: value for name, value in zip(BY, key, strict=True) if value}}
