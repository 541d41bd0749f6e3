"""`reconcile approve`: review what would be done, and agree to exactly that."""

from __future__ import annotations

import sys
import threading

import click

from reconciler.cli.ask import NOBODY
from reconciler.cli.layout import say
from reconciler.cli.review import Review, question, review, standing
from reconciler.core.events import Phase
from reconciler.core.state import Question, State
from reconciler.desired.vote_text import compose
from reconciler.desired.voting import tag_command, vote
from reconciler.errors import UsageError
from reconciler.session import Session

LOOK, PATIENCE = 0.1, 2.0  # seconds between two looks for what became of a no, and how long
STAGES = click.Choice(["preflight", "migrate", "shift", "handOver", "finalise"])


def ballot(verdict: str, help_text: str, why: str, *, must_say: bool = False) -> click.Command:
    """A command that reviews the stage that waits, and votes on it. `must_say`: not without a reason."""

    @click.command(verdict, help=help_text)
    @click.argument("environment")
    @click.option("--stage", type=STAGES, help="Refuse when another stage waits by now.")
    @click.option("--reason", "-m", default="", help=why)
    @click.option("--yes", "-y", is_flag=True, help="Do not ask again after the review.")
    @click.option("--tag", is_flag=True, help="Vote nothing here: print the tag to sign and push from your own clone.")
    @click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
    @click.pass_obj
    def command(
        config: str | None, environment: str, stage: str | None, reason: str, yes: bool, tag: bool, output: str
    ) -> int:
        if must_say and not reason.strip():
            raise UsageError(f"{verdict} needs its reason: -m WHY")
        return cast_vote(config, environment, stage, reason, verdict, yes=yes, tag=tag, output=output)

    return command


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
        told = standing(session, found, commit)
    done = "approval" if verdict == "approve" else "rejection"
    say(f"{environment}: your {done} of {found.asked.stage} is in git ({commit[:12]})")
    say(f"{told}; follow with: reconcile status {environment} --watch")
    _wake(config, environment, found, verdict)
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


def _wake(config: str | None, environment: str, found: Review, verdict: str) -> None:
    """Let the loop know, and say what stands in the way."""
    with Session.open(config) as session:
        session.journal.wake(environment)
        if not session.journal.attended():
            click.echo(f"but {NOBODY}", err=True)
        elif verdict == "reject" and (told := _heard(session, environment, found)):
            click.echo(f"but {told}", err=True)


def _heard(session: Session, environment: str, found: Review) -> str:
    """What became of a no, as soon as the loop has looked; it may be a moment late."""
    deadline = session.clock.monotonic() + PATIENCE
    while True:
        state = session.state(environment)
        told = too_late(state, environment, found.transition.id, found.asked)
        if told is not None or session.clock.monotonic() > deadline:
            return told or ""
        threading.Event().wait(LOOK)


def too_late(state: State, environment: str, transition: str, asked: Question) -> str | None:
    """Why a no stops nothing any more; empty when it was heard; None while the question stands."""
    t, last = state.transition, state.last
    if t is None or t.id != transition:
        ended = last if last and last.transition == transition else None
        if ended is None or ended.phase is not Phase.SUCCEEDED:
            return ""
        return f"it came too late: the transition has succeeded; to go back: reconcile rollback {environment}"
    if t.going_back or t.holding_since is not None:
        return ""
    if t.asked and (t.asked.stage, t.asked.plan) == (asked.stage, asked.plan):
        return None
    if asked.stage in t.admitted:
        return f"it came too late: {asked.stage} had been approved; to go back: reconcile abort {environment} -m WHY"
    return f"what would be done has changed meanwhile; if it is asked again: reconcile reject {environment} -m WHY"


command = ballot(
    "approve",
    "Review the stage that waits, and approve exactly what was shown. What is put into git is a commit of yours on a"
    " branch of its own; where the manifest names approvers it is signed with your key.",
    "What you looked at; stands beside your name.",
)
