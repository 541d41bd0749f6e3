"""One life of `reconcile run`: the real session, runner, keepers and journal; a simulated world behind the drivers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as OutOfTime
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sim_beside import Votes, Writing
from sim_disk import CrashNow
from sim_faults import POINTS
from sim_gates import open_rounds
from sim_gateway import Handle
from sim_git import Reader
from sim_members import Host
from sim_migration import Migrator
from sim_saving import Saver
from sim_world import Place

from reconciler.core.model import Slot
from reconciler.core.steps import Act
from reconciler.desired.manifest import Manifest
from reconciler.desired.snapshot import Desires, Snapshot
from reconciler.errors import ReconcilerError, Unreachable
from reconciler.evidence.recorder import Nobody, Watcher
from reconciler.journal.sqlite import SqliteJournal
from reconciler.loop.queue import WorkQueue
from reconciler.loop.run import Runner
from reconciler.loop.tick import Tick
from reconciler.measure.ledger import Ledger
from reconciler.session import Session
from reconciler.world import World, _kept

if TYPE_CHECKING:
    from sim_history import History

POLL = 1.0  # seconds


class Inline:
    """A pool that asks at once. What breaks the loop's deadline shows when its answer is wanted."""

    asking = False

    def submit(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        self.asking = True
        try:
            answer = ask(*arguments)
        except TimeoutError:
            return SimpleNamespace(result=_too_late)
        finally:
            self.asking = False
        return SimpleNamespace(result=lambda _: answer)

    def shutdown(self, **_: object) -> None:
        pass


def _too_late(_: float) -> None:
    raise OutOfTime


class Opened(World):
    """The drivers of one environment, opened onto the simulation by one process."""

    def __init__(self, place: Place, process: Process, manifest: Manifest, previous: World | None) -> None:
        gateway: Any = _kept(previous, manifest) or Handle(place, process)
        hosts = {member.name: Host(place, process, member.name) for member in manifest.members}
        rounds = open_rounds(place, manifest, process.clock)
        samplers: Any = SimpleNamespace(close=lambda: None, keep=lambda under_way: None)
        migrator: Any = previous.migrator if previous else Migrator(place, process)
        saver: Any = previous.saver if previous else Saver(place, process)
        super().__init__(
            manifest, gateway, hosts, (), rounds, samplers, Ledger(()), migrator, _itself, saver, _itself,  # type: ignore[arg-type]
        )  # fmt: skip
        self._place, self._process = place, process

    def warm(self, slot: Slot) -> None:
        self._process.may_die("before warming up")
        if self._place.weather.strikes("warm-fails", 3) or not self._place.answers(slot):
            raise Unreachable(f"{slot} does not answer through the gateway")


def _itself(act: Act) -> Act:
    """What names a migration, or a recovery point, needs no file of an operator here."""
    return act


class Simulated(Session):
    """The real session but for what it opens."""

    def __init__(self, process: Process) -> None:
        history = process.history
        self.clock = process.clock
        self.journal = SqliteJournal(history.disk.path, history.clock, history.disk.connect)  # type: ignore[arg-type]
        self.repository = Reader(history.git, history.weather)  # type: ignore[assignment]
        self.desires = Desires(self.repository)
        self._seen = Snapshot("")
        self.boundary = process.boundary
        self.watched = True
        self._actor = process.name
        self._pool = process.pool  # type: ignore[assignment]
        self._keepers, self._worlds = {}, {}
        self.votes, self.writing, self._signs = Votes(process), Writing(process), True  # type: ignore[assignment]
        self._process = process

    def _watcher(self, name: str) -> Watcher:
        return Nobody()

    def _open(self, name: str, manifest: Manifest, previous: World | None) -> World:
        return Opened(self._process.history.places[name], self._process, manifest, previous)


class Process:
    """A process from its start to its end. `turn` is what its threads would do next."""

    def __init__(self, history: History, number: int) -> None:
        self.history, self.name = history, f"p{number}"
        self.clock = history.clock
        self.alive, self.deaf, self.frozen = True, False, False
        self.found: dict[str, Tick] = {}
        self.pool = Inline()
        self.journal_id = ""
        self.session = Simulated(self)
        self.journal_id = self.session.journal.id
        self._poll = self.clock.monotonic() + POLL
        self.runner = Runner(self.session, self.session.keeper)
        self.runner._queue = WorkQueue(self.clock, Random(f"{history.weather.seed}:{number}:jitter"))
        self.runner.look()
        history.processes.append(self)

    @property
    def lost(self) -> list[str]:
        return self.runner.lost

    def wait(self) -> float:
        """Seconds of true time until there is something to do."""
        queue = self.runner._queue
        due = [at for key, at in queue._due.items() if key not in queue._busy]
        if not self.deaf:
            due.append(self._poll)
        return max(0.0, min(due, default=float("inf")) - self.clock.monotonic()) / self.clock.rate

    def hint(self) -> None:
        """A file event."""
        if not self.history.weather.strikes("hint-lost", 10):
            self._poll = self.clock.monotonic()

    def turn(self) -> None:
        """The watcher's next look, or the next environment that is due. Raises CrashNow."""
        if not self.deaf and self._poll <= self.clock.monotonic():
            self._watch()
            return
        key = self.runner._queue.take(wait=False)
        if key is not None:
            self.runner.work(key)

    def _watch(self) -> None:
        self._poll = self.clock.monotonic() + POLL
        try:
            self.runner.look_and_wake()
        except ReconcilerError as error:  # a thread ends with its exception: nobody looks at git any more
            kind = type(error).__name__
            self.history.say(self.name, lambda: f"its watching thread ends: {kind}")
            self.deaf = True

    def boundary(self, point: str) -> None:
        """A named point of the loop: the process may die here, or sleep long."""
        assert point in POINTS
        self.history.at_boundary(self, point)

    def may_die(self, where: str) -> None:
        """In the middle of a call to the world."""
        self.history.check_alive(self)
        if self.history.weather.strikes("crash-in-call", 0.5):
            raise CrashNow(where)

    def end(self) -> None:
        """What the kernel does: handles and locks are gone. Nothing is closed by its own will."""
        self.alive = False
        self.session.journal._connection.close()
