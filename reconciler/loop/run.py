"""`reconcile run`: one process that keeps every environment. Commits, verbs and timers only wake it."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from reconciler.core.events import Phase
from reconciler.core.judging import timers
from reconciler.core.situation import Answer, Do, Wait
from reconciler.core.state import State
from reconciler.errors import Fenced, ReconcilerError
from reconciler.loop.keeper import Keeper
from reconciler.loop.queue import WorkQueue
from reconciler.loop.stopwatch import LONGEST
from reconciler.loop.tick import LOOK_AGAIN, Tick, look, tick

log = logging.getLogger("reconciler.loop")

MOVING, RESTING, UNSURE, FACT = 0.1, 0.5, 0.5, 0.02  # seconds until the next look
AT_REST = 5  # times as long, where a gateway is costly to ask,
SEEN = LONGEST / 2  # but so often that with a look as long as this the time between two of them counts as watched
WORKERS = 4
FAILING = "LookFailed"  # for alerts: the loop itself cannot look, or cannot keep its record
ORDERED = frozenset({"Down"})  # what stays so because somebody said so, and needs nobody: no warning
PATIENCE = 30.0  # seconds after which `--once --apply` gives up on what does not get better


class Source(Protocol):
    """What git says now, as far as the loop needs it."""

    def look(self) -> Iterable[str]:
        """Read the branch's head; the names of the environments whose desired state changed since the last look."""

    def names(self) -> Iterable[str]:
        """Every environment that git or the journal knows."""


Tell = Callable[[str, Wait], None]
Show = Callable[[str, State, Tick], None]


def to_nobody(name: str, wait: Wait) -> None:
    """Where no alerts are configured."""


def unseen(name: str, state: State, found: Tick) -> None:
    """Where nothing is shown."""


class Runner:
    """Workers over a queue, a watcher that wakes it, and a way to stop that leaves the data plane alone.

    `tell` is told what an environment waits for, at every look that ends so; `show`, what every look found. Both take
    no time and never raise."""

    def __init__(
        self, source: Source, keep: Callable[[str], Keeper], tell: Tell = to_nobody, show: Show = unseen
    ) -> None:
        self._source, self._keep, self._report, self._show = source, keep, tell, show
        self._keepers: dict[str, Keeper] = {}
        self._queue = WorkQueue()
        self._looking = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.lost: list[str] = []  # environments that another reconciler took over
        self._trouble: dict[str, str] = {}  # by environment: what a person was told last

    def start(self, workers: int = WORKERS) -> None:
        self.look()
        for number in range(workers):
            thread = threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def look(self) -> None:
        """Read git, and wake what it concerns. Called by the watcher, the poll, and at the start."""
        with self._looking:
            changed = set(self._source.look())
            for name in self._source.names():
                if name not in self._keepers:
                    self._keepers[name] = self._keep(name)
                    changed.add(name)
        for name in changed & self._keepers.keys():  # git may have moved between the two: nobody keeps what is gone
            self._queue.wake(name)

    def look_and_wake(self) -> None:
        """A file event or the poll: git may have moved, or somebody asked for something in whichever environment. A
        journal that cannot be read now is no reason to stop looking: the next look comes soon."""
        try:
            self.look()
            for name in list(self._keepers):
                if self._keepers[name].has_news():
                    self._queue.wake(name)
        except ReconcilerError as error:
            log.error("looking for news: %s", error)

    def wake_one(self, name: str) -> None:
        """A sampler saw something bad: look now."""
        self._queue.wake(name)

    def stop(self) -> None:
        """Finish the steps that are being done, then let go. Slots and gateways run on."""
        self._queue.close()
        for thread in self._threads:
            thread.join()
        for keeper in self._keepers.values():
            leave(keeper)
            keeper.close()

    def _work(self) -> None:
        while (name := self._queue.take()) is not None:
            self.work(name)

    def work(self, name: str) -> None:
        """One look at an environment that the queue has handed out, and when to look again."""
        again, failed = self._once(self._keepers[name])
        if again is not None or failed:  # else it is not ours any more
            self._queue.done(name, again, failed=failed)

    def _once(self, keeper: Keeper) -> tuple[float | None, bool]:
        """One tick; (seconds until the next, did it fail). One environment's trouble never stops another's worker."""
        try:
            if not keeper.generation:
                keeper.take()
            found = tick(keeper)
            keeper.insist()
            self._show(keeper.name, keeper.state, found)
            self._tell(keeper.name, found.decision.answer)
        except Fenced as error:
            log.error("%s", error, extra={"environment": keeper.name})
            self.lost.append(keeper.name)
            keeper.give_up()
            return None, False
        except ReconcilerError as error:
            log.error("%s", error, extra={"environment": keeper.name})
            self._report(keeper.name, Wait(FAILING, str(error), alert=True))
            return None, True
        except Exception:
            text = "a defect in the reconciler; nothing more is done here until the next look"
            log.exception(text, extra={"environment": keeper.name})
            self._report(keeper.name, Wait(FAILING, "a defect in the reconciler; its log says more", alert=True))
            return None, True
        return pace(found, keeper), False

    def _tell(self, name: str, answer: Answer) -> None:
        """What waits for a person, or should wake one, into the log: once, each time that it changes."""
        if not isinstance(answer, Wait) or answer.reason == LOOK_AGAIN:
            return
        self._report(name, answer)
        text = f"{answer.reason}: {answer.message}" if answer.blocked or answer.alert else ""
        before, self._trouble[name] = self._trouble.get(name, ""), text
        if text and text != before:
            level = logging.INFO if answer.reason in ORDERED else logging.WARNING
            log.log(level, "%s", text, extra={"environment": name, "reason": answer.reason})
        elif before and not text:
            log.info("over: %s", before.partition(":")[0], extra={"environment": name})


