"""Asking a member how it is. Only its own word counts: a connection proves nothing about whose app answers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from reconciler.clock import Clock
from reconciler.core.model import MemberReading, MemberStatus
from reconciler.drivers.process.record import Record

LARGEST = 64 * 1024  # bytes of an answer


class Health:
    """One kept connection per member; asked about ten times a second."""

    def __init__(self, path: str, deadline: float, clock: Clock) -> None:
        self.path, self.deadline, self.clock = path, deadline, clock
        self._client: httpx.Client | None = None

    def ask(self, port: int, record: Record) -> MemberReading:
        """READY only by a 200 that names the version and, if it names a process, the one that we started."""
        try:
            status, body = self._get(f"http://127.0.0.1:{port}{self.path}")
        except httpx.HTTPError as error:
            why = "in time" if isinstance(error, httpx.TimeoutException) else f"({type(error).__name__})"
            return _unready(f"{self.path} on port {port} does not answer {why}")
        return judge(self.path, status, body, record)

    def close(self) -> None:
        if self._client:
            self._client.close()
            self._client = None

    def _get(self, url: str) -> tuple[int, bytes]:
        until = self.clock.monotonic() + self.deadline
        body = b""
        with self._connection().stream("GET", url) as response:
            for piece in response.iter_raw():
                body += piece
                if len(body) > LARGEST:
                    raise httpx.DecodingError(f"more than {LARGEST} bytes")
                if self.clock.monotonic() > until:
                    raise httpx.ReadTimeout("it never ends")
        return response.status_code, body

    def _connection(self) -> httpx.Client:
        """Made at the first question. Plain HTTP to this machine: no proxy, no certificates to load."""
        if self._client is None:
            self._client = httpx.Client(
                timeout=self.deadline / 2, trust_env=False, verify=False, headers={"Accept-Encoding": "identity"}
            )
        return self._client


def judge(path: str, status: int, body: bytes, record: Record) -> MemberReading:
    """What an answer to the question for health means for the process of this record."""
    said = _object(body)
    version = str(said["version"]) if "version" in said else None
    reported = record.label if version == record.version else version
    if "pid" in said and record.identity and str(said["pid"]) != str(record.identity.pid):
        return _unready(f"{path} is answered by process {said['pid']!r:.20}, not by ours, {record.identity.pid}")
    if status != 200:
        return _unready(f"{path} answers {status}", reported)
    if version is None:
        return _unready(f'{path} does not say which version runs, expected JSON such as {{"version": "1.4.2"}}')
    if version != record.version:
        return _unready(f"{path} reports version {version!r:.80}, not {record.version}", reported)
    return MemberReading(MemberStatus.READY, record.label)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _unready(detail: str, version: str | None = None) -> MemberReading:
    return MemberReading(MemberStatus.UNREADY, version, detail)
