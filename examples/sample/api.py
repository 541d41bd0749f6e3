"""The API: search, upload, download, sessions, and the door to the job queue."""

from __future__ import annotations

import hashlib
import itertools
import json
import secrets
from http.cookies import CookieError, SimpleCookie

import folder
from jobs import Jobs
from notes import Notes
from serving import Answer, Given, Member, Request, answer

CORPUS = (
    "blue is the colour of the sky",
    "green is the colour of grass",
    "a slot holds one version of a system",
    "traffic moves in stages from blue to green",
    "a rollback is one fast step to the stable slot",
    "the worker changes hands when the weights are full",
    "a gate that has no data is never successful",
    "the journal remembers every step and its reason",
)
FILES = "/api/files/"
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"


class Api(Member):
    """Data lies in files that both slots share, so that what one slot stored the other one finds."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.files, self.jobs = given.data / "files", Jobs(given.data)
        own = f"sessions-of-{given.me.version}" if given.told.forget_sessions else "sessions"
        self.sessions = given.data / own
        self._searches = itertools.count(1)
        self.notes = Notes(given.data, given.schema) if given.schema else None
        if self.notes and self.notes.problem:
            raise SystemExit(f"the notes' database is not ready: {self.notes.problem}")

    def get(self, request: Request) -> Answer | None:
        if request.path == "/api/search":
            return self._search(request.query.get("q", ""))
        if request.path == "/api/session":
            return self._session(request)
        if request.path == "/api/notes" and self.notes:
            return answer(200, {"notes": self.notes.all()})
        if request.path.startswith(FILES):
            return self._download(request.path.removeprefix(FILES))
        return None

    def post(self, request: Request) -> Answer | None:
        if request.path == "/api/session":
            return self._session(request)
        if request.path == "/api/jobs":
            return self._enqueue(request.body)
        if request.path == "/api/notes" and self.notes:
            self.notes.add(request.body.decode(errors="replace"), request.query.get("author", ""))
            return answer(201, {})
        if request.path.startswith(FILES):
            return self._upload(request.path.removeprefix(FILES), request.body)
        return None

    def _search(self, words: str) -> Answer:
        """Errors are spaced evenly, so that 20 % is every fifth search of this process and not a matter of luck."""
        number, share = next(self._searches), self.given.told.search_errors
        if int(number * share + 1e-9) > int((number - 1) * share + 1e-9):
            return answer(500, {"error": "search failed"})
        wanted = words.lower().split()
        return answer(200, {"query": words, "results": [line for line in CORPUS if all(w in line for w in wanted)]})

    def _upload(self, name: str, content: bytes) -> Answer:
        path = folder.named(self.files, name)
        if path is None:
            return answer(400, {"error": "a name is letters, digits, '.', '_' and '-', at most 100"})
        folder.put(path, content)
        return answer(201, {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})

    def _download(self, name: str) -> Answer:
        content = folder.contents(folder.named(self.files, name))
        if content is None:
            return answer(404, {"error": f"no file '{name}'"})
        return Answer(200, content, "application/octet-stream")

    def _enqueue(self, body: bytes) -> Answer:
        """The client may name its job, so that it can find out what became of one whose answer it never got."""
        try:
            id = str(json.loads(body).get("job", "")) if body else ""
        except (ValueError, AttributeError):
            return answer(400, {"error": 'expected {"job": "a-name"} or nothing'})
        if id and folder.named(self.files, id) is None:
            return answer(400, {"error": "a job's name is letters, digits, '.', '_' and '-', at most 100"})
        return answer(202, {"job": self.jobs.add(id)})

    def _session(self, request: Request) -> Answer:
        """Whoever holds a session's id gets its content back, from either slot; a basket that is posted replaces the
        one in it. Whoever holds none, or one that is not known here, is given a new one."""
        sid = _cookie(request.headers.get("cookie", ""))
        kept = folder.contents(folder.named(self.sessions, sid))
        if kept is not None and not request.body:
            return Answer(200, kept)
        new = {} if kept is not None else {"Set-Cookie": f"sid={(sid := secrets.token_hex(16))}; {ATTRIBUTES}"}
        basket = request.body.decode("utf-8", "replace") or secrets.token_hex(8)
        content = json.dumps({"sid": sid, "basket": basket}).encode()
        folder.put(self.sessions / sid, content)
        return Answer(200, content, headers=new)


def _cookie(header: str) -> str:
    try:
        return SimpleCookie(header)["sid"].value
    except (CookieError, KeyError):
        return ""
