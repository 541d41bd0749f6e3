"""The crowd's counts add up, and what the gateway answers by itself is nobody's bad answer."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from random import Random

import chancy
import crowd
import pytest


@pytest.mark.parametrize(
    ("line", "kind"), [(b"HTTP/1.1 200 OK", "good"), (b"HTTP/1.1 500 x", "bad"), (b"HTTP/1.1 503 x", "lost")]
)
def test_an_answer_is_what_it_is_to_a_user(line: bytes, kind: str) -> None:
    assert crowd.kind(line + b"\r\n\r\n") == kind


def test_the_length_is_found_whatever_its_name_looks_like() -> None:
    assert crowd.length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nserver: x\r\n\r\n") == 12
    with pytest.raises(ValueError, match="no length"):
        crowd.length(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(("chance", "kind"), [(0.0, "good"), (1.0, "bad")])
def test_every_request_that_was_sent_has_one_outcome(chance: float, kind: str) -> None:
    counts = asyncio.run(_visited(chance))
    assert counts["sent"] == counts[kind] > 5
    assert counts.total() == 2 * counts["sent"]


def test_a_gateway_that_is_away_loses_everybody() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        counts = asyncio.run(_come(deaf.getsockname()[1]))
    assert counts["sent"] == counts["lost"] > 5


def test_a_member_answers_requests_that_come_in_pieces_or_together() -> None:
    answers = chancy.Answers(0.0, chancy.answer("200 OK", b"well"), Random(1))
    assert answers.answer_to(b"GET /healthz HTTP/1.1").endswith(b"well")
    assert answers.answer_to(b"GET / HTTP/1.1") == chancy.GOOD
    told: list[bytes] = []
    answers.connection_made(Told(told))
    for piece in (b"GET / HT", b"TP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\nGET", b" / HTTP/1.1\r\n\r\n"):
        answers.data_received(piece)
    assert b"".join(told) == chancy.GOOD + chancy.answer("200 OK", b"well") + chancy.GOOD


class Told(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, told: list[bytes]) -> None:
        super().__init__()
        self.write = told.append  # type: ignore[method-assign]


async def _visited(chance: float) -> Counter[str]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: chancy.Answers(chance, b"", Random(1)), "127.0.0.1", 0)
    async with server:
        return await _come(server.sockets[0].getsockname()[1])


async def _come(port: int) -> Counter[str]:
    users, stop = crowd.Crowd(port, 200.0, Random(1)), asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)
    await users.come(stop)
    users.leave()
    return users.counts
