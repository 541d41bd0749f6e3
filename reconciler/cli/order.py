"""What `switch` and `pin` do: change one value of a manifest, show what would follow, ask, and commit that file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli.ask import NOBODY
from reconciler.cli.layout import paint, say
from reconciler.cli.once import report
from reconciler.configuration import Configuration, load
from reconciler.core.model import Spec
from reconciler.desired.manifest import Invalid, Manifest
from reconciler.desired.own_commit import OwnFile, own_tree
from reconciler.desired.repository import Repository
from reconciler.desired.snapshot import Desires
from reconciler.desired.uncommitted import edited
from reconciler.errors import InvalidDesired, ReconcilerError, UsageError
from reconciler.session import Session
from reconciler.spelling import unknown

DECLINED = 1


@dataclass(frozen=True, slots=True)
class Change:
    """One value of one environment's manifest. `edit`: from the text and the file's name to the new text."""

    environment: str
    what: str  # in words, such as: the active slot is green
    message: str  # of the commit, where nobody gives another
    edit: Callable[[bytes, str], bytes]


def options(command: Callable[..., int]) -> Callable[..., int]:
    """Those that both commands have."""
    for option in (
        click.option("--no-commit", is_flag=True, help="Only change the file; you commit it yourself."),
        click.option("--yes", "-y", is_flag=True, help="Do not ask after the preview."),
        click.option("--message", "-m", help="Of the commit."),
    ):
        command = option(command)
    return command


def order(config: str | None, change: Change, *, message: str | None, yes: bool, no_commit: bool) -> int:
    """Returns the exit code. Nothing is written before the answer is yes. Raises UsageError, Refused, ..., and nothing
    is left of it."""
    if message is not None and not message.strip():
        raise UsageError("-m is empty, expected why; without it the commit says what was changed")
    operator = load(Path(config) if config else None)
    repository = Repository(operator.repository_path, operator.repository.branch)
    try:
        own_tree(repository)
        mine = OwnFile.of(repository, _file(repository, operator, change.environment))
        after = change.edit(mine.before, mine.path)
        if after == mine.before:
            say(f"{change.environment}: {change.what} already; there is nothing to commit")
            return 0
        spec, attended = _previewed(config, change, mine, after)
        if no_commit:
            return _left(mine, change, after, message, operator)
        if not _agreed(change, yes):
            say(f"nothing was committed; {mine.path} is as it was")
            return DECLINED
        return _committed(mine, change, after, message, operator, spec, attended)
    finally:
        repository.close()


def _file(repository: Repository, operator: Configuration, environment: str) -> str:
    """Raises UsageError for an environment that has no manifest at the head."""
    head = Desires(repository, operator).look()
    if head.problem:
        raise ReconcilerError(head.problem)
    found = head.environments.get(environment)
    if found is None:
        raise UsageError(unknown("environment", environment, head.environments))
    return found.file


def _previewed(config: str | None, change: Change, mine: OwnFile, after: bytes) -> tuple[Spec, bool]:
    """Show what would follow if exactly this were committed. Raises InvalidDesired when it cannot be used at all."""
    with Session.open(config, read_only=True, present=lambda own: edited(own, mine.path, after)) as session:
        found = session.desires.look().environments.get(change.environment)
        if isinstance(found, Invalid):
            raise InvalidDesired(*found.problems)
        assert isinstance(found, Manifest)
        seen = report(session, change.environment)
        first, *rest = seen.lines()
        say(f"{first}, if {paint(change.what, bold=True)}", *rest)
        return found.spec, session.journal.attended()


def _agreed(change: Change, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here, so nothing was changed: look at what is shown, then add --yes")
    return click.confirm(f"commit it: {change.message}?", err=True)


def _left(mine: OwnFile, change: Change, after: bytes, message: str | None, operator: Configuration) -> int:
    with mine.written(after):
        typed = mine.typed(message or change.message, sign=_signed(operator))
    say(f"{mine.path} is changed and not committed; commit it with: {typed}")
    return 0


def _committed(
    mine: OwnFile,
    change: Change,
    after: bytes,
    message: str | None,
    operator: Configuration,
    spec: Spec,
    attended: bool,
) -> int:
    with mine.written(after):
        commit = mine.commit(message or change.message, sign=_signed(operator))
    name = change.environment
    branch = mine.repository.reference().removeprefix("refs/heads/")
    say(f"{name}: {change.what} ({commit[:12]} on {branch}); follow with: reconcile status {name} --watch")
    if spec.approvals and spec.approvals.before:
        stages = ", ".join(map(str, spec.approvals.before))
        say(f"it waits for approval before: {stages}; then: reconcile approve {name}")
    for trouble in (_unused(mine.repository, operator), "" if attended else NOBODY):
        if trouble:
            click.echo(f"but {trouble}", err=True)
    return 0


def _unused(repository: Repository, operator: Configuration) -> str:
    """Why the loop will not use what was committed; empty when it will."""
    from reconciler.desired.signatures import head_signers

    return Desires(repository, operator, head_signers(operator)).look().unverified


def _signed(operator: Configuration) -> bool:
    return operator.repository.verify.mode == "head"
