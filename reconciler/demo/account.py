"""The account of a demo: what users sent and what came of it, from the records of `load` and the owners' own lists.

Records and folders in, numbers out. All moments are seconds of the machine's monotonic clock, which its processes
share.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class Outcome(StrEnum):
    OK = "ok"  # the expected status and the right content
    FAILED = "failed"  # an answer, and a wrong one
    UNKNOWN = "unknown"  # no whole answer: whether it took effect cannot be told


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole: every request that was sent has exactly one."""

    id: int  # counts from 1 per client
    client: int
    kind: str  # search, page, session, upload, download, job
    fresh: bool  # on a connection of its own
    start: float
    latency: float  # seconds
    late: float  # seconds behind its schedule
    status: int | None
    outcome: Outcome
    version: str = ""  # that answered, by its own header
    slot: str = ""
    error: str = ""
    job: str = ""  # the name of the job that it asked for

    @property
    def end(self) -> float:
        return self.start + self.latency


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of time; a request belongs to the phase in which it was sent."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Totals:
    sent: int
    ok: int
    failed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """What became of the jobs that users asked for. Lost: promised (the request was ok), but never done."""

    asked: int
    promised: int
    once: int
    lost: int
    twice: int  # done more than once


def read(lines: Iterable[str]) -> list[Request]:
    """The requests of a record file; the closing totals, and a last line that is not whole yet, are left out."""
    said = (json.loads(line) for line in lines if line.endswith("}\n"))
    return [Request(**{**each, "outcome": Outcome(each["outcome"])}) for each in said if "outcome" in each]


def totals(requests: Iterable[Request]) -> Totals:
    count = Counter(request.outcome for request in requests)
    return Totals(count.total(), count[Outcome.OK], count[Outcome.FAILED], count[Outcome.UNKNOWN])


def by_phase(requests: Sequence[Request], phases: Iterable[Phase]) -> dict[str, Totals]:
    return {
        phase.name: totals(request for request in requests if phase.start <= request.start < phase.end)
        for phase in phases
    }


def first_answer(requests: Iterable[Request], version: str, after: float = 0.0) -> float | None:
    """When a version answered first, right or wrong, after a moment; None when it never did."""
    return min((each.end for each in requests if each.version == version and each.end >= after), default=None)


def first_bad(requests: Iterable[Request], after: float = 0.0) -> float | None:
    """When the first wrong answer arrived."""
    return min(_bad(requests, after), default=None)


def last_bad(requests: Iterable[Request], after: float = 0.0) -> float | None:
    """When the last wrong answer arrived."""
    return max(_bad(requests, after), default=None)


def jobs(requests: Iterable[Request], done: Iterable[Mapping[str, Any]]) -> Jobs:
    """`done`: the worker's list, one item for each time that a job was done. Jobs still in the queue count as lost."""
    asked = {request.job: request.outcome is Outcome.OK for request in requests if request.job}
    times = Counter(str(item["job"]) for item in done)
    return Jobs(
        asked=len(asked),
        promised=sum(asked.values()),
        once=sum(times[job] == 1 for job in asked),
        lost=sum(promised and not times[job] for job, promised in asked.items()),
        twice=sum(times[job] > 1 for job in asked),
    )


@dataclass(frozen=True, slots=True)
class Files:
    """What became of the files that users put into the shared folder. Lost: not in the mirror; stale: not the same."""

    stored: int
    once: int  # copied exactly once
    lost: int
    stale: int


def files(source: Path, mirror: Path, done: Iterable[Mapping[str, Any]]) -> Files:
    """`done`: the sync's own list, one item for each time that a file was copied."""
    stored = [path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.name[0] != "."]
    times = Counter(unquote(str(item["job"])) for item in done)
    copies = {path: mirror / path for path in stored}
    there = [path for path in stored if copies[path].is_file()]
    return Files(
        stored=len(stored),
        once=sum(times[path.as_posix()] == 1 for path in stored),
        lost=len(stored) - len(there),
        stale=sum((source / path).read_bytes() != copies[path].read_bytes() for path in there),
    )


def unfinished(data: Path) -> bool:
    """Whether the owners of `data` still have to copy a file or do a job. Looked through in the order in which work
    moves on, so that none slips by: files, queues, claims."""
    copied = files(data / "files", data / "mirror", ())
    folders = [queues / name for name in ("queue", "claimed") for queues in (data, data / "sync")]
    return copied.lost + copied.stale > 0 or any(any(folder.glob("[!.]*")) for folder in folders)


def overlaps(done: Iterable[Mapping[str, Any]]) -> int:
    """How often a worker began a job while another process was at one: 0 if there was one owner at every instant."""
    found, busy = 0, dict[Any, float]()
    for item in sorted(done, key=lambda item: float(item["started"])):
        found += any(end > float(item["started"]) for pid, end in busy.items() if pid != item["pid"])
        busy[item["pid"]] = float(item["ended"])
    return found


def _bad(requests: Iterable[Request], after: float) -> Iterable[float]:
    return (each.end for each in requests if each.outcome is Outcome.FAILED and each.end >= after)
