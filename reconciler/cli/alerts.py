"""`reconcile alerts`: who is told what, how far, and whether it arrives. No address is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import click

from reconciler.alerts import position
from reconciler.alerts.addresses import refuse_misread
from reconciler.alerts.bell import FOLDER
from reconciler.alerts.events import Mark
from reconciler.alerts.news import News
from reconciler.alerts.position import Position
from reconciler.alerts.stalls import Stalls
from reconciler.cli.layout import say, table
from reconciler.core.conditions import ERROR, IN_SYNC
from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.errors import UsageError
from reconciler.session import Session
from reconciler.spelling import unknown

NONE = "nobody is told anything: add [alerts.NAME] with a url to"


@click.command("alerts")
@click.option("--test", metavar="NAME", help="Send this one a message now, and say whether it was taken.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, test: str | None, output: str) -> int:
    """Who is told what, what was sent last, what is pending, and what went wrong. Reads only, but for --test.

    Exit codes: 0 when nothing is wrong, 1 when an alert could not be delivered.
    """
    with Session.open(config, read_only=True) as session:
        recipients = session.configuration.recipients
        refuse_misread(session.configuration)
        if test is not None:
            return _try(recipients, test, output)
        standings = [_standing(session, name, found) for name, found in recipients.items()]
    if output == "json":
        say(json.dumps({"alerts": [asdict(standing) for standing in standings]}))
    else:
        say(*(_lines(standings) if standings else [f"{NONE} {session.configuration.file or 'reconciler.toml'}"]))
    return ERROR if any(standing.failure for standing in standings) else IN_SYNC


@dataclass(frozen=True, slots=True)
class Standing:
    """How one recipient stands; `pending` is None where the loop has not begun with it."""

    name: str
    on: tuple[str, ...]
    environments: tuple[str, ...]
    sent: str
    sent_at: str
    pending: int | None
    failure: str
    failed_at: str


def _standing(session: Session, name: str, recipient: Recipient) -> Standing:
    folder = session.configuration.state_dir / FOLDER
    found = position.read(position.file(folder, name), session.journal.id)
    told = found or Position("", Mark())
    kinds = tuple(str(kind) for kind in recipient.on)
    pending = _pending(session, recipient, found.mark) if found else None
    return Standing(name, kinds, recipient.environments, told.sent, told.sent_at, pending, told.failure, told.failed_at)


def _pending(session: Session, recipient: Recipient, mark: Mark) -> int:
    stalls = Stalls(session.configuration.state_dir / FOLDER, session.clock)
    stalls.load(session.journal.id)
    found = News(session.journal).after(mark, session.journal.head(), stalls.kept)
    return sum(recipient.wants(alert.kind, alert.environment) for alert in found)


def _lines(standings: list[Standing]) -> list[str]:
    headings = ("name", "on", "environments", "pending", "sent last", "failure")
    return table(headings, (_row(standing) for standing in standings))


def _row(s: Standing) -> tuple[str, ...]:
    on = "everything" if len(s.on) == len(Kind) else ", ".join(s.on)
    sent = f"{s.sent_at[:19]}Z {s.sent}" if s.sent else "nothing yet"
    failure = f"{s.failed_at[:19]}Z {s.failure}" if s.failure else ""
    return s.name, on, ", ".join(s.environments), "?" if s.pending is None else str(s.pending), sent, failure


def _try(recipients: dict[str, Recipient], name: str, output: str) -> int:
    """Raises UsageError for a name that nobody has, ReconcilerError when the message was not taken."""
    if name not in recipients:
        raise UsageError(unknown("alert", name, recipients))
    from reconciler.drivers.alerts.send import Sender

    body = "somebody typed: reconcile alerts --test\nnext: nothing to do; alerts arrive here"
    Sender(recipients[name]).send("reconcile: this is a test", body, Kind.SUCCEEDED)
    say(json.dumps({"name": name, "sent": True}) if output == "json" else f"{name}: taken; see whether it arrived")
    return IN_SYNC
