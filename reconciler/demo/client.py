"""One user of the sample system: sends a request, and judges the answer by what a user would have got from it."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.clock import Clock
from reconciler.demo.account import Outcome, Request

WORDS = ("slot", "blue", "green", "journal", "step")
SIZE = 2048  # bytes of an upload
NAMES = 200  # uploads per client before a name is used again
KINDS = ("search", "page", "search", "upload", "session", "search", "download", "job", "search", "session")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and how to tell whether its answer is right."""

    method: str
    path: str
    right: Callable[[Answer], bool]
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    job: str = ""


class Client:
    """Not shared between threads. `run` makes its jobs' and files' names its own; with `trust` it comes by HTTPS."""

    def __init__(
        self,
        number: int,
        address: str,
        run: str,
        clock: Clock,
        *,
        fresh: bool,
        timeout: float,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.number, self.run, self.clock, self.fresh = number, run, clock, fresh
        self._connection = http.client.HTTPConnection(address, timeout=timeout)
        if trust is not None:
            self._connection = http.client.HTTPSConnection(address, timeout=timeout, context=trust)
        self._random = random.Random(f"{run}-{number}")
        self._count = 0
        self._uploaded: dict[str, bytes] = {}  # by name, as far as we know that it was stored
        self._cookie, self._content = "", b""  # of our session, once we have one

    def send(self, due: float) -> Request:
        """The next request of the mix, which was to be sent at `due`. Never raises for what the other side does."""
        kind = KINDS[(self._count + self.number) % len(KINDS)]
        if kind == "download" and not self._uploaded:
            kind = "search"  # nothing to fetch yet
        self._count += 1
        question: Question = getattr(self, f"_{kind}")()
        start = self.clock.monotonic()
        answer, error = self._ask(question)
        latency = self.clock.monotonic() - start
        return Request(
            id=self._count,
            client=self.number,
            kind=kind,
            fresh=self.fresh,
            start=start,
            latency=latency,
            late=max(0.0, start - due),
            status=answer.status if answer else None,
            outcome=_judge(question, answer),
            version=answer.headers.get("x-version", "") if answer else "",
            slot=answer.headers.get("x-slot", "") if answer else "",
            error=error,
            job=question.job,
        )

    def close(self) -> None:
        self._connection.close()

    def _ask(self, question: Question) -> tuple[Answer | None, str]:
        headers = {**question.headers, **({"Connection": "close"} if self.fresh else {})}
        try:
            self._connection.request(question.method, question.path, question.body, headers)
            with self._connection.getresponse() as response:
                body = response.read()
            if self.fresh:
                self._connection.close()
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, body, found), ""
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request makes a new one
            return None, f"{type(error).__name__}: {error}"[:200]

    def _search(self) -> Question:
        word = self._random.choice(WORDS)
        return Question("GET", f"/api/search?q={word}", lambda answer: _found(word, answer))

    def _page(self) -> Question:
        return Question("GET", "/", _whole_page)

    def _session(self) -> Question:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        return Question("GET", "/api/session", self._same_session, headers=headers)

    def _upload(self) -> Question:
        name = f"{self.run}-{self.number}-{self._count % NAMES}"
        content = self._random.randbytes(SIZE)
        self._uploaded.pop(name, None)  # until the answer, what is stored under this name is unknown
        return Question("POST", f"/api/files/{name}", lambda answer: self._stored(name, content, answer), content)

    def _download(self) -> Question:
        name, content = self._random.choice(list(self._uploaded.items()))
        return Question("GET", f"/api/files/{name}", lambda answer: answer.status == 200 and answer.body == content)

    def _job(self) -> Question:
        """Named by us, so that one whose answer never came can still be accounted for."""
        job = f"{self.run}-{self.number}-{self._count}"
        body = json.dumps({"job": job}).encode()
        return Question("POST", "/api/jobs", lambda answer: json.loads(answer.body)["job"] == job, body, job=job)

    def _same_session(self, answer: Answer) -> bool:
        """The first answer opens the session; every later one must bring the same content back."""
        if not self._cookie:
            self._cookie, self._content = answer.headers.get("set-cookie", "").partition(";")[0], answer.body
            return self._cookie == f"sid={json.loads(answer.body)['sid']}"
        return answer.body == self._content

    def _stored(self, name: str, content: bytes, answer: Answer) -> bool:
        right = bool(json.loads(answer.body)["sha256"] == hashlib.sha256(content).hexdigest())
        if right:
            self._uploaded[name] = content
        return right


def _found(word: str, answer: Answer) -> bool:
    results = json.loads(answer.body)["results"]
    return bool(results) and all(word in line for line in results)


def _whole_page(answer: Answer) -> bool:
    """The page that this version and slot serve, to its last byte."""
    text = answer.body.decode()
    said = (f"Sample {answer.headers['x-version']}", f"{answer.headers['x-slot']} slot", "</html>")
    return all(part in text for part in said)


def _judge(question: Question, answer: Answer | None) -> Outcome:
    if answer is None:
        return Outcome.UNKNOWN
    try:
        right = answer.status < 400 and question.right(answer)
    except (ValueError, TypeError, KeyError):
        right = False  # not the JSON that was to come
    return Outcome.OK if right else Outcome.FAILED
