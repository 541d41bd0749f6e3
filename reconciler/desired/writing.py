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
from reconciler.desired.committing import Committer
from reconciler.desired.lock_files import locked
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.put_back import SHORT, Case, case, entry, message, tells
from reconciler.desired.repository import Repository
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
    `must_sign`: an unsigned head would not be accepted, so without a key there are notes only."""

    def __init__(
        self,
        repository: Repository,
        identity: str,
        signing_key: Path | None = None,
        clock: Clock = SYSTEM,
        *,
        must_sign: bool = False,
    ) -> None:
        self._repository = repository
        self._unable = must_sign and signing_key is None
        self._committer = Committer(identity, signing_key)
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._cases: dict[str, Case] = {}

    # ---- writing -----------------------------------------------------------------------------------------------------

    def put_back(self, environment: str, act: PutBack, seal: str) -> str:
        """The commit that makes the environment's file what it was at `act.good`. Raises Conflict when the branch has
        moved meanwhile, Refused with the reason, or with what is in the way and what to type, Unreachable when git
        does not answer. Done twice is done once."""
        with self._lock, _answering():
            git, head = self._repository.plumbing(), self._repository.head()
            found = self._case(environment, act.failed, act.good)
            if isinstance(found, str):
                raise Refused(found)
            if entry(self._repository, head, found.old.path) != found.old:
                return self._done_before(git, head, act, found)
            reference = _resolved(git, self._repository.reference())
            trees = work_trees(git, reference)
            if obstacle := self._obstacle(git, reference, trees, found):
                raise Refused(obstacle)
            commit = self._committer.commit(git, head, found.new, message(act, found, seal), signed=True)
            self._move(git, reference, trees, found, head, commit)
            return commit

    def note(self, environment: str, act: Note, seal: str) -> None:
        """Write, or write anew, what is noted of this environment at `act.revision`; other sections and other people's
        notes stay. Raises as `put_back`. `seal`: `JOURNAL NUMBER DIGEST` of the entry that it rests on."""
        with self._lock, _answering():
            text = notes.section(environment, act.text, act.transition, seal)
            notes.write(self._repository.plumbing(), self._committer, act.revision, text)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def reading(self, environment: str, transition: str, failed: str, good: str) -> GitReading | None:
        """How git stands to what failed, and what keeps its file from being put back; None when there is nothing to
        put back. Never raises; starts no process more often than every five seconds while nothing has moved."""
        question, mark, now = (transition, failed, good), self._mark(), self._clock.monotonic()
        seen = self._seen.get(environment)
        if seen and (seen.question, seen.mark) == (question, mark) and now - seen.at < FRESH:
            return seen.reading
        try:
            found = self._look(environment, transition, failed, good)
        except ReconcilerError:
            found = GitReading(transition, None)
        self._seen[environment] = _Seen(question, mark, now, found)
        return found

    def anchors(self) -> list[notes.Anchor]:
        """Every state of a journal that was ever noted: one that does not know them is cut off, or another one."""
        with _answering():
            return notes.anchors(self._repository.plumbing())

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _look(self, environment: str, transition: str, failed: str, good: str) -> GitReading | None:
        head = self._repository.head()
        found = self._case(environment, failed, good)
        if isinstance(found, str):
            return None
        if entry(self._repository, head, found.old.path) != found.old:
            return GitReading(transition, False)
        try:
            git = self._repository.plumbing()
            reference = _resolved(git, self._repository.reference())
            obstacle = self._obstacle(git, reference, work_trees(git, reference), found)
        except (Refused, Unreachable) as error:
            obstacle = str(error)
        return GitReading(transition, True, obstacle)

    def _case(self, environment: str, failed: str, good: str) -> Case | str:
        """Revisions do not change: once found, it is not looked for again."""
        known = self._cases.get(environment)
        if known and (known.failed, known.good) == (failed, good):
            return known
        found = case(self._repository, environment, failed, good)
        if isinstance(found, Case):
            self._cases[environment] = found
        return found

    def _obstacle(self, git: Plumbing, reference: str, trees: list[WorkTree], found: Case) -> str:
        if self._unable:
            cure = found.cure(next((tree.path for tree in trees), None), signed=True)
            return f"the head has to be signed, and [repository.signing] names no key of the reconciler's; type: {cure}"
        told = [locked((git.common / f"{reference}.lock", git.common / "packed-refs.lock"), self._clock)]
        told += [tree.obstacle(found.old, found.new, found.cure(tree.path), self._clock) for tree in trees]
        return next(filter(None, told), "")

    def _done_before(self, git: Plumbing, head: str, act: PutBack, found: Case) -> str:
        """The commit, if it was made and only its maker did not live to know it."""
        now = entry(self._repository, head, found.old.path)
        if now == found.new:
            last = git.ask("rev-list", "-1", head, "--", found.old.path)
            text = git.run("cat-file", "commit", last).out.decode("utf-8", "replace")
            if tells(text, act):
                return last
        what = "is so already" if now == found.new else "is not as it failed: somebody has changed it since"
        raise Refused(f"{found.old.path} at {head[:SHORT]} {what}; there is nothing to put back")

    def _move(
        self, git: Plumbing, reference: str, trees: list[WorkTree], found: Case, before: str, commit: str
    ) -> None:
        """Work trees first. A crash in between leaves a file that is put back and staged, not committed: whoever
        commits next takes the good text along, and the next try finds it and moves only the reference. The other way
        round, it would leave the bad text staged against a branch that is rid of it."""
        moved: list[WorkTree] = []
        try:
            for tree in trees:
                tree.move(before, commit, found.old.path)
                moved.append(tree)
            self._committer.move(git, reference, commit, before, f"reconciler: put {found.environment} back")
        except (Refused, Unreachable):
            if self._repository.head() == commit:
                return  # git has done it, and only could not say so in time
            self._move_back(moved, found, before, commit)
            raise

    def _move_back(self, trees: list[WorkTree], found: Case, before: str, commit: str) -> None:
        """Unless a commit has taken the good text along meanwhile: what is staged is then what that commit says."""
        if entry(self._repository, self._repository.head(), found.old.path) == found.new:
            return
        for tree in trees:
            try:
                tree.move(commit, before, found.old.path)
            except ReconcilerError:
                continue  # it was changed once more; the next reading says what is in the way

    def _mark(self) -> object:
        """What shows that somebody was at work, without starting a process."""
        try:
            head, git = self._repository.head(), self._repository.plumbing()
            reference = git.common / self._repository.reference()
        except InvalidDesired as error:
            return str(error)
        folders = (git.common, *sorted((git.common / "worktrees").glob("*")))
        files = [folder / name for folder in folders for name in ("HEAD", "index", "index.lock", "")]
        return head, *map(_state, (*files, reference.with_name(reference.name + ".lock")))


def writing_of(repository: Repository, configuration: Configuration, clock: Clock = SYSTEM) -> Writing:
    """As the operator's file has it: a commit of ours must be signed where only signed ones count."""
    wanted = configuration.repository
    signed = wanted.verify.mode == "head"
    return Writing(repository, wanted.author, configuration.signing_key_path, clock, must_sign=signed)


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
