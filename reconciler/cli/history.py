"""`reconcile history`: what the journal holds, and whether its chain is whole."""

from __future__ import annotations

import json

import click

from reconciler.cli.screen import console, describe
from reconciler.cli.session import Session
from reconciler.core.steps import Watched
from reconciler.journal.codec import dump
from reconciler.journal.entry import Entry


@click.command("history")
@click.argument("environment", required=False)
@click.option("--verify", is_flag=True, help="Recompute the hash chain over all entries.")
@click.option("--limit", "-n", default=50, show_default=True, help="The latest entries; 0 for all.")
@click.option("--all", "all_", is_flag=True, help="Also heartbeats.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, environment: str | None, verify: bool, limit: int, all_: bool, output: str) -> int:
    """Every decision with its rule, every step with its outcome, who asked for what."""
    with Session.open(config, read_only=True) as session:
        if verify:
            count = session.journal.verify()
            click.echo(
                json.dumps({"entries": count, "whole": True}) if output == "json" else f"{count} entries, chain whole"
            )
            return 0
        entries = [e for e in session.journal.entries(environment) if all_ or not isinstance(e.event, Watched)]
    for entry in entries[-limit:] if limit else entries:
        _show(entry, output)
    return 0


def as_json(entry: Entry) -> str:
    kind, data = dump(entry.event)
    shown = {name: getattr(entry, name) for name in entry.__slots__ if name != "event"}
    return json.dumps({**shown, "kind": kind, "data": json.loads(data)})


def _show(entry: Entry, output: str) -> None:
    if output == "json":
        click.echo(as_json(entry))
        return
    who = "" if entry.generation else f"  ({entry.actor})"
    console().print(
        f"{entry.seq:>6}  {entry.at[:23]}  {entry.environment}  {describe(entry.event)}{who}",
        highlight=False,
        markup=False,
    )
