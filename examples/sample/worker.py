"""The worker: takes jobs from the queue, one at a time. Exactly one worker may own the queue, in whichever slot."""

from __future__ import annotations

import os
import time
from typing import Any

from jobs import Jobs
from owning import Owning
from serving import Given

JOB_S = 0.02


class Worker(Owning):
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.me, self.jobs = given.me, Jobs(given.data)

    def health(self) -> dict[str, Any]:
        return {"queue": len(self.jobs.waiting()), "oldest_s": round(self.jobs.oldest(), 3), **super().health()}

    def begin(self, number: int) -> None:
        self.jobs.recover(number)

    def step(self, number: int) -> bool:
        job = self.jobs.claim(number)
        if job is None:
            return False
        started = time.monotonic()
        time.sleep(JOB_S)
        who = {"version": self.me.version, "slot": self.me.slot, "pid": os.getpid()}
        self.jobs.finish(job, {**who, "started": started, "ended": time.monotonic()}, number)
        return True
