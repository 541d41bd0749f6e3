"""What `switch` and `pin` do: change one value of a manifest, show what would follow, ask, and commit that file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli.ask import NOBODY
from reconciler.cli.layout import paint, say
from reconciler.cli.once import Report, report
from reconciler.configuration import Configuration, load
from reconciler.core.conditions import BLOCKED
from reconciler.core.model import Spec
from reconciler.desired.manifest import Invalid, Manifest
from reconciler.desired.own_commit import OwnFile, own_tree
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import head_signers
from reconciler.desired.snapshot import Desires
from reconciler.desired.uncommitted import edited
from reconciler.errors import InvalidDesired, ReconcilerError, UsageError
from reconciler.session import Session
from reconciler.spelling import unknown

DECLINED = 1
IN_VAIN = ("StablePinned", "RevisionHeld")  # what a commit does not get past, however long one waits


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
        click.option("--force", is_flag=True, help="Also where nothing can be done with it."),
    ):
        command = option(command)
    return command


def order(
    config: str | None, change: Change, *, message: str | None, yes: bool, no_commit: bool, force: bool = False
) -> int:
    """Returns the exit code: 3 where nothing could be done with it, unless it is forced. Nothing is written before the
    answer is yes. Raises UsageError, Refused, ..., and nothing is left of it."""
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
        asked = _Order(operator, mine, change, after, message or change.message)
        found, attended = asked.preview(config)
        if not force and (why := in_vain(found)):
            click.echo(f"nothing was changed: {why}; to do it all the same: --force", err=True)
            return BLOCKED
        if no_commit:
            asked.leave()
        elif _agreed(change, yes):
            asked.commit(found.spec, attended)
        else:
            say(f"nothing was committed; {mine.path} is as it was")
            return DECLINED
        return 0
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


def in_vain(found: Report) -> str:
    """Why what the manifest would ask for is refused or held; empty when it is neither."""
    end = found.road.end if found.road else None
    return f"{end.reason}: {end.message}" if end and end.reason in IN_VAIN else ""


def _agreed(change: Change, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here, so nothing was changed: look at what is shown, then add --yes")
    return click.confirm(f"commit it: {change.message}?", err=True)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be committed: `after` is the file's new text."""

    operator: Configuration
    mine: OwnFile
    change: Change
    after: bytes
    message: str

    def preview(self, config: str | None) -> tuple[Report, bool]:
        """Show what would follow if exactly this were committed; that, and whether a loop would hear it. Raises
        InvalidDesired when it cannot be used at all."""
        name, path, after = self.change.environment, self.mine.path, self.after
        with Session.open(config, read_only=True, present=lambda own: edited(own, path, after)) as session:
            session.refuse_elsewhere(f"type it there; or edit {path} here, commit it, and push")
            found = session.desires.look().environments.get(name)
            if isinstance(found, Invalid):
                raise InvalidDesired(*found.problems)
            assert isinstance(found, Manifest)
            told = report(session, name)
            first, *rest = told.lines()
            say(f"{first}, if {paint(self.change.what, bold=True)}", *rest)
            return told, session.journal.attended()

    def leave(self) -> None:
        """Changed, and not committed."""
        with self.mine.written(self.after):
            typed = self.mine.typed(self.message, sign=self.signed)
        say(f"{self.mine.path} is changed and not committed; commit it with: {typed}")

    def commit(self, spec: Spec | None, attended: bool) -> None:
        with self.mine.written(self.after):
            commit = self.mine.commit(self.message, sign=self.signed)
        name, branch = self.change.environment, self.mine.repository.tip()[0]
        follow = f"follow with: reconcile status {name} --watch"
        say(f"{name}: {self.change.what} ({commit[:12]} on {branch}); {follow}")
        if told := self.mine.settled():
            say(told)
        if spec and spec.approvals and spec.approvals.before:
            stages = ", ".join(map(str, spec.approvals.before))
            say(f"it waits for approval before: {stages}; then: reconcile approve {name}")
        for trouble in (self._unused(), "" if attended else NOBODY):
            if trouble:
                click.echo(f"but {trouble}", err=True)

    @property
    def signed(self) -> bool:
        """Does the head have to be?"""
        return self.operator.repository.verify.mode == "head"

    def _unused(self) -> str:
        """Why the loop will not use what was committed; empty when it will."""
        return Desires(self.mine.repository, self.operator, head_signers(self.operator)).look().unverified
