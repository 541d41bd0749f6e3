"""Which file of a revision that failed is to be put back, and what is said about it: in the commit, and to be typed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from reconciler.core.steps import PutBack
from reconciler.desired.claims import Operator
from reconciler.desired.committing import Entry
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.texts import find, last_good
from reconciler.errors import Refused
from reconciler.spelling import shown

SHORT = 12  # digits of a commit id that people are shown


@dataclass(frozen=True, slots=True)
class Case:
    """An environment's file as it failed, and what it is to be again: under the same name, whatever that was before."""

    environment: str
    failed: str  # revisions
    good: str
    old: Entry
    source: Entry

    @property
    def new(self) -> Entry:
        return Entry(self.old.path, self.source.blob, self.source.executable)

    def cure(self, tree: Path | None, *, signed: bool = False) -> str:
        """What puts it back by hand: in a work tree, or, where the branch is checked out nowhere, in a clone."""
        there = f"git -C {quote(str(tree))}" if tree else "git"
        good, path = self.good[:SHORT], quote(self.old.path)
        restore = f"{there} restore --source={good} --staged --worktree -- {path}"
        if self.source.path != self.old.path:
            text = quote(f"{good}:{self.source.path}")
            restore = f"{there} show {text} > {quote(str(tree / self.old.path)) if tree else path}"
        message = quote(f"put {self.environment} back as it was at {good}")
        commit = f"{there} commit {'-S ' if signed else ''}-m {message} -- {path}"
        return f"{restore} && {commit}" if tree else f"{restore} && {commit} && git push (in a clone)"


class Place(NamedTuple):
    """A branch, its head, and the branch that is looked at now."""

    branch: str
    head: str
    current: str

    @property
    def reference(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def elsewhere(self) -> str:
        """Nobody expects a commit of ours on a branch that is not looked at, or on one where nothing failed."""
        if self.branch == self.current:
            return ""
        back = f"git switch {quote(self.branch)}, or name it as `branch` under [repository]"
        return f"it failed on branch '{self.branch}', and '{self.current}' is looked at now; type: {back}"


def case(
    repository: Repository,
    environment: str,
    failed: str,
    good: str,
    operator: Operator | None = None,
    heads: Signers | None = None,
) -> Case | str:
    """The case, or why there is none; `operator` and `heads` as for `last_good`. Raises Refused when what it was before
    is not to be had (any more), and InvalidDesired when git cannot be read."""
    old, source = find(repository, failed, environment, operator), find(repository, good, environment, operator)
    if old is None:
        return f"{failed[:SHORT]} has no file that describes '{environment}', so there is nothing to put back"
    if source is None:
        raise Refused(_lost(environment, good))
    source = last_good(repository, environment, source, old, operator, heads)
    if old.entry.content == source.entry.content:
        same = f"is the same at {source.revision[:SHORT]} as at {failed[:SHORT]}"
        return f"{old.entry.path} {same}, so there is nothing to put back"
    return Case(environment, failed, source.revision, old.entry, source.entry)


def _lost(environment: str, good: str) -> str:
    told = f"{good[:SHORT]} has no file (any more) that describes '{environment}', and that is what it was before"
    return f"{told}; in a shallow clone: git fetch --unshallow; else set activeSlot back by hand, and commit"


def message(act: PutBack, case: Case, seal: str) -> str:
    """Of the commit. What others wrote stays in paragraphs of its own and on lines that begin with a word of ours or
    with spaces, so that it can be no trailer."""
    good, failed = case.good[:SHORT], case.failed[:SHORT]
    subject = one_line(act.subject)[:200] or f"{case.environment}: put back as it was at {good}"
    source = "" if case.source.path == case.old.path else f" (as {case.source.path})"
    done = f"{case.old.path} is again as it was at {good}{source}. It failed as it was at {failed}."
    trailers = {
        "Environment": case.environment,
        "Transition": act.transition,
        "Failed": case.failed,
        "Restores": case.good,
        "Evidence": seal,
    }
    lines = "\n".join(f"Reconciler-{name}: {one_line(value)}" for name, value in trailers.items())
    why = textwrap.fill(f"Why: {one_line(act.reason) or 'no reason was given'}", 72, subsequent_indent="  ")
    return f"{subject}\n\n{done}\n\n{why}\n\n{lines}\n"


def made(git: Plumbing, head: str, found: Case, transition: str) -> str:
    """The commit of ours that gave the file its present text; empty when it was somebody else's. Whoever made it may
    not have lived to know it."""
    last = git.ask("rev-list", "-1", head, "--", found.old.path)
    text = git.run("cat-file", "commit", last).out.decode("utf-8", "replace")
    return last if tells(text, transition) else ""


def tells(message: str, transition: str) -> bool:
    """Is it the message of the commit that put the file of this very transition back?"""
    trailers = message.rstrip("\n").rpartition("\n\n")[2].split("\n")
    return f"Reconciler-Transition: {one_line(transition)}" in trailers


def one_line(text: str) -> str:
    return shown(" ".join(text.split()))
