"""`reconcile status`: where every environment stands, why, and what to type next. One screen."""

from __future__ import annotations

import json
import re
import threading

import click

from reconciler.cli.exit_codes import worst
from reconciler.cli.layout import on_terminal, redraw, say
from reconciler.cli.look import Look, as_json, lines, look
from reconciler.core.conditions import BLOCKED, ERROR, IN_SYNC, ROLLED_BACK
from reconciler.core.events import Phase
from reconciler.desired.taken_back import last_typed
from reconciler.errors import UsageError
from reconciler.session import Session

FULL = re.compile(r"[0-9a-f]{40}")
LOOK, WATCH = 0.25, 1.0  # seconds between two looks: when waiting, and when watching


@click.command("status")
@click.argument("environment", nargs=-1)
@click.option("--watch", is_flag=True, help="Go on looking, until Ctrl-C.")
@click.option("--wait", "wait_", is_flag=True, help="Until the revision's outcome is known; the exit code tells it.")
@click.option("--revision", metavar="SHA", help="With --wait: this revision (default: the last that was typed).")
@click.option("--timeout", default=600.0, show_default=True, help="With --wait: seconds; then exit 1.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(
    config: str | None,
    environment: tuple[str, ...],
    watch: bool,
    wait_: bool,
    revision: str | None,
    timeout: float,
    output: str,
) -> int:
    """Where every environment stands, why, and what to type next. Reads only.

    Exit codes: 0 in sync, 1 error, 2 in motion or about to move, 3 waits for a person, 4 rolled back or aborted.
    """
    if revision and not wait_:
        raise UsageError("--revision says what to wait for: add --wait")
    with Session.open(config, read_only=True) as session:
        if session.chosen(environment):
            session.refuse_elsewhere("type it there, or name its file: reconcile --config FILE status")
        if wait_:
            return _wait(session, environment, revision, timeout, output)
        if watch:
            return _watch(session, environment, output)
        looks = _looks(session, environment)
        say(*told(looks, output))
        return worst(found.exit_code for found in looks)


def _looks(session: Session, environment: tuple[str, ...]) -> list[Look]:
    """The environments that were asked for. What has left git and was stopped is told only when it is named."""
    found = [look(session, name) for name in session.chosen(environment)]
    listed = session.desires.look().environments
    return [one for one in found if environment or one.name in listed or one.reason != "Down"]


def told(looks: list[Look], output: str) -> list[str]:
    if output == "json":
        return [json.dumps({"environments": [as_json(found) for found in looks]}, default=str)]
    if not looks:
        return ["no environments yet: reconcile init writes a first one"]
    return [line for found in looks for line in lines(found)]


def _watch(session: Session, environment: tuple[str, ...], output: str) -> int:
    """On a terminal the picture stays where it is; in a pipe there is a new one whenever something changed."""
    before: list[str] = []
    try:
        if drawing := on_terminal() and output == "text":
            click.clear()
        while True:
            now = told(_looks(session, environment), output)
            if drawing:
                redraw(now)
            elif now != before:
                say(*now)
            before = now
            threading.Event().wait(WATCH)
    except KeyboardInterrupt:
        return IN_SYNC


def _wait(session: Session, environment: tuple[str, ...], revision: str | None, timeout: float, output: str) -> int:
    """Until every chosen environment has an outcome for the revision, or the time is over (exit 1)."""
    deadline = session.clock.monotonic() + timeout
    wanted = _full(session, environment, revision)
    while True:
        looks = _looks(session, environment)
        overtaken = _overtaken(session, wanted)
        codes = [outcome(found, wanted, overtaken=overtaken, failed=failed(session, found, wanted)) for found in looks]
        known = [code for code in codes if code is not None]
        if len(known) == len(codes):
            say(*told(looks, output))
            return worst(known)
        if session.clock.monotonic() > deadline:
            say(*told(looks, output))
            click.echo(f"error: {wanted[:12]} has no outcome after {timeout:g} s", err=True)
            return ERROR
        threading.Event().wait(LOOK)


def _full(session: Session, environment: tuple[str, ...], revision: str | None) -> str:
    """The full id of what to wait for: without any, the head as somebody typed it. Where commits of ours lie on top of
    that by now, it is the first below them. Raises UsageError for one that cannot be known here."""
    head = session.repository.head()
    if revision is None or revision == "HEAD":
        return last_typed(session.repository, head)
    if len(revision) >= 4 and head.startswith(revision):
        return head
    if not FULL.fullmatch(revision):
        ended = (session.state(name).last for name in session.chosen(environment))
        found = next((last.revision for last in ended if last and last.revision.startswith(revision)), None)
        if found is None:
            raise UsageError(f"--revision '{revision}': expected a full commit id, or the beginning of {head}")
        return found
    if not session.repository.descends(head, revision):
        raise UsageError(f"--revision {revision} is not in the history of the branch, whose head is {head}")
    return revision


def _overtaken(session: Session, revision: str) -> bool:
    """Is the head a later commit? It holds this one, so its outcome is this one's."""
    head = session.repository.head()
    return head != revision and session.repository.descends(head, revision)


def failed(session: Session, found: Look, revision: str) -> bool:
    """Did what `revision` asks for fail here last? It may hold the commit that asked for it first, or be held by one
    that asked for the same again. What had become stable after `revision` has nothing to do with it."""
    last, stable = found.state.last, found.state.stable
    if found.state.transition or last is None or last.phase is Phase.SUCCEEDED:
        return False
    since = (found.state.since[stable.slot] if stable else None) or ""
    descends, held = session.repository.descends, found.state.is_held(last.newcomer.version)
    related = descends(last.revision, revision) or (held and descends(revision, last.revision))
    if not related or descends(since, revision):
        return False
    asked = session.desires.at(revision, found.name)
    return asked is not None and asked.spec.target == last.newcomer


def outcome(found: Look, revision: str, *, overtaken: bool = False, failed: bool = False) -> int | None:
    """What became of `revision` here; None while it is still open."""
    if found.status is None:
        return ERROR
    last = found.state.last
    itself = last is not None and last.revision == revision and last.phase is not Phase.SUCCEEDED
    if failed or (itself and found.state.transition is None):
        return ROLLED_BACK
    if found.status.revision != revision and not overtaken:
        return None
    if found.state.transition:  # a person is waited for: nothing will change by waiting on
        return BLOCKED if found.exit_code == BLOCKED else None
    if found.status.reason == "InSync":
        return IN_SYNC
    return found.exit_code if found.exit_code in (BLOCKED, ROLLED_BACK) else None
