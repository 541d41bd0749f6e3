"""`reconcile approve`: review what would be done, and agree to exactly that."""

from __future__ import annotations

import sys

import click

from reconciler.cli.ask import NOBODY
from reconciler.cli.layout import say
from reconciler.cli.review import Review, question, review
from reconciler.desired.vote_text import compose
from reconciler.desired.voting import tag_command, vote
from reconciler.errors import UsageError
from reconciler.session import Session

STAGES = click.Choice(["preflight", "migrate", "shift", "handOver", "finalise"])


@click.command("approve")
@click.argument("environment")
@click.option("--stage", type=STAGES, help="Refuse when another stage waits by now.")
@click.option("--reason", "-m", default="", help="What you looked at; stands beside your name.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask again after the review.")
@click.option("--tag", is_flag=True, help="Vote nothing here: print the tag to sign and push from your own clone.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(
    config: str | None, environment: str, stage: str | None, reason: str, yes: bool, tag: bool, output: str
) -> int:
    """Review the stage that waits, and approve exactly what was shown. What is put into git is a commit of yours on a
    branch of its own; where the manifest names approvers it is signed with your key."""
    return cast_vote(config, environment, stage, reason, "approve", yes=yes, tag=tag, output=output)


def cast_vote(
    config: str | None,
    environment: str,
    stage: str | None,
    reason: str,
    verdict: str,
    *,
    yes: bool,
    tag: bool,
    output: str,
) -> int:
    """Show the review, ask, and put the vote into git. Raises UsageError when nothing waits, or nobody can be asked."""
    with Session.open(config, read_only=True) as session:
        found = review(session, environment, stage)
        text = compose(environment, found.asked.stage, found.asked.plan, verdict, reason)
        say(*found.text(output))
        if tag:
            say(tag_command(text))
            return 0
        _agreed(f"{verdict} {found.asked.stage} of {environment}?", yes)
        _unchanged(session, found)
        commit = vote(session.repository, text, sign=found.policy.signed)
    _told(config, environment, found, verdict, commit)
    return 0


def _agreed(prompt: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: review what is shown, then add --yes")
    if not click.confirm(prompt, err=True):
        raise click.exceptions.Abort


def _unchanged(session: Session, found: Review) -> None:
    """While somebody read, the world went on. Raises UsageError when it is another question by now."""
    _, asked = question(session.state(found.report.name), found.report.name, str(found.asked.stage))
    if asked.plan != found.asked.plan:
        raise UsageError(f"{found.report.name}: what would be done has changed while it was reviewed; review it again")


def _told(config: str | None, environment: str, found: Review, verdict: str, commit: str) -> None:
    done = "approved" if verdict == "approve" else "rejected"
    follow = f"follow with: reconcile status {environment} --watch"
    say(f"{environment}: {found.asked.stage} {done} ({commit[:12]}); {follow}")
    with Session.open(config) as session:
        session.journal.wake(environment)
        if not session.journal.attended():
            click.echo(f"but {NOBODY}", err=True)
