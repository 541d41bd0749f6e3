"""A log in a folder, a clock that is a value, and somebody who takes lines, or not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.backing_off import BackOff
from reconciler.errors import ReconcilerError
from reconciler.logs import position
from reconciler.logs.kept import Kept
from reconciler.logs.position import Position
from reconciler.logs.shipper import CEILING, FIRST, Shipper

NAME = "ops"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> str:
        return self.now().isoformat(timespec="milliseconds")

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Taker:
    """Takes lines, unless `broken` says why not (of a batch)."""

    def __init__(self, clock: Clock) -> None:
        self.got: list[bytes] = []
        self.sizes: list[int] = []
        self.tries: list[float] = []
        self.thrown_away = 0
        self.broken: Callable[[Sequence[bytes]], ReconcilerError | None] = lambda _lines: None
        self._clock = clock

    def send(self, lines: Sequence[bytes]) -> int:
        self.tries.append(self._clock.seconds)
        self.sizes.append(len(lines))
        if error := self.broken(lines):
            raise error
        self.got += lines
        return self.thrown_away

    @property
    def numbers(self) -> list[int]:
        return [json.loads(line)["n"] for line in self.got]


def line(number: int, **more: object) -> bytes:
    return json.dumps({"n": number, "message": f"line {number}", **more}).encode()


class World:
    """A log with one destination, without threads: `send` is what its thread would do now."""

    def __init__(self, folder: Path, limit: int = 1 << 20) -> None:
        self.folder, self.limit, self.clock = folder, limit, Clock()
        self.taker = Taker(self.clock)
        self.written = 0
        self.start()

    def start(self) -> None:
        """As a new process."""
        self.kept = Kept(self.folder, self.limit)
        self.kept.open()
        back_off = BackOff(FIRST, CEILING, random.Random(1))
        self.shipper = Shipper(NAME, self.taker, self.kept, position.file(self.folder, NAME), self.clock, back_off)
        self.shipper.begin()

    def restart(self) -> None:
        self.kept.close()
        self.start()

    def write(self, count: int, **more: object) -> None:
        numbers = range(self.written + 1, self.written + count + 1)
        self.kept.append([line(number, **more) for number in numbers])
        self.written += count

    def send(self) -> None:
        """Everything that is due within a second."""
        for _ in range(1000):
            wait = self.shipper.step()
            if wait > 1.0:
                return
            self.clock.seconds += wait
        raise AssertionError("it sends for ever")

    def pass_by(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.seconds += min(max(self.shipper.step(), 0.001), end - self.clock.seconds)

    @property
    def position(self) -> Position:
        found = position.read(position.file(self.folder, NAME))
        assert found is not None
        return found
