"""The story: a system serves, a commit switches it, a second commit brings a bad version, and that one comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reconciler.clock import SYSTEM
from reconciler.configuration import load
from reconciler.core.events import Applied, Bootstrapped, Ended, Event, Intended, Phase
from reconciler.core.model import Slot
from reconciler.core.steps import Note, Result, Warm
from reconciler.demo import account
from reconciler.demo.follow import Follower
from reconciler.demo.place import BAD, BAD_SHARE, BETTER, DRAIN, ENVIRONMENT, GOOD, SESSIONS, SUBTLE, Place
from reconciler.demo.processes import RUSH, Processes
from reconciler.demo.proof import Proof
from reconciler.demo.screen import Screen
from reconciler.evidence.record import judged
from reconciler.journal.entry import Entry


@dataclass(frozen=True, slots=True)
class Account:
    """What users saw. `bad_to_safe_ms`: from the first bad answer to the last one; 0 when nobody got one."""

    quiet: account.Totals
    good: account.Totals
    bad: account.Totals
    sessions_kept: int  # through the good switch, of those that were opened before it
    rolled_back: bool
    subtle: account.Totals
    subtle_rolled_back: bool
    evidence: str  # against the subtle one
    commit_to_traffic_ms: float | None
    bad_to_safe_ms: float
    jobs: account.Jobs
    files: account.Files
    two_owners: int
    breaches: list[str]  # laws that journal and access log together show broken, and what kept them from showing any
    journal: str
    packs: tuple[Proof, ...] = ()  # the evidence of every transition, in order

    @property
    def kept_its_word(self) -> bool:
        """The good switch lost nothing, the bad one came back, every job was done once and by one owner at a time."""
        lost = self.good.failed + self.good.unknown + self.jobs.lost + self.jobs.twice + self.two_owners
        lost += SESSIONS - self.sessions_kept
        lost += self.files.lost + self.files.stale
        broken = any(one.findings for one in self.packs) or any(
            one.zero_downtime == "Refuted" for one in self.packs[:1]
        )
        return lost == 0 and self.rolled_back and self.subtle_rolled_back and not self.breaches and not broken

    def as_json(self) -> str:
        shown: dict[str, Any] = asdict(self)
        shown["bad"]["rolled_back"] = shown.pop("rolled_back")
        shown["subtle"] |= {"rolled_back": shown.pop("subtle_rolled_back"), "evidence": shown.pop("evidence")}
        return json.dumps(shown)


class Story:
    """One run of the demo. `screen` is told everything."""

    def __init__(self, place: Place, processes: Processes, screen: Screen) -> None:
        self._place, self._processes, self._screen = place, processes, screen
        self._follower = Follower(place.state / "journal.db", ENVIRONMENT, processes.check)
        self._pending: Event | None = None

    def tell(self) -> Account:
        """Everything, to the account. Raises ReconcilerError when something that must happen does not."""
        self._arrive()
        began = SYSTEM.monotonic()
        self._processes.start_users()
        self._pause(2.5)
        switched = SYSTEM.monotonic()
        good = self._switch(f"Switch to green, version {BETTER}", "green", GOOD, BETTER)
        self._pause(1.0)
        broken = SYSTEM.monotonic()
        title = f"Pin {BAD} in blue and switch to it: {BAD_SHARE:.0%} of its searches answer 500"
        bad = self._switch(title, "blue", BAD, BETTER)
        self._pause(1.0)
        self._processes.start_users(RUSH)
        compared = SYSTEM.monotonic()
        title = f"Pin {SUBTLE} in blue: 1 % of all requests fail, too few for a fixed limit; it is compared with stable"
        subtle = self._switch(title, "blue", SUBTLE, BETTER, compared=True)
        self._pause(1.0)
        self._processes.stop_users()
        self._drain()
        assert good.phase is Phase.SUCCEEDED, good.reason
        return self._count((began, switched, broken, compared), good, bad, subtle)

    def _arrive(self) -> None:
        self._screen.chapter("Start: a git repository, an Envoy, two slots")
        self._processes.start_loop()
        self._until(lambda event: isinstance(event, Bootstrapped), 30.0)
        self._until(self._warm(Slot.GREEN), 30.0)
        self._screen.say(f"blue serves {GOOD} at {self._place.url}; green has {BETTER} staged, without traffic")

    def _switch(self, title: str, active: str, blue: str, green: str, *, compared: bool = False) -> Ended:
        self._screen.chapter(title)
        revision = self._place.commit(title, active=active, blue=blue, green=green, compared=compared)
        self._screen.say(f"git commit {revision[:12]}: activeSlot: {active}")
        ended = self._until(lambda event: isinstance(event, Ended), 60.0).event
        assert isinstance(ended, Ended)
        if ended.phase is not Phase.SUCCEEDED:
            self._until(self._told, 30.0)
        return ended

    def _told(self, event: Event) -> bool:
        """Git knows: what failed is put back, and why is noted."""
        pending, self._pending = self._pending, event
        return isinstance(event, Applied) and isinstance(pending, Intended) and isinstance(pending.act, Note)

    def _until(self, wanted: Callable[[Event], bool], timeout: float) -> Entry:
        return self._follower.until(
            wanted, timeout, lambda entry: self._screen.event(entry.event, f"{entry.at[11:23]}Z")
        )

    def _warm(self, slot: Slot) -> Callable[[Event], bool]:
        def seen(event: Event) -> bool:
            pending, self._pending = self._pending, event
            done = isinstance(event, Applied) and event.result is Result.DONE
            return done and isinstance(pending, Intended) and isinstance(pending.act, Warm) and pending.act.slot is slot

        return seen

    def _pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)
        self._processes.check()

    def _drain(self) -> None:
        """Give the owners time to finish what users asked for; what is not done then counts as lost."""
        deadline = SYSTEM.monotonic() + 60.0
        while account.unfinished(self._place.data) and SYSTEM.monotonic() < deadline:
            threading.Event().wait(0.1)

    def _count(self, marks: tuple[float, ...], good: Ended, bad: Ended, subtle: Ended) -> Account:
        """`marks`: when each phase began."""
        requests = [request for file in self._processes.records for request in _read(file)]
        ends = (*marks[1:], float("inf"))
        named = zip(("quiet", "good", "bad", "subtle"), marks, ends, strict=True)
        totals = account.by_phase(requests, [account.Phase(*one) for one in named])
        _, switched, broken, compared = marks
        answer = account.first_answer(requests, BETTER, switched)
        early = [request for request in requests if request.start < compared]
        first, last = account.first_bad(early, broken), account.last_bad(early, broken)
        done, copied = _list(self._place.data / "done.jsonl"), _list(self._place.data / "sync" / "done.jsonl")
        return Account(
            quiet=totals["quiet"],
            good=totals["good"],
            bad=totals["bad"],
            subtle=totals["subtle"],
            sessions_kept=SESSIONS if "sessions Successful" in good.reason else 0,  # its limit is all of them
            rolled_back=bad.phase is Phase.ROLLED_BACK,
            subtle_rolled_back=subtle.phase is Phase.ROLLED_BACK,
            evidence=subtle.reason,
            commit_to_traffic_ms=_ms(switched, answer),
            bad_to_safe_ms=_ms(first, last) or 0.0,
            jobs=account.jobs(requests, done),
            files=account.files(self._place.data / "files", self._place.data / "mirror", copied),
            two_owners=account.overlaps(done) + account.overlaps(copied),
            breaches=judged(load(self._place.config), ENVIRONMENT, drain=DRAIN).objections(),
            journal=str(self._place.state / "journal.db"),
        )


def _list(file: Path) -> list[dict[str, Any]]:
    """An owner's own list: one item for each time that a job was done."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _read(file: Path) -> list[account.Request]:
    with file.open(encoding="utf-8") as lines:
        return account.read(lines)


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 1)
