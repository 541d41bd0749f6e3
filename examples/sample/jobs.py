"""A queue: a folder of files, so that both slots and a later life of its owner see the same jobs.

    queue/STAMP-ID.ATTEMPT  --rename-->  claimed/STAMP-ID.ATTEMPT  --line in done.jsonl, then removed

A job is claimed by a rename, which only one can win, and recorded before its claim is removed. A worker that was killed
leaves a claim; the next one either finds the job in done.jsonl (done; the claim goes) or queues it again as another
attempt. So no job is lost, and one that was worked on twice says so in its record.

The fence: an owner acts by a number. Whoever comes by a lower one than was ever seen here is refused, and so is the job
that it had in hand: an owner that slept through its hand-over can neither begin nor finish anything when it wakes up.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder


@dataclass(frozen=True)
class Job:
    stamp: str  # when it was queued, nanoseconds of the wall clock, 20 digits: names sort by age
    id: str
    attempt: int

    @property
    def file(self) -> str:
        return f"{self.stamp}-{self.id}.{self.attempt}"

    @classmethod
    def parse(cls, file: str) -> Job:
        stamp, _, rest = file.partition("-")
        id, _, attempt = rest.rpartition(".")
        return cls(stamp, id, int(attempt))


class StaleError(Exception):
    """Somebody with a later number owns this queue."""


def nothing() -> None:
    """Not every job has an effect beside its record."""


class Jobs:
    """A queue in a folder. One owner at a time; any number of producers."""

    def __init__(self, data: Path) -> None:
        self.queue, self.claimed, self.done = data / "queue", data / "claimed", data / "done.jsonl"
        self.fence, self.refused = data / "fence", data / "refused.jsonl"
        for place in (self.queue, self.claimed):
            place.mkdir(parents=True, exist_ok=True)

    def add(self, id: str = "") -> str:
        """Queue a job; returns its id, which is made up when none is given."""
        job = Job(f"{time.time_ns():020d}", id or secrets.token_hex(8), 1)
        folder.put(self.queue / job.file, b"")
        return job.id

    def waiting(self) -> list[str]:
        return sorted(name for name in os.listdir(self.queue) if not name.startswith("."))

    def oldest(self) -> float:
        """Age of the oldest job that waits, seconds; 0 when none does."""
        names = self.waiting()
        return max(0.0, (time.time_ns() - int(Job.parse(names[0]).stamp)) / 1e9) if names else 0.0

    def seen(self) -> int:
        """The highest number by which anybody acted here."""
        return int(folder.contents(self.fence) or b"0")

    @contextmanager
    def fenced(self, number: int, what: str) -> Iterator[None]:
        """Alone in here, and by no lower number than was ever seen: a check that is true while the act is done."""
        with folder.locked(self.fence.with_suffix(".lock")):
            seen = self.seen()
            if number < seen:
                said = {"refused": what, "number": number, "seen": seen, "pid": os.getpid(), "at": time.monotonic()}
                folder.append(self.refused, json.dumps(said))
                raise StaleError(f"{what} by number {number}, and {seen} was seen")
            if number > seen:
                folder.put(self.fence, str(number).encode())
            yield

    def claim(self, number: int = 0) -> Job | None:
        """The oldest job, now ours; None when there is none. Raises StaleError."""
        with self.fenced(number, "claim"):
            for name in self.waiting():
                try:
                    os.rename(self.queue / name, self.claimed / name)
                except FileNotFoundError:
                    continue  # another worker was quicker
                return Job.parse(name)
        return None

    def finish(self, job: Job, record: dict[str, Any], number: int = 0, effect: Callable[[], object] = nothing) -> None:
        """Do the job's effect, record it as done with one appended line, and only then let its claim go. Raises
        StaleError, and then nothing was done."""
        with self.fenced(number, f"finish {job.id}"):
            effect()
            folder.append(self.done, json.dumps({"job": job.id, "attempt": job.attempt, "number": number, **record}))
            (self.claimed / job.file).unlink(missing_ok=True)

    def recover(self, number: int = 0) -> int:
        """Take over: from now on no lower number is served. Settles the claims of an owner that is gone; returns how
        many jobs were queued again."""
        with self.fenced(number, "take over"):
            return self._settled()

    def _settled(self) -> int:
        left = [Job.parse(name) for name in os.listdir(self.claimed)]
        done = self._recorded() if left else set()
        again = [job for job in left if job.id not in done]
        for job in left:
            if job.id in done:
                (self.claimed / job.file).unlink(missing_ok=True)
        for job in again:
            os.rename(self.claimed / job.file, self.queue / Job(job.stamp, job.id, job.attempt + 1).file)
        return len(again)

    def _recorded(self) -> set[str]:
        text = (folder.contents(self.done) or b"").decode()
        return {json.loads(line)["job"] for line in text.splitlines() if line.endswith("}")}
