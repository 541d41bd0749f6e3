"""`reconcile history`: what the journal holds, and whether its chain is whole."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from reconciler.cli.layout import say
from reconciler.core.events import Applied, Event, Intended, Watched
from reconciler.core.steps import Result
from reconciler.journal.codec import dump
from reconciler.journal.entry import Entry
from reconciler.session import Session
from reconciler.wording import describe


@click.command("history")
@click.argument("environment", required=False)
@click.option("--verify", is_flag=True, help="Recompute the hash chain over all entries.")
@click.option("--limit", "-n", default=50, show_default=True, help="The latest lines; 0 for all.")
@click.option("--all", "all_", is_flag=True, help="Every entry on its own, also heartbeats.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, environment: str | None, verify: bool, limit: int, all_: bool, output: str) -> int:
    """Every decision with its rule, every step with its outcome, who asked for what.

    A step's intent and its outcome are two entries of the journal and one line here. JSON has every entry on a line.
    """
    with Session.open(config, read_only=True) as session:
        if verify:
            count = session.journal.verify()
            whole = json.dumps({"entries": count, "whole": True})
            say(whole if output == "json" else f"{count} entries, chain whole")
            return 0
        _known(session, environment)
        entries = [e for e in session.journal.entries(environment) if all_ or not isinstance(e.event, Watched)]
    told = [as_json(entry) for entry in entries] if output == "json" else lines(entries, joined=not all_)
    say(*(told[-limit:] if limit else told))
    if not told and output == "text":
        say("the journal has no entry yet: reconcile run begins it")
    return 0


def _known(session: Session, name: str | None) -> None:
    """Also what git has forgotten: the journal has not. Raises UsageError."""
    known = session.journal.environments()
    if name and name not in known:
        session.chosen((name,))


def as_json(entry: Entry) -> str:
    kind, data = dump(entry.event)
    shown = {name: getattr(entry, name) for name in entry.__slots__ if name != "event"}
    return json.dumps({**shown, "kind": kind, "data": json.loads(data)})


def lines(entries: Iterable[Entry], *, joined: bool) -> list[str]:
    """One line per entry; `joined`: an intent waits for its outcome."""
    told: list[str] = []
    begun: dict[str, Entry] = {}
    for entry in entries:
        match entry.event:
            case Intended() if joined:
                begun[entry.environment] = entry
            case Applied() as outcome if entry.environment in begun:
                told.append(_line(entry, _done(begun.pop(entry.environment).event, outcome)))
            case event:
                told.append(_line(entry, describe(event)))
    return told + [_line(entry, f"{describe(entry.event)}: no outcome yet") for entry in begun.values()]


def _done(intent: Event, outcome: Applied) -> str:
    assert isinstance(intent, Intended)
    came = "" if outcome.result is Result.DONE else f": {outcome.result}"
    why = f" - {outcome.reason}" if came and outcome.reason else ""
    return f"{describe(intent.act)}{came}{why}  [{intent.rule}]"


def _line(entry: Entry, what: str) -> str:
    """Who wrote it is told of what people asked for; the rest is the loop's."""
    who = "" if entry.generation else f"  ({entry.actor})"
    return f"{entry.seq:>6}  {entry.at[:23]}Z  {entry.environment}  {what}{who}"
