"""How soon a moved branch is noticed: by ours, by watchfiles as it comes, and by a poll of one second.

All three watch the same reference and see the same moves, so the machine's moods meet them alike.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from watchfiles import watch

from reconciler.desired.watch import Watch

POLL = 1.0  # seconds
PATIENCE = 10.0


class Seer:
    """Looks at the reference whenever it is called; remembers when it saw each content first."""

    def __init__(self, reference: Path) -> None:
        self._reference = reference
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._news = threading.Condition(self._lock)

    def look(self) -> None:
        found = self._reference.read_text()
        with self._news:
            self._seen.setdefault(found, time.monotonic())
            self._news.notify_all()

    def when(self, content: str) -> float:
        """Waits until it was seen."""
        with self._news:
            if not self._news.wait_for(lambda: content in self._seen, PATIENCE):
                raise SystemExit(f"a moved reference was not noticed within {PATIENCE:g} s")
            return self._seen[content]


def measure(moves: int) -> dict[str, list[float]]:
    """Milliseconds from the rename that moves the reference to each one's first sight of it."""
    random = Random(1)
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as folder, watched(Path(folder)) as (reference, seers):
        found: dict[str, list[float]] = {name: [] for name in seers}
        for number in range(moves):
            time.sleep(0.2 + POLL * random.random())  # anywhere between two polls
            moved = move(reference, str(number))
            for name, seer in seers.items():
                found[name].append((seer.when(str(number)) - moved) * 1000)
    return found


def move(reference: Path, content: str) -> float:
    """As git does it, by renaming a file into place; the moment before."""
    new = reference.with_name("main.lock")
    new.write_text(content)
    moved = time.monotonic()
    os.replace(new, reference)
    return moved


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Path, dict[str, Seer]]]:
    """A reference, and who watches it."""
    reference = folder / "refs" / "heads" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("")
    seers = {name: Seer(reference) for name in ("ours", "watchfiles_defaults", "poll_1s")}
    ours, stop = Watch([folder / "refs"], seers["ours"].look, POLL), threading.Event()
    with ExitStack() as ends:
        ours.start()
        ends.callback(ours.stop)
        listen = follow(folder / "refs", seers["watchfiles_defaults"].look, stop)
        for thread in (listen, poll(seers["poll_1s"].look, stop)):
            ends.callback(thread.join)
        ends.callback(stop.set)  # called first
        time.sleep(0.5)  # the watches are set
        yield reference, seers


def follow(folder: Path, look: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Its defaults, but for the filter: the default one leaves `.git` out, and nothing would ever be noticed."""

    def work() -> None:
        for _ in watch(folder, watch_filter=None, stop_event=stop, raise_interrupt=False):
            look()

    return started(work)


def poll(look: Callable[[], None], stop: threading.Event) -> threading.Thread:
    def work() -> None:
        while not stop.wait(POLL):
            look()

    return started(work)


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
