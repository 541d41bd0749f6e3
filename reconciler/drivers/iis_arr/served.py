"""What the process that serves users goes by, in its own words: a rule of ours tells, on a road that only we know."""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep as wait
from urllib.parse import unquote

from reconciler.drivers.http import Answer, Client
from reconciler.drivers.iis_arr.plan import STAMP, STAMP_PATH, Plan
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.roads import ROAD_HEADER
from reconciler.errors import Unreachable

LARGEST = 65536  # bytes of its answer
PAUSE = 0.02  # seconds between two questions


def served(plan: Plan, secret: str, entry: str, deadline: Deadline) -> None:
    """Returns when it goes by that entry. What is configured and not so is not in force: raises Unreachable."""
    http, url = Client(), f"{plan.farm.users}/"
    headers = {ROAD_HEADER: f"{secret}-{STAMP}"}
    said = "does not answer"
    try:
        while answer := _answer(http, url, headers, deadline):
            if unquote(answer.headers.get("location", "")).endswith(STAMP_PATH + unquote(entry)):
                return
            said = f"answers {answer.status}, and does not go by it"
            wait(min(PAUSE, max(deadline.left(), 0.0)))
    finally:
        http.close()
    raise Unreachable(f"{deadline.what}: {entry[:40]} is written, but within {deadline.seconds:g} s {url} {said}")


def _answer(http: Client, url: str, headers: Mapping[str, str], deadline: Deadline) -> Answer | None:
    """None when the time is over: what it said before tells more than that the last question came too late."""
    left = deadline.left()
    if left <= 0:
        return None
    try:
        return http.ask("GET", url, headers=headers, deadline=left, max_bytes=LARGEST)
    except Unreachable:
        if deadline.left() > 0:
            raise
        return None
