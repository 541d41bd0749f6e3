"""Users who come at random (Poisson) and ask one thing each, on kept connections; counted, not recorded.

    python benchmarks/crowd.py --port 8080 --rate 500

As many as `rollback.py` needs beside everything else on two cores: a thread per client and a line per request, as the
demo's users have, would cost more than what is measured. Ends when its standard input ends, with the counts as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from random import Random

ASK = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n"
PATIENCE = 5.0  # seconds for an answer

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crowd:
    """`counts`: sent, and of these good (200), bad (500) and lost (no answer, or one of the gateway's own)."""

    def __init__(self, port: int, rate: float, random: Random) -> None:
        self._port, self._rate, self._random = port, rate, random
        self._idle: list[Connection] = []
        self._asking: set[asyncio.Task[None]] = set()
        self.counts = Counter(sent=0, good=0, bad=0, lost=0)

    async def come(self, stop: asyncio.Event) -> None:
        """On a schedule that no slow answer changes; at the end every answer is waited for."""
        due = time.monotonic()
        while not stop.is_set():
            due += self._random.expovariate(self._rate)
            await asyncio.sleep(due - time.monotonic())
            asking = asyncio.create_task(self._ask())
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
        await asyncio.gather(*self._asking)

    def leave(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _ask(self) -> None:
        self.counts["sent"] += 1
        try:
            self.counts[await asyncio.wait_for(self._answer(), PATIENCE)] += 1
        except (OSError, EOFError, ValueError, TimeoutError):
            self.counts["lost"] += 1

    async def _answer(self) -> str:
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = connection
        try:
            writer.write(ASK)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(length(head))
        except BaseException:
            writer.close()
            raise
        self._idle.append(connection)
        return kind(head)


def kind(head: bytes) -> str:
    """What an answer is to a user, by its status line."""
    return {b"200": "good", b"500": "bad"}.get(head.split(b" ", 2)[1], "lost")


def length(head: bytes) -> int:
    """Raises ValueError where the answer does not say how long it is."""
    name, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError(f"no length in {name!r}")
    return int(rest.split(b"\r\n", 1)[0])


async def run(port: int, rate: float) -> Counter[str]:
    crowd, stop = Crowd(port, rate, Random()), asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await crowd.come(stop)
    crowd.leave()
    return crowd.counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=500.0)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(given.port, given.rate))))


if __name__ == "__main__":
    main()
