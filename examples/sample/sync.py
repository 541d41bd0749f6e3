"""The shared-folder sync: copies the tree `files` to the tree `mirror`, through a queue. Exactly one may own that.

A file is out of step when its size or its time differs from its copy's: so a new owner needs no memory of the old one.
Asked to let go, it looks for no new files, and copies what is queued. Files that were removed stay in the mirror.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import folder
from jobs import Job, Jobs
from owning import Owning
from serving import Given

SCAN_S = 0.1  # between two looks through the whole tree


class Sync(Owning):
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.source, self.mirror = given.data / "files", given.data / "mirror"
        self.jobs, self.me = Jobs(given.data / "sync"), given.me
        self._same: dict[str, tuple[int, int]] = {}  # size and time of what was seen in step, or is queued
        self._scanned = 0.0
        for place in (self.source, self.mirror):
            place.mkdir(parents=True, exist_ok=True)

    def health(self) -> dict[str, Any]:
        return {"queue": len(self.jobs.waiting()), **super().health()}

    def begin(self, number: int) -> None:
        self.jobs.recover(number)
        self._same, self._scanned = {}, 0.0

    def step(self, number: int) -> bool:
        if time.monotonic() >= self._scanned + SCAN_S:
            self._look()
            self._scanned = time.monotonic()
        return self.finish(number)

    def finish(self, number: int) -> bool:
        job = self.jobs.claim(number)
        if job is not None:
            self._copy(job, number)
        return job is not None

    def _look(self) -> None:
        """Queue what is out of step."""
        queued = {Job.parse(name).id for name in self.jobs.waiting()}
        for path, state in _files(self.source):
            name = quote(str(path.relative_to(self.source)), safe="")
            if self._same.get(name) != state:
                if name not in queued and _state(self.mirror / unquote(name)) != state:
                    self.jobs.add(name)
                self._same[name] = state

    def _copy(self, job: Job, number: int) -> None:
        started, name = time.monotonic(), unquote(job.id)
        who = {"version": self.me.version, "slot": self.me.slot, "pid": os.getpid()}
        state, content = _state(self.source / name), folder.contents(self.source / name)
        record = {**who, "size": len(content or b""), "started": started, "ended": time.monotonic()}
        if content is None or state is None:  # it was removed meanwhile
            return self.jobs.finish(job, record, number)
        target = self.mirror / name
        draft = folder.draft(target, content)
        os.utime(draft, ns=(state[1], state[1]))  # of before it was read: a later change is seen as one
        try:
            self.jobs.finish(job, record, number, lambda: os.replace(draft, target))
        finally:
            draft.unlink(missing_ok=True)


def _files(tree: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    with os.scandir(tree) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue  # somebody's draft
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and (state := _state(Path(entry.path))):
                yield Path(entry.path), state


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
