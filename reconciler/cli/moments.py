"""Points in time as people type them: on the wall, or back from now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.durations import seconds
from reconciler.errors import UsageError


def moment(option: str, written: str | None, now: datetime) -> str:
    """As the journal writes it, in UTC, so that both compare as text; empty for nothing. Raises UsageError."""
    if not written:
        return ""
    try:
        return (_back(written, now) or _on_the_wall(written)).astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: '{written}' is no time, expected 2026-11-25T09:00 (UTC), or back from now: 24h or 7d"
        ) from None


def _back(written: str, now: datetime) -> datetime | None:
    number = written.removesuffix("d")
    try:
        length = seconds(f"{number}h") * 24 if number != written else seconds(written)
    except ValueError:
        return None
    return now - timedelta(seconds=length)


def _on_the_wall(written: str) -> datetime:
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
