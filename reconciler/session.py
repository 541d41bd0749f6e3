"""One command's view of everything: the operator's file, git, the journal, a keeper for each environment."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration, load
from reconciler.core.model import Desired
from reconciler.core.reading import Agenda, Closed
from reconciler.core.state import State
from reconciler.desired.beside import Beside
from reconciler.desired.manifest import Manifest
from reconciler.desired.repository import Repository, root_above
from reconciler.desired.signatures import head_signers, signers_of
from reconciler.desired.snapshot import Desires, Present, Snapshot
from reconciler.desired.timetable import agenda
from reconciler.desired.votes import Votes
from reconciler.desired.windows import calendar, shut
from reconciler.desired.writing import writing_of
from reconciler.errors import ReconcilerError, UsageError
from reconciler.evidence.finish import Finisher
from reconciler.evidence.recorder import Nobody, Recorder, Watcher
from reconciler.journal.sqlite import open_journal
from reconciler.journal.store import Journal
from reconciler.loop.keeper import Keeper, no_boundary
from reconciler.spelling import unknown
from reconciler.world import World, open_world

NO_FILE = "(no operator's file was found, so the repository in this folder is meant; begin with: reconcile init)"
LOOKERS = 16  # threads that ask drivers; they wait most of the time


def actor() -> str:
    """Who is at the keyboard, for the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # the last: a service of Windows without USERNAME
        user = "a service" if sys.platform == "win32" else f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class Session:
    """Opened for one command and closed with it. `read_only`: nothing is written, anywhere."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        read_only: bool = False,
        by: str = "",
        branch: str | None = None,
        present: Callable[[Repository], Present] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.configuration, self.read_only, self.clock = configuration, read_only, clock
        followed = None if present else branch or configuration.repository.branch  # None: the one that is checked out
        self.repository = Repository(configuration.repository_path, followed)
        signers = None if present else head_signers(configuration)  # what is not committed cannot be signed
        self.desires = Desires(self.repository, configuration, signers, present and present(self.repository))
        self.journal: Journal = open_journal(configuration.journal_url, read_only=read_only)
        self.votes = Votes(self.repository, signers_of(configuration), clock)
        self.writing = writing_of(self.repository, configuration, clock)
        self._seen = Snapshot("")
        self.boundary: Callable[[str], None] = no_boundary
        self.watched = False  # somebody calls `look` when git moves: a tick need not
        self.alarm: Callable[[str], None] = lambda _name: None
        self._actor = by or actor()
        self._pool = ThreadPoolExecutor(LOOKERS, thread_name_prefix="look")
        self._keepers: dict[str, Keeper] = {}
        self._worlds: dict[str, World] = {}
        self._watchers: dict[str, Watcher] = {}
        self.finisher = Finisher(configuration.journal_url)

    @staticmethod
    @contextmanager
    def open(
        config: str | None,
        *,
        read_only: bool = False,
        by: str = "",
        branch: str | None = None,
        present: Callable[[Repository], Present] | None = None,
    ) -> Iterator[Session]:
        """For a preview, `branch`: another one than the operator's file names; `present`: manifests that are not
        committed yet, on top of the branch that is checked out. Raises InvalidConfiguration or JournalError, each
        naming the place, and what `present` raises."""
        configuration = load(Path(config) if config else None)
        session = Session(configuration, read_only=read_only, by=by, branch=branch, present=present)
        try:
            yield session
        finally:
            session.close()

    def close(self) -> None:
        for keeper in self._keepers.values():
            keeper.close()
        self.finisher.leave()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.desires.close()
        self.journal.close()

    # ---- what there is -----------------------------------------------------------------------------------------------

    def look(self) -> Iterable[str]:
        """Read the branch's head; the environments whose desired state changed since the last look."""
        before, now = self._seen, self.desires.look()
        self._seen = now
        if before is now:
            return ()
        names = {*before.environments, *now.environments}
        changed = {name for name in names if before.environments.get(name) is not now.environments.get(name)}
        same = (before.problem, before.unverified) == (now.problem, now.unverified)
        return changed if same else {*names, *self.journal.environments()}

    def named(self) -> frozenset[str] | None:
        """What git names, as at the latest look; None while the branch cannot be read."""
        seen = self._seen
        return None if seen.problem else frozenset(seen.environments)

    def names(self) -> list[str]:
        """Every environment that git or the journal knows."""
        return sorted({*self.desires.look().environments, *self.journal.environments()})

    def chosen(self, wanted: tuple[str, ...]) -> list[str]:
        """The environments that a command line names; all of them when it names none. Raises UsageError."""
        known = self.names()
        problem = self.desires.look().problem
        if problem and not known:
            lost = self.configuration.file is None and root_above(self.repository.path) is None
            raise ReconcilerError(f"{problem}\n{NO_FILE}" if lost else problem)
        for name in wanted:
            if name not in known:
                raise UsageError(unknown("environment", name, known))
        return list(wanted) or [name for name in known if self._was_ever(name)]

    def _was_ever(self, name: str) -> bool:
        """Not so for what was only ever a mistake in git, and is there no more."""
        return name in self.desires.look().environments or self.state(name).accepted is not None

    def refuse_elsewhere(self, cure: str) -> None:
        """Raises UsageError, with what to do instead, where neither an operator's file nor a journal is: in somebody's
        clone nothing is known of what the reconciler does."""
        if self.configuration.file is None and not self.journal.id:
            here = "this folder has neither an operator's file nor a journal, so it is not known here how things stand"
            raise UsageError(f"{here}; the reconciler works in another folder, or on another machine: {cure}")

    def revision(self, wanted: str | None) -> str:
        """A full commit id: the head's, also by its beginning, or the one given."""
        head = self.repository.head()
        return wanted if wanted and not head.startswith(wanted) else head

    # ---- one environment ---------------------------------------------------------------------------------------------

    def state(self, name: str) -> State:
        """The journal, folded."""
        return self.keeper(name).catch_up()

    def desired(self, name: str, state: State) -> Desired:
        accepted = state.accepted
        revision, digest = (accepted.revision, accepted.digest) if accepted else ("", "")
        return self.desires.desired(name, revision, digest, again=not self.watched)

    def keeper(self, name: str) -> Keeper:
        """The one keeper of an environment in this session."""
        if name not in self._keepers:
            self._keepers[name] = Keeper(
                name,
                self.journal,
                lambda state: self.desired(name, state),
                self.desires.manifest,
                lambda manifest, previous: self._open(name, manifest, previous),
                self._pool,
                actor=self._actor,
                beside=Beside(name, self.votes, self.writing),
                watcher=self._watcher(name),
                closed=self._closed,
                agenda=self._agenda,
                clock=self.clock,
                boundary=lambda point: self.boundary(point),
            )
        return self._keepers[name]

    def _watcher(self, name: str) -> Watcher:
        if name not in self._watchers:
            kept = self.configuration.evidence.record and not self.read_only
            folder, finish = self.configuration.evidence_path, self.finisher.finish
            self._watchers[name] = Recorder(folder, name, finish, self.clock) if kept else Nobody()
        return self._watchers[name]

    def _closed(self, manifest: Manifest, watched: float) -> tuple[Closed, ...]:
        return shut(calendar(manifest.windows), self.clock.now(), watched)

    def _agenda(self, manifest: Manifest, state: State) -> Agenda:
        return agenda(manifest.drill, manifest.spec, state, self.clock.now())

    def _open(self, name: str, manifest: Manifest, previous: World | None) -> World:
        world = open_world(
            manifest,
            self.configuration,
            self.journal.id,
            previous,
            read_only=self.read_only,
            alarm=lambda: self.alarm(name),
            tape=self._watcher(name),
            clock=self.clock,
        )
        self._worlds[name] = world
        return world

    def fence(self, name: str) -> str:
        """What the gateway can and cannot do, in a sentence; empty before it was opened."""
        world = self._worlds.get(name)
        if world is None:
            return ""
        can = world.gateway.capabilities
        fences = {
            "commit": "refuses writes of an older generation itself, across machines",
            "owner-lock": "is fenced by a lock: run one reconciler, on this machine only",
            "detect": "cannot fence: a foreign write is seen only afterwards",
        }
        weights = "every percent" if can.fine_weights else "coarse weights"
        sticky = "sticky sessions" if can.sticky else "no stickiness, every request is drawn on its own"
        proof = "drain is proved" if can.drain_proof else "drain cannot be proved, only waited for"
        lasting = "" if can.lasting else "; its weights do not survive its restart"
        alone = "" if can.fallback else "; nobody stands in for a newcomer that dies: its share fails until we act"
        return f"{world.manifest.gateway.kind} {fences[can.fence]}; {weights}; {sticky}; {proof}{lasting}{alone}"
