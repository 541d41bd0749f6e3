"""`reconcile history`: what the journal holds, and whether its chain is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from reconciler.cli.layout import colours, say
from reconciler.cli.moments import moment
from reconciler.cli.past import Line, Wanted, lines, markdown, text
from reconciler.core.events import Phase
from reconciler.desired.notes import Anchor
from reconciler.errors import JournalBroken, ReconcilerError
from reconciler.evidence.anchors import contradictions, strangers
from reconciler.journal.codec import dump
from reconciler.journal.entry import Entry
from reconciler.session import Session

ENDINGS = [str(phase) for phase in (Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED)]


@click.command("history")
@click.argument("environment", nargs=-1)
@click.option("--verify", is_flag=True, help="Recompute the hash chain, and compare it with git's notes.")
@click.option("--since", metavar="TIME", help="No earlier ones: 2026-11-25T09:00 (UTC), or back from now: 24h, 7d.")
@click.option("--until", metavar="TIME", help="No later ones.")
@click.option(
    "--outcome",
    type=click.Choice(ENDINGS, case_sensitive=False),
    multiple=True,
    help="Only transitions that ended so; may be given several times.",
)
@click.option("--limit", "-n", default=50, show_default=True, help="The latest lines; 0 for all.")
@click.option("--all", "all_", is_flag=True, help="Every entry on its own, also heartbeats.")
@click.option("--output", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.pass_obj
def command(
    config: str | None,
    environment: tuple[str, ...],
    verify: bool,
    since: str | None,
    until: str | None,
    outcome: tuple[str, ...],
    limit: int,
    all_: bool,
    output: str,
) -> int:
    """Every decision with its rule, every step with its outcome, who asked for what.

    Nothing is ever deleted: what was replaced is struck through, with what replaced it. A step's intent and its outcome
    are two entries of the journal and one line here. JSON has every entry on a line.
    """
    with Session.open(config, read_only=True) as session:
        if verify:
            return _verified(session, output)
        now = session.clock.now()
        ends = frozenset(Phase(one) for one in outcome)
        wanted = Wanted(moment("--since", since, now), moment("--until", until, now), ends, abs(limit) or None)
        joined = output != "json" and not all_
        found = lines(entries_of(session, environment), wanted, joined=joined, heartbeats=all_)
        empty = session.journal.head() == 0
    say(*_told(found, output))
    if not found and output == "text":
        say("the journal has no entry yet: reconcile run begins it" if empty else "no entry fits what was asked for")
    return 0


def _verified(session: Session, output: str) -> int:
    """The chain in itself, and against what git noted of it. Raises JournalBroken."""
    journal = session.journal
    count, notes = journal.verify(), _notes(session)
    if wrong := contradictions(notes, journal.id, journal.entries()):
        raise JournalBroken("\n".join((*wrong, "restore the journal's latest copy")))
    ours, others = len(notes) - strangers(notes, journal.id), strangers(notes, journal.id)
    if output == "json":
        say(json.dumps({"entries": count, "whole": True, "notes": ours, "notesOfOtherJournals": others}))
        return 0
    beside = f"; {others} notes in git are of another journal" if others else ""
    say(f"{count} entries, chain whole; {ours} notes in git agree with it{beside}")
    return 0


def _notes(session: Session) -> list[Anchor]:
    """None where there is no repository (any more): then only the chain itself can be looked at, and that is said."""
    try:
        return session.writing.anchors()
    except ReconcilerError as error:
        click.echo(f"what git noted cannot be read, so only the chain itself was looked at: {error}", err=True)
        return []


def entries_of(session: Session, names: tuple[str, ...]) -> Iterator[Entry]:
    """Also of what git has forgotten: the journal has not. Raises UsageError."""
    if strange := {*names} - {*session.journal.environments()}:
        session.chosen(tuple(strange))
    if len(names) == 1:
        return session.journal.entries(names[0])
    return (entry for entry in session.journal.entries() if not names or entry.environment in names)


def _told(found: list[Line], output: str) -> list[str]:
    match output:
        case "json":
            return [as_json(line) for line in found]
        case "markdown":
            return markdown(found)
        case _:
            return [text(line, terminal=colours()) for line in found]


def as_json(line: Line) -> str:
    entry = line.entry
    kind, data = dump(entry.event)
    columns = {name: getattr(entry, name) for name in entry.__slots__ if name != "event"}
    struck_by = line.by.seq if line.by else None
    return json.dumps({**columns, "kind": kind, "data": json.loads(data), "struckBy": struck_by})