def leave(keeper: Keeper) -> None:
    """What cannot be written at the end stays unknown."""
    try:
        keeper.leave()
    except ReconcilerError as error:
        log.warning("%s: what users got last is not on record: %s", keeper.name, error)


def pace(found: Tick, keeper: Keeper) -> float:
    """Seconds until the next look."""
    if found.unsure:
        return UNSURE
    if found.moved:  # an act has changed the world; a fact alone has not, and must not make a busy loop
        return 0.0 if isinstance(found.decision.answer, Do) else FACT
    waiting = found.status.reason in ("NotReady", "Draining")
    moving = keeper.state.transition or waiting
    if not keeper.pace:
        return MOVING if moving else RESTING
    wanted = max(MOVING, keeper.pace) if moving else max(RESTING, keeper.pace * AT_REST)
    return min(wanted, SEEN, max(FACT, next_timer(found, keeper)))


def next_timer(found: Tick, keeper: Keeper) -> float:
    """Seconds until time alone may bring something about; infinite where it brings nothing."""
    answer = found.decision.answer
    until = answer.until if isinstance(answer, Wait) else None
    known = timers(found.spec, keeper.state) if found.spec else ()
    due = (*known, *(() if until is None else (until,)))
    return min((at - keeper.now for at in due if at > keeper.now), default=math.inf)


def run_to_end(keeper: Keeper, wait: Callable[[float], bool]) -> Tick:
    """`--once --apply`: tick until nothing is left to do, only a person can go on, or what is wrong has stayed wrong
    for `PATIENCE`. `wait` sleeps; True: stop."""
    wrong = 0.0  # seconds without any progress
    while True:
        found = tick(keeper)
        after = pace(found, keeper)
        wrong = wrong + after if _stuck(found, keeper) else 0.0
        if ended(found, keeper) or wrong >= PATIENCE or wait(after):
            return found


def look_on(keeper: Keeper, wait: Callable[[float], bool]) -> None:
    """`--once --apply`, at its end: what users meet after a transition is recorded for as long as it counts. Nothing is
    done any more: a commit that comes now would be left in the midst of its switch. `wait` as for `run_to_end`."""
    while keeper.watcher.in_tail and not wait(min(max(RESTING, keeper.pace), SEEN)):
        look(keeper)


def _stuck(found: Tick, keeper: Keeper) -> bool:
    """Nothing moves. In a transition that is in order, as its deadlines run, unless somebody should be woken; a soak
    ends in any case."""
    if found.moved and not found.unsure:
        return False
    answer, transition = found.decision.answer, keeper.state.transition
    soaking = transition is not None and transition.phase is Phase.SOAKING
    return transition is None or (isinstance(answer, Wait) and answer.alert and not soaking)


def ended(found: Tick, keeper: Keeper) -> bool:
    """At rest: no transition under way, nothing moved, and time alone would bring no transition."""
    answer, transition, reason = found.decision.answer, keeper.state.transition, found.status.reason
    if found.moved or found.unsure:
        return False
    if (isinstance(answer, Wait) and answer.blocked) or (transition and found.status.exit_code == 3):
        return True  # a held version alone ends nothing: what it waits for just now may come by itself
    return transition is None and reason in ("InSync", "RevisionHeld")
