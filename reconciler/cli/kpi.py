"""`reconcile kpi`: downtime, failed requests, switches, rollbacks and time to safety, by month and environment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click

from reconciler.cli.history import entries_of
from reconciler.cli.layout import say, table
from reconciler.cli.moments import moment
from reconciler.errors import UsageError
from reconciler.evidence.kpi import Figures, Kpi, Lasting, Month
from reconciler.session import Session
from reconciler.wording import duration

UNKNOWN = "unknown"
OURS = (
    "requests: what the gateway counted on the users' road. Our own gates send some by it, in a switch or a drill: they"
    " are among them, and make the rate of failures look smaller (docs/kpi.md)"
)
HEADINGS = (
    "environment", "month", "downtime", "failed per million", "requests", "switches", "rollbacks", "time to safety",
    "not watched", "unclear",
)  # fmt: skip
Row = tuple[str, Month, Figures]


@click.command("kpi")
@click.argument("environment", nargs=-1)
@click.option("--since", metavar="TIME", help="No earlier: 2026-11-25T09:00 (UTC), or back from now: 24h, 90d.")
@click.option("--until", metavar="TIME", help="No later.")
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Whose months: Asia/Seoul, ...")
@click.option("--output", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True)
@click.pass_obj
def command(
    config: str | None,
    environment: tuple[str, ...],
    since: str | None,
    until: str | None,
    time_zone: str,
    output: str,
) -> int:
    """Downtime, failed requests per million, switches, rollbacks and time to safety, by month, from the journal alone.

    What is not on record is unknown, never zero: time in which no loop ran is shown as not watched. Requests are those
    that the gateway counted on the users' road: what our own gates send by it is among them.
    """
    zone = _zone(time_zone)
    with Session.open(config, read_only=True) as session:
        now = session.clock.now()
        kpi = Kpi(zone, _time("--since", since, now), _time("--until", until, now))
        for entry in entries_of(session, environment):
            kpi.take(entry)
        found = list(kpi.figures(now))
    say(*told(found, output, time_zone))
    return 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--time-zone '{name}' is not known here, expected one such as UTC or Asia/Seoul") from None


def _time(option: str, written: str | None, now: datetime) -> datetime | None:
    found = moment(option, written, now)
    return datetime.fromisoformat(found) if found else None


def told(found: list[Row], output: str, zone: str) -> list[str]:
    if output == "json":
        return [json.dumps({"timeZone": zone, "months": [as_json(*row) for row in found]})]
    if not found:
        return ["the journal tells nothing of that time: reconcile run begins it"]
    rows = [_cells(*row) for row in found]
    shown = _markdown(rows) if output == "markdown" else table(HEADINGS, rows)
    return [*shown, "", OURS]


def as_json(name: str, month: Month, figures: Figures) -> dict[str, Any]:
    """Null is unknown. Every duration is in seconds, but for the downtime's minutes."""
    requests, failed = figures.tally.requests
    times = {
        "whole": figures.span,
        "watched": figures.watched,
        "notWatched": figures.unwatched,
        "up": figures.tally.up,
        "down": figures.tally.out,
        "unclear": figures.unclear,
        "off": figures.tally.off,
        "requestsCounted": figures.counted,
    }
    return {
        "environment": name,
        "month": str(month),
        "downtimeMinutes": None if figures.downtime is None else round(figures.downtime / 60, 3),
        "failedPerMillion": None if figures.per_million is None else round(figures.per_million, 3),
        "requests": requests if figures.counted else None,
        "failedRequests": failed if figures.counted else None,
        "switches": figures.switches,
        "rollbacks": figures.rollbacks,
        "aborted": figures.aborted,
        "superseded": figures.superseded,
        "timeToSafety": _lasting(figures.to_safety),
        "time": {name: round(seconds, 3) for name, seconds in times.items()},
    }


def _lasting(found: Lasting) -> dict[str, Any]:
    mean = None if found.mean is None else round(found.mean, 3)
    return {"count": found.count, "mean": mean, "longest": round(found.longest, 3) if found.count else None}


def _cells(name: str, month: Month, figures: Figures) -> tuple[str, ...]:
    safety = figures.to_safety
    return (
        name,
        str(month),
        UNKNOWN if figures.downtime is None else f"{figures.downtime / 60:.2f} min",
        UNKNOWN if figures.per_million is None else f"{figures.per_million:,.1f}",
        _requests(*figures.tally.requests) if figures.counted else UNKNOWN,
        str(figures.switches),
        str(figures.rollbacks) + (f" (+{figures.aborted} aborted)" if figures.aborted else ""),
        "-" if safety.mean is None else f"mean {duration(safety.mean)}, longest {duration(safety.longest)}",
        _part(figures.unwatched, figures.span),
        _part(figures.unclear, figures.span),
    )


def _requests(requests: int, failed: int) -> str:
    """A rate of a few requests says little: how many failed stands beside it."""
    return f"{requests:,}, {failed:,} failed"


def _part(seconds: float, whole: float) -> str:
    """A duration, and how much of the whole that is; what is under a second is the clocks' grain."""
    return f"{duration(seconds)} ({100 * seconds / whole:.1f} %)" if seconds >= 1 and whole else "-"


def _markdown(rows: Iterable[tuple[str, ...]]) -> list[str]:
    head = [_line(HEADINGS), "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    return [*head, *(_line(row) for row in rows)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
