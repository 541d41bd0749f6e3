"""A long-lived sampler: keeps a load generator running, and what it measured."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any, Protocol

from reconciler.clock import SYSTEM, Clock
from reconciler.core.reading import Window
from reconciler.drivers.journey import Journey
from reconciler.drivers.protocols import Sample, Session
from reconciler.measure.generator import COMMAND, GRACE, Generator
from reconciler.measure.held import Held
from reconciler.measure.seen import Seen

IDLE = 15.0  # seconds
# Seconds that one step of our own, or one look, may take in a transition: ten Windows services that are started cold,
# one after the other, take 450. Too long costs some test requests of a loop that hangs; too short costs sessions that
# nobody can open again, and with them a good switch.
STEP = 600.0
BACK_OFF = (0.2, 10.0)  # seconds before a dead generator is started again: first, and at most


class Tape(Protocol):
    """Is told of every request, by its gate, the life of the load generator that sent it, and its number there, from 0.
    Takes no time and never raises."""

    def sent(self, gate: str, run: str, number: int) -> None: ...

    def over(self, gate: str, run: str, number: int, sample: Sample | None) -> None:
        """It is known what became of it. None: it could not be sent after all."""


class Sampler:
    """Implements `drivers.protocols.Samples` and `Sessions`. Nothing runs before the first `aim`, or once nobody asked
    for `idle` seconds and no transition needs it (`keep`).

    `on_bad` is called in this object's thread for every sample that is not ok, while somebody asks: a hint to look
    again, no more.
    """

    def __init__(
        self,
        on_bad: Callable[[Sample], None] | None = None,
        *,
        tape: Tape | None = None,
        gate: str = "",
        idle: float = IDLE,
        clock: Clock = SYSTEM,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._on_bad, self._idle, self._clock, self._command = on_bad, idle, clock, command
        self._tape, self._gate, self._run = tape, gate, ""
        self._changed = Condition()
        self._seen, self._held = Seen(), Held()
        self._journey: Journey | None = None
        self._generator: Generator | None = None
        self._thread: Thread | None = None
        self._closed = False
        self._problem = ""
        self._asked = self._heard = clock.monotonic()
        self._kept = self._asked  # until then it goes on, whether or not somebody asks

    def since(self, window: Window) -> Sequence[Sample]:
        """See `Seen.since`. A window opens when this process first sees it: then nothing was sent in it yet."""
        with self._changed:
            self._asked = self._clock.monotonic()
            return self._seen.since(window, self._asked)

    def sessions(self, window: Window) -> Sequence[Session]:
        """See `Held.told`. They end with the generator that holds them: another journey, or another life of it, means
        other sessions."""
        with self._changed:
            self._asked = self._clock.monotonic()
            return self._held.told(window, self._asked)

    def problem(self) -> str:
        with self._changed:
            if self._problem or self._journey is None:
                return self._problem
            silence = self._clock.monotonic() - self._heard
            usual = 1 / self._journey.rate + self._journey.timeout + GRACE
            return f"the sampler has been silent for {silence:.0f} s" if silence > usual else ""

    def aim(self, journey: Journey | None) -> None:
        """Send this from now on; None: nothing. What was measured is kept. The same one again changes nothing."""
        with self._changed:
            if self._closed or journey == self._journey:
                return
            self._turn_to(journey)
            if self._thread is None:
                self._thread = Thread(target=self._supervise, daemon=True, name="sampler")
                self._thread.start()

    def keep(self, *, under_way: bool) -> None:
        """To be told at every look. That nobody asks while a transition is under way is our own doing: no gate is due
        on the way back, none is asked while the gateway cannot be read, and nobody looks in the midst of a step."""
        with self._changed:
            now = self._clock.monotonic()
            self._kept = now + STEP if under_way else min(self._kept, now + self._idle)

    def close(self) -> None:
        """Send nothing more, and wait for nothing: what was sent has GRACE seconds to end in a thread of its own, for
        which a command that ends does wait. Twice is safe."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._turn_to(None)
            thread, generator = self._thread, self._generator
        if thread is not None:
            Thread(target=_bury, args=(thread, generator), name="a sampler's end").start()

    def _turn_to(self, journey: Journey | None) -> None:
        self._journey, self._problem, self._held = journey, "", Held()
        self._asked = self._heard = self._clock.monotonic()
        if self._generator is not None:
            self._generator.end()
        self._changed.notify_all()

    def _supervise(self) -> None:
        delay = BACK_OFF[0]
        while (journey := self._next()) is not None:
            began = self._clock.monotonic()
            reason = self._follow(journey)
            delay = BACK_OFF[0] if self._clock.monotonic() - began > BACK_OFF[1] else min(delay * 2, BACK_OFF[1])
            self._mourn(journey, reason, delay)

    def _mourn(self, journey: Journey, reason: str, delay: float) -> None:
        """If nobody wanted it to end: say so, and wait a little before the next one."""
        with self._changed:
            if self._journey is journey:
                self._problem = reason
                self._changed.wait_for(lambda: self._journey is not journey, delay)

    def _next(self) -> Journey | None:
        """The journey to send, as soon as there is one; None when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._journey is not None)
            self._heard = self._clock.monotonic()
            return self._journey

    def _follow(self, journey: Journey) -> str:
        """Listen to one generator until it has ended; why it did."""
        with self._changed:
            if self._journey is not journey:
                return ""
            self._run = secrets.token_hex(4)
            try:
                self._generator = generator = Generator(journey, self._command)
            except OSError as error:
                return f"the sampler cannot be started: {error.strerror}"
            store = self._store(journey)
        for record in generator.records():
            self._take(record, store)
        with self._changed:
            self._generator = None
            abandoned = store.abandon("the sampler ended before the answer came")
        for number, sample in abandoned:
            self._keep(number, sample)
        return generator.epitaph()

    def _store(self, journey: Journey) -> Seen | Held:
        """Where a generator's words belong. What one says at its end never mixes with the next one's sessions."""
        if journey.visits is None:
            return self._seen
        self._held = Held(journey.visits.count / journey.rate)
        return self._held

    def _take(self, record: dict[str, Any], store: Seen | Held) -> None:
        with self._changed:
            self._heard = self._clock.monotonic()
            asked = self._heard - self._asked <= self._idle
            if not asked and self._heard > self._kept and self._journey is not None:
                self._turn_to(None)
            self._problem = str(record.pop("problem", ""))
            number, over = record.get("sent"), record.get("answered", record.get("unsent"))
            sample = _note(record, store)
        if self._tape is not None and number is not None:
            self._tape.sent(self._gate, self._run, number)
        if over is not None:
            self._keep(over, sample)
        if self._on_bad is not None and asked and sample is not None and not sample.ok:
            self._on_bad(sample)

    def _keep(self, number: int, sample: Sample | None) -> None:
        if self._tape is not None:
            self._tape.over(self._gate, self._run, number, sample)


def _note(said: dict[str, Any], store: Seen | Held) -> Sample | None:
    """The sample, if a request came to its end."""
    if "sent" in said:
        store.sent(said.pop("sent"), said)
    elif "unsent" in said:
        store.unsent(said["unsent"])
    elif "answered" in said:
        return store.answered(said.pop("answered"), said)
    return None


def _bury(thread: Thread, generator: Generator | None) -> None:
    thread.join(GRACE)
    if generator is not None:
        generator.kill()
    thread.join()
