"""What windows must mean: each a time that comes, and together some moment in which a transition may go forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from pydantic import ValidationError

from reconciler.desired.cron import SOMEDAY, Cron, zone
from reconciler.desired.document import LONGEST_WINDOW, WindowEntry
from reconciler.desired.explain import Found
from reconciler.desired.windows import HORIZON, closed, reach
from reconciler.durations import seconds, write
from reconciler.errors import Refused
from reconciler.spelling import clip


def check_windows(entries: Sequence[Any]) -> Iterator[Found]:
    """Everything that makes no sense; the data as written, which may be of any shape."""
    wrong = [found for index, entry in enumerate(entries) for found in _window(("spec", "windows", index), entry)]
    yield from wrong or _some_moment_is_left(entries)


def _window(path: tuple[str | int, ...], entry: Any) -> Iterator[Found]:
    if not isinstance(entry, Mapping):
        return
    words = [word for word in ("allow", "deny") if word in entry]
    if not words:
        yield path, False, 'expected one of allow and deny; write `allow: "0 22 * * 1-5"`, or deny'
    if len(words) == 2:
        yield (*path, "deny"), True, "a window allows or denies; make two windows of it: deny wins where they meet"
    for word in words:
        yield from refused((*path, word), lambda text: Cron(text, UTC, timedelta(0)), entry[word])
    yield from refused((*path, "timeZone"), zone, entry.get("timeZone", "UTC"))
    yield from refused((*path, "duration"), _fits, entry.get("duration"))


def refused(path: tuple[str | int, ...], read: Callable[[str], object], text: Any) -> Iterator[Found]:
    if isinstance(text, str):
        try:
            read(text)
        except Refused as error:
            yield path, False, str(error)


def _fits(text: str) -> None:
    """What is no duration at all is told by the schema."""
    try:
        length = seconds(text)
    except ValueError:
        return
    if not 0 < length <= LONGEST_WINDOW:
        expected = f"at most {write(LONGEST_WINDOW)}" if length else "more than 0s"
        raise Refused(f"a window cannot last {clip(text)}, expected {expected}")


def _some_moment_is_left(entries: Sequence[Any]) -> Iterator[Found]:
    """Any beginning will do for the question: nothing in a window depends on the year."""
    try:
        windows = [WindowEntry.model_validate(entry) for entry in entries]
    except ValidationError:
        return  # which is told already
    shut = closed(windows, SOMEDAY.replace(tzinfo=UTC)) if windows else ()
    if shut and shut[0].ends is None and shut[0].begins.replace(tzinfo=None) == SOMEDAY and reach(windows) == HORIZON:
        text = f"these leave no moment in which a transition may go forward ({shut[0].why}); allow more, or deny less"
        yield ("spec", "windows"), True, text
