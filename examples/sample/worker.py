"""The worker: takes jobs from the queue, one at a time. Exactly one worker may run, in whichever slot."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from jobs import Job, Jobs
from serving import Given, Member

JOB_S = 0.02
LOOK_S = 0.02  # between two looks at an empty queue


class Worker(Member):
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.me, self.jobs = given.me, Jobs(given.data)

    def health(self) -> dict[str, Any]:
        return {"queue": len(self.jobs.waiting()), "oldest_s": round(self.jobs.oldest(), 3)}

    def work(self, stop: threading.Event) -> None:
        """Until told to stop; the job in hand is always finished."""
        if self.given.told.never_ready:
            stop.wait()
        else:
            self.jobs.recover()
        while not stop.is_set():
            job = self.jobs.claim()
            if job is None:
                stop.wait(LOOK_S)
            else:
                self._do(job)

    def _do(self, job: Job) -> None:
        started = time.monotonic()
        time.sleep(JOB_S)
        who = {"version": self.me.version, "slot": self.me.slot, "pid": os.getpid()}
        self.jobs.finish(job, {**who, "started": started, "ended": time.monotonic()})
