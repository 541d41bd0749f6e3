"""What the reconciler writes into the user's repository, and how git stands to what failed. It disturbs nobody.

Every ending of a rollback is a row of docs/git.md; why it is done this way is decision 017.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.core.reading import GitReading
from reconciler.core.steps import Note, PutBack
from reconciler.desired import notes
from reconciler.desired.claims import Operator
from reconciler.desired.committing import Committer
from reconciler.desired.lock_files import locked
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.put_back import SHORT, Case, Place, case, made, message
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers, head_signers
from reconciler.desired.texts import asked_at, entry, still_asks
from reconciler.desired.vouching import Vouching
from reconciler.desired.work_trees import WorkTree, work_trees
from reconciler.errors import InvalidDesired, ReconcilerError, Refused, Unreachable

FRESH = 5.0  # seconds for which a look at an unchanged repository is good: files may change where no mark shows it


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look, and what it rests on."""

    question: tuple[str, ...]
    mark: object
    at: float
    reading: GitReading | None


class Writing:
    """Of all environments of one repository. Safe to share among threads: one of them writes at a time, and reading
    waits for none. `identity`: `Name <mail>` of the commits; `signing_key`: an SSH private key to sign them with;
    `heads`: only what one of them has signed is accepted, so without a key that they know there are notes only.
    `operator`: whom a text that is put back must suit."""

    def __init__(
        self,
        repository: Repository,
        identity: str,
        signing_key: Path | None = None,
        clock: Clock = SYSTEM,
        *,
        heads: Signers | None = None,
        operator: Operator | None = None,
    ) -> None:
        self._repository, self._operator, self._heads = repository, operator, heads
        self._vouching = Vouching(heads, signing_key, clock)
        self._committer = Committer(identity, signing_key)
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._cases: dict[str, tuple[tuple[str, str], Case]] = {}  # by what was asked: the good text may be a later one

    # ---- writing -----------------------------------------------------------------------------------------------------

    def put_back(self, environment: str, act: PutBack, seal: str) -> str:
        """The commit that makes the environment's file what it was at `act.good`. Raises Conflict when the branch has
        moved meanwhile, Refused with the reason, or with what is in the way and what to type, Unreachable when git
        does not answer. Done twice is done once."""
        with self._lock, _answering():
            git, place = self._repository.plumbing(), self._place(act.branch)
            found = self._case(environment, act.failed, act.good)
            if place is None:
                raise Refused(f"branch '{act.branch}', on which it failed, is gone; there is nothing to put back")
            if isinstance(found, str):
                raise Refused(found)
            if entry(self._repository, place.head, found.old.path) != found.old:
                return self._done_before(git, place.head, act, found)
            reference = _resolved(git, place.reference)
            trees = work_trees(git, reference)
            if obstacle := self._obstacle(git, place, reference, trees, found):
                raise Refused(obstacle)
            commit = self._committer.commit(git, place.head, found.new, message(act, found, seal), signed=True)
            self._move(git, place, reference, trees, found, commit)
            return commit

    def note(self, environment: str, act: Note, seal: str) -> None:
        """Write, or write anew, what is noted of this environment at the commit that asked for what was in force at
        `act.revision`; other sections and other people's notes stay. Raises as `put_back`. `seal`: `JOURNAL NUMBER
        DIGEST` of the entry that it rests on."""
        with self._lock, _answering():
            git = self._repository.plumbing()
            if obstacle := locked((git.common / f"{notes.REFERENCE}.lock",), self._clock):
                raise Refused(f"nothing can be noted: {obstacle}")
            text = notes.section(environment, act.text, act.transition, seal)
            notes.write(git, self._committer, asked_at(self._repository, environment, act.revision), text)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def reading(self, environment: str, transition: str, failed: str, good: str, branch: str = "") -> GitReading | None:
        """How git stands to what failed, and what keeps its file from being put back; None when there is nothing to
        put back. Never raises; starts no process more often than every five seconds while nothing has moved."""
        question, mark, now = (transition, failed, good, branch), self._mark(), self._clock.monotonic()
        seen = self._seen.get(environment)
        if seen and (seen.question, seen.mark) == (question, mark) and now - seen.at < FRESH:
            return seen.reading
        try:
            found = self._look(environment, transition, failed, good, branch)
        except ReconcilerError:
            found = GitReading(transition, None)
        self._seen[environment] = _Seen(question, mark, now, found)
        return found

    def anchors(self) -> list[notes.Anchor]:
        """Every state of a journal that was ever noted: one that does not know them is cut off, or another one."""
        with _answering():
            return notes.anchors(self._repository.plumbing())

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _look(self, environment: str, transition: str, failed: str, good: str, branch: str) -> GitReading | None:
        place, git = self._place(branch), self._repository.plumbing()
        if place is None:
            return GitReading(transition, False)
        try:
            found = self._case(environment, failed, good)
        except Refused as error:
            asks = still_asks(self._repository, environment, failed, place.head)
            return GitReading(transition, asks, str(error) if asks else "")
        if isinstance(found, str):
            return None
        now = entry(self._repository, place.head, found.old.path)
        if now != found.old:
            commit = made(git, place.head, found, transition) if now == found.new else ""
            return GitReading(transition, False, commit=commit)
        try:
            reference = _resolved(git, place.reference)
            obstacle = self._obstacle(git, place, reference, work_trees(git, reference), found)
        except (Refused, Unreachable) as error:
            obstacle = str(error)
        return GitReading(transition, True, obstacle)

    def _case(self, environment: str, failed: str, good: str) -> Case | str:
        """Revisions do not change: once found, it is not looked for again."""
        known = self._cases.get(environment)
        if known and known[0] == (failed, good):
            return known[1]
        found = case(self._repository, environment, failed, good, self._operator, self._heads)
        if isinstance(found, Case):
            self._cases[environment] = (failed, good), found
        return found

    def _place(self, branch: str) -> Place | None:
        """The branch on which it failed, also when another one is looked at by now; None when it is gone."""
        current, head = self._repository.tip()
        there = head if branch in ("", current) else self._repository.commit_of(branch)
        return Place(branch or current, there, current) if there else None

    def _obstacle(self, git: Plumbing, place: Place, reference: str, trees: list[WorkTree], found: Case) -> str:
        if place.elsewhere:
            return place.elsewhere
        cure = found.cure(next((tree.path for tree in trees), None), signed=True)
        if objection := self._vouching.objection(self._repository, place.head, cure):
            return objection
        told = [locked((git.common / f"{reference}.lock", git.common / "packed-refs.lock"), self._clock)]
        told += [tree.obstacle(found.old, found.new, found.cure(tree.path), self._clock) for tree in trees]
        return next(filter(None, told), "")

    def _done_before(self, git: Plumbing, head: str, act: PutBack, found: Case) -> str:
        """The commit, if it was made and only its maker did not live to know it."""
        now = entry(self._repository, head, found.old.path)
        if now == found.new and (commit := made(git, head, found, act.transition)):
            return commit
        what = "is so already" if now == found.new else "is not as it failed: somebody has changed it since"
        raise Refused(f"{found.old.path} at {head[:SHORT]} {what}; there is nothing to put back")

    def _move(
        self, git: Plumbing, place: Place, reference: str, trees: list[WorkTree], found: Case, commit: str
    ) -> None:
        """Work trees first. A crash in between leaves a file that is put back and staged, not committed: whoever
        commits next takes the good text along, and the next try finds it and moves only the reference. The other way
        round, it would leave the bad text staged against a branch that is rid of it."""
        moved, before = list[WorkTree](), place.head
        try:
            for tree in trees:
                tree.move(before, commit, found.old.path)
                moved.append(tree)
            self._committer.move(git, reference, commit, before, f"reconciler: put {found.environment} back")
        except (Refused, Unreachable):
            now = self._repository.commit_of(place.branch) or before
            if now == commit:
                return  # git has done it, and only could not say so in time
            if entry(self._repository, now, found.old.path) != found.new:
                self._move_back(moved, found, before, commit)
            raise

    def _move_back(self, trees: list[WorkTree], found: Case, before: str, commit: str) -> None:
        """Unless a commit has taken the good text along meanwhile: what is staged is then what that commit says."""
        for tree in trees:
            try:
                tree.move(commit, before, found.old.path)
            except ReconcilerError:
                continue  # it was changed once more; the next reading says what is in the way

    def _mark(self) -> object:
        """What shows that somebody was at work, without starting a process."""
        try:
            (branch, head), git = self._repository.tip(), self._repository.plumbing()
            reference = git.common / f"refs/heads/{branch}"
        except InvalidDesired as error:
            return str(error)
        folders = (git.common, *sorted((git.common / "worktrees").glob("*")))
        files = [folder / name for folder in folders for name in ("HEAD", "index", "index.lock", "")]
        return head, *map(_state, (*files, reference.with_name(reference.name + ".lock")))


def writing_of(repository: Repository, configuration: Configuration, clock: Clock = SYSTEM) -> Writing:
    """As the operator's file has it: a commit of ours must be signed where only signed ones count."""
    wanted = configuration.repository
    key, heads = configuration.signing_key_path, head_signers(configuration)
    return Writing(repository, wanted.author, key, clock, heads=heads, operator=configuration)


def _resolved(git: Plumbing, reference: str) -> str:
    """A branch may be another name for one; what is checked out goes by the real one."""
    found = git.run("symbolic-ref", "--quiet", reference)
    return found.text if found.status == 0 else reference


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def _answering() -> Iterator[None]:
    """A repository that cannot be read is one that does not answer: nobody knows what is there."""
    try:
        yield
    except InvalidDesired as error:
        raise Unreachable(str(error)) from error
