"""What was uploaded must come back, byte for byte."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reconciler.drivers.journey import Step
from reconciler.drivers.protocols import Road
from reconciler.measure.request import send
from reconciler.measure.uploads import NAMES, Uploads

UP = Step("upload", "POST", "/files/{id}", expect_status=201, upload=64)
DOWN = Step("download", "GET", "/files/{id}/content", download="upload")
SEARCH = Step("search", "GET", "/search")


def sent(uploads: Uploads, step: Step) -> Step:
    found = uploads.prepared(step)
    assert found
    return found


def test_nothing_is_asked_for_that_nobody_has_acknowledged() -> None:
    uploads = Uploads("users")
    assert uploads.prepared(DOWN) is None
    first = sent(uploads, UP)
    assert uploads.prepared(DOWN) is None
    uploads.answered(UP, first)
    found = sent(uploads, DOWN)
    assert found.path == f"{first.path}/content"
    assert found.exact == first.body


def test_the_latest_that_was_acknowledged_is_asked_for() -> None:
    uploads = Uploads("users")
    first, second = sent(uploads, UP), sent(uploads, UP)
    uploads.answered(UP, second)
    assert sent(uploads, DOWN).exact == second.body
    uploads.answered(UP, first)
    assert sent(uploads, DOWN).exact == first.body


def test_no_upload_is_like_another_and_names_are_used_again() -> None:
    uploads = Uploads("green")
    made = [sent(uploads, UP) for _ in range(3 * NAMES)]
    assert len({one.body for one in made}) == len(made)
    assert {len(one.body or "") for one in made} == {64}
    assert len({one.path for one in made}) == NAMES


def test_roads_do_not_share_names() -> None:
    assert sent(Uploads("blue"), UP).path != sent(Uploads("green"), UP).path


def test_all_else_is_sent_as_it_is_written() -> None:
    assert Uploads("users").prepared(SEARCH) is SEARCH


class Store(BaseHTTPRequestHandler):
    """Keeps what it is given; forgets the last byte of what it gives back, if it is told to."""

    kept: dict[str, bytes]
    forgets = 0

    def do_POST(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, b"")

    def do_GET(self) -> None:
        content = self.kept[self.path.removesuffix("/content")]
        self.answer(200, content[: len(content) - self.forgets])

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("forgets", "error"), [(0, ""), (1, "not what was uploaded: 63 bytes instead of 64, or others")]
)
def test_a_download_that_differs_is_an_error(forgets: int, error: str) -> None:
    handler = type("Handler", (Store,), {"kept": {}, "forgets": forgets})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        road, uploads = Road(f"http://127.0.0.1:{server.server_port}"), Uploads("users")
        up = sent(uploads, UP)
        assert not send(up, road, 10.0).error
        uploads.answered(UP, up)
        assert send(sent(uploads, DOWN), road, 10.0).error == error
        server.shutdown()
