"""What a drill must mean: a time that comes, and enough of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

from reconciler.core.drill import baseless, needs
from reconciler.core.model import Spec
from reconciler.desired.cron import Cron, zone
from reconciler.desired.document import LONGEST_DRILL
from reconciler.desired.explain import Found
from reconciler.desired.window_checks import refused
from reconciler.durations import seconds, write
from reconciler.errors import Refused
from reconciler.spelling import clip

PATH = ("spec", "drill")


def check_drill(entry: dict[str, Any]) -> Iterator[Found]:
    """The data as written, which may be of any shape."""
    yield from refused((*PATH, "schedule"), lambda text: Cron(text, UTC, timedelta(0)), entry.get("schedule"))
    yield from refused((*PATH, "timeZone"), zone, entry.get("timeZone", "UTC"))
    yield from refused((*PATH, "expires"), _fits, entry.get("expires"))
    if "timeZone" in entry and "schedule" not in entry:
        yield (*PATH, "timeZone"), True, 'there is no schedule that it could be of; add `schedule: "0 3 1 * *"`'


def _fits(text: str) -> None:
    """What is no duration at all is told by the schema."""
    try:
        length = seconds(text)
    except ValueError:
        return
    if not 0 < length <= LONGEST_DRILL:
        expected = f"at most {write(LONGEST_DRILL)}" if length else "more than 0s"
        raise Refused(f"a drill cannot take {clip(text)}, expected {expected}")


def in_vain(spec: Spec) -> Iterator[Found]:
    """One with nothing to rehearse, and one whose time is over before all its steps can be."""
    if spec.drill is None:
        return
    if why := baseless(spec, spec.drill.kind):
        yield (*PATH, "kind"), False, why
    needed = needs(spec, spec.drill.kind)
    if spec.drill.expires <= needed:
        text = f"its steps need {write(needed)}, so it would be over before it is done; expected more than that"
        yield (*PATH, "expires"), False, text
