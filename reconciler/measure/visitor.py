"""One visitor: like one browser, with a connection that is kept, cookies, and something of his own to find again."""

from __future__ import annotations

import http.client
import secrets
from dataclasses import replace
from datetime import datetime
from threading import Lock

from reconciler.clock import SYSTEM
from reconciler.drivers.journey import CONTENT, Journey, Step, Visits
from reconciler.drivers.protocols import Road
from reconciler.measure.errand import Errand
from reconciler.measure.jar import Jar
from reconciler.measure.request import Line, Reply, whole

LENGTH = 16  # bytes of a content that nobody knows beforehand
PASSING = {408, 425, 429}  # like every 5xx: the server cannot answer just now, which tells nothing about a session


class Visitor:
    """His session's id and cookies never leave this object but to the other side: what he says of them is a word."""

    def __init__(self, number: int, journey: Journey, visits: Visits, road: Road) -> None:
        self._number, self._steps, self._cookie = number, journey.steps, visits.cookie
        self._timeout = journey.timeout
        self._line = Line(road)
        self._busy = Lock()  # one request at a time; the next one rests on what this one brings
        self._lost = False
        self._begin()

    def errand(self) -> Errand | None:
        """His next request; None while one is under way, and once his session is lost."""
        if not self._busy.acquire(blocking=False):
            return None
        if self._lost:
            self._busy.release()
            return None
        written = self._steps[min(self._done, len(self._steps) - 1)]
        return Errand(written.name, lambda: self._go(written), self._number)

    def close(self) -> None:
        """Let go of the connection; whoever goes on makes another."""
        self._line.close()

    def _begin(self) -> None:
        self._jar, self._done, self._content = Jar(), 0, secrets.token_hex(LENGTH)
        self._name, self._id = "", ""  # of the session's cookie, once it is open

    def _go(self, written: Step) -> Reply:
        try:
            step = self._filled(written)
            reply = self._line.ask(step, self._timeout, self._look, self._jar.header())
            return self._used(reply) if self._name else self._opened(reply)
        finally:
            self._busy.release()

    def _filled(self, step: Step) -> Step:
        body = None if step.body is None else step.body.replace(CONTENT, self._content)
        return replace(step, path=step.path.replace(CONTENT, self._content), body=body)

    def _look(self, step: Step, response: http.client.HTTPResponse, reply: Reply) -> Reply:
        """What an answer is worth. Another session's id is that, whatever else comes with it."""
        now = datetime.fromisoformat(SYSTEM.wall())
        self._jar.take(response.headers.get_all("Set-Cookie") or (), now)
        if self._name and self._jar.value(self._name) != self._id:
            return replace(reply, error="it was given another session's id, or none", lost=True)
        body, error = whole(response)
        if error:
            return replace(reply, error=error)
        if response.status != step.expect_status:
            passing = response.status >= 500 or response.status in PASSING
            return replace(reply, error=f"status {response.status} instead of {step.expect_status}", lost=not passing)
        reading = step.name == self._steps[-1].name
        gone = reading and self._content.encode() not in body
        return replace(reply, error="what it had stored is gone", lost=True) if gone else reply

    def _opened(self, reply: Reply) -> Reply:
        """After a request that opens the session. Whatever is not as expected: from the beginning again."""
        self._done += 1
        name = ""
        if not reply.error and self._done == len(self._steps):
            name, error = self._jar.session(self._cookie)
            reply = replace(reply, error=error)
        if reply.error:
            self._begin()
            return replace(reply, lost=False)  # it was none yet
        self._name, self._id = name, self._jar.value(name) or ""
        return reply

    def _used(self, reply: Reply) -> Reply:
        self._lost = reply.lost
        if self._lost:
            self.close()
        return reply
