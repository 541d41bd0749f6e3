"""`reconcile logs`: warnings by their cause, and where the log goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from reconciler.cli.layout import paint, say, table
from reconciler.cli.moments import moment
from reconciler.clock import SYSTEM
from reconciler.configuration import Configuration, load
from reconciler.core.conditions import ERROR, IN_SYNC
from reconciler.drivers.logs.destination import sender
from reconciler.errors import JournalError, UsageError
from reconciler.journal.sqlite import open_journal
from reconciler.logs.causes import Cause, causes
from reconciler.logs.collector import refuse_not_allowed
from reconciler.logs.standing import Standing, kept_warnings, standings, warnings_of
from reconciler.spelling import shown, unknown

WIDEST = 160  # characters of an example
CALM = "no warning is kept"


@click.command("logs")
@click.option("--since", metavar="TIME", help="No earlier ones: 2026-11-25T09:00 (UTC), or back from now: 24h, 7d.")
@click.option("--test", metavar="NAME", help="Send this destination a line now, and say whether it was taken.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def command(config: str | None, since: str | None, test: str | None, output: str) -> int:
    """Warnings and errors by their cause: how often, first and last, with an example. From the log that is kept on this
    machine, and from the journal what gates and steps had to say. Then where the log goes, and how far that has come.

    Reads only, but for --test. Exit codes: 0 when nothing is wrong, 1 when a destination cannot be reached.
    """
    found = load(Path(config) if config else None)
    if test is not None:
        return _try(found, test, output)
    met, stand = causes(_said(found), moment("--since", since, SYSTEM.now())), standings(found)
    if output == "json":
        say(json.dumps({"causes": [_as_json(one) for one in met], "destinations": [asdict(one) for one in stand]}))
    else:
        say(*(_causes(met) if met else [f"{CALM}{f' since {since}' if since else ''}"]))
        say(*(["", *_destinations(stand)] if stand else []))
    return ERROR if any(one.failure for one in stand) else IN_SYNC


def _said(configuration: Configuration) -> Iterator[dict[str, Any]]:
    """The log is there also where the journal cannot be read; that is said then."""
    yield from kept_warnings(configuration)
    try:
        journal = open_journal(configuration.journal_url, read_only=True)
        try:
            yield from warnings_of(journal.entries())
        finally:
            journal.close()
    except JournalError as error:
        click.echo(f"without what the journal says, it cannot be read: {error}", err=True)


def _as_json(cause: Cause) -> dict[str, Any]:
    return {**asdict(cause), "environments": sorted(cause.environments)}


def _causes(met: list[Cause]) -> list[str]:
    """A line for each, and below it what was said last."""
    headings = ("count", "level", "first", "last", "environment", "from", "cause")
    head, *rows = table(headings, (_row(one) for one in met))
    examples = (paint(f"    {_line(one.example)}", dim=True) for one in met)
    return [head, *(line for pair in zip(rows, examples, strict=True) for line in pair)]


def _row(one: Cause) -> tuple[str, ...]:
    where = f"{one.logger.removeprefix('reconciler.')}{f'/{one.reason}' if one.reason else ''}"
    environments = ", ".join(sorted(one.environments))
    return str(one.count), one.level, _at(one.first), _at(one.last), environments, where, shown(one.cause)


def _line(text: str) -> str:
    first = shown(text.partition("\n")[0])
    return first if len(first) <= WIDEST else first[: WIDEST - 1] + "…"


def _at(moment: str) -> str:
    return f"{moment[:19]}Z" if moment else ""


def _destinations(stand: list[Standing]) -> list[str]:
    headings = ("name", "kind", "where", "pending", "sent last", "lost", "refused", "failure")
    return table(headings, (_destination(one) for one in stand))


def _destination(one: Standing) -> tuple[str, ...]:
    failure = f"{_at(one.failed_at)} {one.failure}" if one.failure else ""
    pending = "?" if one.pending is None else str(one.pending)
    lost, refused = (str(count) if count else "" for count in (one.lost, one.refused))
    return one.name, one.kind, one.where, pending, _at(one.sent_at) or "nothing yet", lost, refused, failure


def _try(configuration: Configuration, name: str, output: str) -> int:
    """Raises UsageError for a name that nobody has, ReconcilerError when the line was not taken."""
    if name not in configuration.destinations:
        raise UsageError(unknown("log", name, configuration.destinations))
    refuse_not_allowed(configuration)
    told = {"id": "test", "at": SYSTEM.wall(), "level": "info", "logger": "reconciler.logs"}
    line = json.dumps({**told, "message": "somebody typed: reconcile logs --test"}).encode()
    sender(configuration.destinations[name]).send([line])
    say(json.dumps({"name": name, "sent": True}) if output == "json" else f"{name}: taken; see whether it arrived")
    return IN_SYNC
