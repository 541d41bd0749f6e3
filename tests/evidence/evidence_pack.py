"""Packs as a run leaves them, made by hand: a journal's slice, a plan, and streams that a small generator fills. The
same for the same arguments, always."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from reconciler.core.events import (
    Admitted,
    Applied,
    ApprovalAsked,
    Approved,
    Began,
    DriftFound,
    Ended,
    Event,
    GenerationTaken,
    Intended,
    Judged,
    LetGo,
    MovedByHand,
    Phase,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
    Watched,
)
from reconciler.core.model import Admission as Open
from reconciler.core.model import (
    Analysis,
    DrillKind,
    HandOver,
    Outcome,
    Pair,
    Release,
    Routing,
    SetWeight,
    Slot,
    Stage,
    all_on,
    share,
)
from reconciler.core.steps import Act, Result, Route, StageFiles, Start, Stop, Warm
from reconciler.core.tally import Tally, Users
from reconciler.drivers.journey import USE
from reconciler.evidence.access import moment
from reconciler.evidence.pack import plan, steps
from reconciler.evidence.pack.agreement import key
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.place import GATEWAY, PLAN, READINGS, REQUESTS, STEPS, Pack
from reconciler.evidence.pack.steps import Slice
from reconciler.evidence.pack.stream import Stream
from reconciler.journal.entry import GENESIS, Row, seal
from reconciler.wording import describe

BLUE, GREEN = Slot.BLUE, Slot.GREEN
BEGIN = moment("2025-09-29T04:30:00+00:00")  # 13:30 in Seoul
STRATEGY = (SetWeight(25), Analysis(60.0), SetWeight(50), SetWeight(100), HandOver(("worker", "sync")))
MEMBERS = [
    {"name": "api", "traffic": "weighted"},
    {"name": "frontend", "traffic": "weighted"},
    {"name": "worker", "traffic": "exclusive"},
    {"name": "sync", "traffic": "exclusive"},
]
GATES = [
    {"name": "dry-run", "kind": "migration", "stage": "preflight", "mode": "enforce"},
    {"name": "shared-drive", "kind": "queue-drained", "stage": "preflight", "mode": "enforce"},
    {"name": "sessions", "kind": "sessions", "stage": "preflight", "mode": "enforce"},
    {"name": "transactions", "kind": "synthetic", "stage": "shift", "mode": "enforce"},
    {"name": "queue", "kind": "queue-delay", "stage": "postflight", "mode": "enforce"},
    {"name": "events", "kind": "windows-event-log", "stage": "preflight", "mode": "enforce"},
]


@dataclass
class Run:
    """One transition. `now`: seconds after its beginning, moved on by `after` of whatever happens."""

    old: str = "1.4.1"
    new: str = "1.4.2"
    transition: str = "000042-green-1.4.2"
    begin: float = BEGIN
    now: float = 0.0
    events: list[tuple[float, str, Event]] = field(default_factory=list)
    plan: dict[str, Any] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=lambda: {"blue": 1000, "green": 0})
    random: Random = field(default_factory=lambda: Random(7))
    number: int = 0  # of transactions sent
    uses: int = 0  # of sessions
    outage: float = 0.0  # seconds, seen by the loop
    recorded: bool = True  # to its end
    tells: bool = True  # what the gateway counted goes on record at its end

    @property
    def stable(self) -> Release:
        return Release(BLUE, self.old)

    @property
    def newcomer(self) -> Release:
        return Release(GREEN, self.new)

    # ---- the journal -------------------------------------------------------------------------------------------------

    def note(self, *events: Event, after: float = 0.0, actor: str = "svc@server") -> Run:
        self.now += after
        self.events += [(self.now, actor, event) for event in events]
        return self

    def do(self, act: Act, *, rule: str = "climb", reason: str = "", after: float = 0.1, takes: float = 0.2) -> Run:
        self.note(Intended(act, rule, reason, "a" * 40), after=after)
        return self.note(Applied(Result.DONE), after=takes)

    def began(self, strategy: Sequence[Any] = STRATEGY, **more: Any) -> Run:
        event = Began(self.transition, self.stable, self.newcomer, "d" * 64, "a" * 40, tuple(strategy), **more)
        return self.note(event)

    def to(self, weight: int, after: float = 0.1, *, back: bool = False) -> Run:
        weights = all_on(BLUE) if back else share(GREEN, weight)
        act = Route(None, Routing(weights, fallback=BLUE), advance=not back)
        return self.do(act, rule="go-back" if back else "climb", after=after, takes=0.05)

    # ---- the streams -------------------------------------------------------------------------------------------------

    def users(
        self,
        first: float,
        last: float,
        rate: float = 5.0,
        *,
        slow: float = 0.35,
        fails: Callable[[float], bool] = lambda at: False,
        steps: Sequence[str] = ("search", "upload", "download"),
    ) -> Run:
        """Synthetic transactions on both roads, `first` to `last` seconds after the beginning."""
        for count in range(round((last - first) * rate)):
            for road in ("users", "green"):
                at = first + count / rate
                failed = road == "users" and fails(at)
                latency = round(slow * (0.6 + self.random.random() ** 4 * 3.2), 4)
                self.request(road, steps[count % len(steps)], at, latency, failed=failed)
        return self

    def request(self, road: str, step: str, at: float, latency: float, *, failed: bool = False, **more: Any) -> None:
        said = {"gate": "transactions", "run": "r1", "n": self.number, "road": road, "step": step}
        said |= {"at": round(self.begin + at, 4), "latency": latency, "outcome": "failed" if failed else "ok"}
        said |= {"status": 500 if failed else 200, "slot": "green" if failed else "blue"}
        self.requests.append({**said, **({"error": "status 500 instead of 200"} if failed else {}), **more})
        self.number += 1

    def sessions(self, first: float, last: float, count: int = 20, *, lose: int = 0, every: float = 10.0) -> Run:
        """`count` sessions, each used every so many seconds; the last `lose` of them are lost in the middle."""
        at = first
        while at < last:
            for session in range(1, count + 1):
                gone = session > count - lose and at > (first + last) / 2
                more = {"session": session, "gate": "sessions", "run": "s1", "n": self.uses}
                self.uses, self.number = self.uses + 1, self.number - 1  # that gate has numbers of its own
                lost = {"lost": True} if gone else {}
                self.request("users", USE, at + session * every / count, 0.02, failed=gone, **more, **lost)
            at += every
        return self

    def gateway(self, weights: Mapping[float, int], last: float, rate: float = 40.0) -> Run:
        """One look a second, and one at every change; `weights`: the newcomer's from a moment on."""
        before = 0.0
        for at in sorted({*range(int(last) + 1), *weights, last}):
            weight = next(found for since, found in sorted(weights.items(), reverse=True) if since <= at)
            for slot, part in (("green", weight), ("blue", 100 - weight)):
                self.counted[slot] += rate * part / 100 * (at - before)
            counters = {
                slot: {"requests": round(count), "errors": 0, "refused": 0, "in_flight": 1}
                for slot, count in self.counted.items()
            }
            said = {"up": True, "weights": {"blue": 100 - weight, "green": weight}, "fallback": "blue"}
            said |= {"admission": {"blue": "open", "green": "open"}, "incarnation": "1", "counters": counters}
            self.looks.append({"at": self.begin + at, **said})
            before = at
        return self

    def answer(
        self, gate: str, at: float, outcome: str = "Successful", value: str = "", limit: str = "", **more: Any
    ) -> Run:
        said = {"at": self.begin + at, "gate": gate, "outcome": outcome, "value": value, "limit": limit}
        self.answers.append({**said, "samples": 1, "rung": 100, "reason": more.pop("reason", "ok"), "age": 0.1, **more})
        return self

    # ---- the pack ----------------------------------------------------------------------------------------------------

    def planned(
        self, *, without: Sequence[str] = (), gates: Sequence[Mapping[str, Any]] = tuple(GATES), **more: Any
    ) -> Run:
        """The plan that exactly foresees what happens, but for steps whose key is in `without`."""
        told = [(at, event) for at, _, event in self.events if key(event) and key(event) not in without]
        one = {
            "at": self.begin + 0.3,
            "late": False,
            "since": 0,
            "revision": "a" * 40,
            "digest": "d" * 64,
            "stable": {"slot": "blue", "version": self.old},
            "newcomer": {"slot": "green", "version": self.new},
            "seconds": self.now,
            "rollbackSeconds": 1.5,
            "ends": {"reason": "Synced", "message": "nothing to do"},
            "steps": [_planned(at, event) for at, event in told],
            "strategy": [describe(step) for step in STRATEGY],
            "gates": list(gates),
            "members": MEMBERS,
            "approvals": None,
            "durations": {
                "warmUp": 5,
                "soak": 1800,
                "drainTimeout": 30,
                "scaleDownDelay": 1800,
                "rollbackWindow": 86400,
            },
            "onFailure": "rollback",
            "migration": None,
            "snapshot": False,
        }
        self.plan = {**one, **more}
        return self

    def tally(self) -> Tally:
        """What a loop that looks as the streams say puts on record."""
        users = {"blue": Users(), "green": Users()}
        for before, now in pairwise(one for one in self.looks if "counters" in one):
            for slot, sums in users.items():
                was, is_ = before["counters"][slot], now["counters"][slot]
                if was is None or is_ is None:
                    continue
                failed = max(is_["errors"] - was["errors"], is_["refused"] - was["refused"])
                users[slot] = Users(sums.requests + is_["requests"] - was["requests"], sums.failed + failed)
        return Tally(up=self.now - self.outage, out=self.outage, users=Pair(users["blue"], users["green"]))

    def _with_tally(self) -> list[tuple[float, str, Event]]:
        """Put on record before the end, unless it was told otherwise."""
        *before, last = self.events
        if not (self.tells and self.looks and isinstance(last[2], Ended)):
            return self.events
        return [*before, (last[0], last[1], Watched(self.tally())), last]

    def rows(self) -> list[Row]:
        found: list[Row] = []
        start = int(self.transition.partition("-")[0])
        for number, (after, actor, event) in enumerate(self._with_tally()):
            at = datetime.fromtimestamp(self.begin + after, UTC).isoformat(timespec="milliseconds")
            previous = found[-1].digest if found else GENESIS
            elapsed = round(after - (self.events[number - 1][0] if number else 0.0), 3)
            said = {"actor": actor, "at": at, "elapsed": max(0.0, elapsed), "generation": 3, "previous": previous}
            found.append(seal(start + number, "production", event, **said))
        return found

    def write(self, root: Path) -> Pack:
        """The raw files of the pack."""
        pack = Pack(root / "production" / self.transition)
        pack.folder.mkdir(parents=True)
        rows = tuple(self.rows())
        plans = [self.plan] if self.plan else []
        found = Slice(rows, tuple(row.entry() for row in rows))
        pack.file(STEPS).write_text("".join(steps.lines(found, plans)), encoding="utf-8")
        if plans:
            plan.write(pack.file(PLAN), "production", self.transition, plans)
        for name, records in ((REQUESTS, self.requests), (GATEWAY, self.looks), (READINGS, self.answers)):
            stream = Stream(pack.file(name))
            for record in sorted(records, key=lambda one: float(one.get("at", 0.0)) + float(one.get("latency", 0.0))):
                stream.write(record)
            if name == REQUESTS and records and self.recorded:
                stream.write({"over": True, "at": records[-1].get("at", 0.0)})
            stream.close()
        return pack

    def material(self, root: Path) -> Material:
        return gather(self.write(root))


def _planned(at: float, event: Event) -> dict[str, Any]:
    what = event.act if isinstance(event, Intended) else event
    said = {"after": round(at, 3), "rule": "climb", "what": describe(what), "key": key(event), "because": ""}
    return {**said, "weight": None, "gates": []}


def prepared(run: Run, *, approvals: bool = False, **more: Any) -> Run:
    """Up to the newcomer's first weight."""
    run.began(**more)
    run.do(StageFiles(GREEN, run.new), rule="bring-up").do(Start(GREEN, run.new, ("api", "frontend")), rule="bring-up")
    run.do(Warm(GREEN, run.new), rule="bring-up")
    run.note(Judged(Outcome.INCONCLUSIVE, "sessions: 0 of 20 sessions are open"), after=1.0)
    run.note(
        StagePassed(Stage.PREFLIGHT, "dry-run Successful; shared-drive Successful; sessions Successful"), after=60.0
    )
    if approvals:
        plan = "9f" * 32
        run.note(ApprovalAsked(Stage.SHIFT, plan, "blue 1.4.1 -> green 1.4.2, rollback in 1.5 s"), after=1.0)
        said = {"age": 4.0, "verified": True, "reason": "reviewed with the team"}
        run.note(Approved(Stage.SHIFT, plan, "kim@corp.example", "c" * 40, **said), after=240.0)
        run.note(Admitted(Stage.SHIFT, plan, ("kim@corp.example",)), after=0.1)
    return run


def answered(run: Run, *, last: float) -> Run:
    """What the gates of `GATES` say of a good newcomer."""
    run.answer("dry-run", 2, value="exit code 0", limit="exit code 0", reason="the migration would go through")
    run.answer("shared-drive", 3, value="0", limit="<= 0", reason="0 left, twice in a row, 1s apart")
    every = max(5, int(last / 60))
    for at in range(1, int(last), every):
        kept = 0 if at < 60 else 20
        outcome = "Successful" if kept else "Inconclusive"
        value = f"{5 * kept} %: 20 sessions = {kept} kept + 0 lost + {20 - kept} unknown"
        run.answer("sessions", at, outcome, value, ">= 100 %")
        run.answer("transactions", at, value="users: 150 sent = 150 ok", limit="errors <= 0, p95 <= 1.45s")
        if at > 110:
            delay = 12 + 33 * max(0.0, 1 - abs(at - last / 2) / (last / 2))
            run.answer("queue", at, value=f"{delay:.3g} s", limit="<= 60s", reason="within the limit")
    run.answer("queue", last / 2, value="45 s", limit="<= 60s", reason="45 s is within the limit")
    run.answer("events", 5, value="0 errors, 0 warnings", limit="0 errors", reason="no error and no warning")
    value, reason = "0 errors, 2 warnings (informational)", "2 warnings: worker 1001 (2); 57 records since the mark"
    return run.answer("events", last - 5, value=value, limit="0 errors", reason=reason, alert="warnings of worker 1001")


def switched(run: Run | None = None, *, approvals: bool = False, soak: float = 1800.0) -> Run:
    """Shaped like the report in SCENARIO.md: 40 minutes, of which the stages took 30 seconds."""
    run = prepared(run or Run(), approvals=approvals)
    first = run.now + 0.1
    run.to(25).note(StepPassed(1, "transactions Successful"), after=14.7)
    half = run.now + 0.1
    run.to(50)
    full = run.now + 14.9
    run.to(100, after=14.9)
    run.do(Stop(BLUE, ("worker", "sync"), owner=True), after=1.0)
    run.note(LetGo(("worker", "sync")), after=0.2)
    run.do(Start(GREEN, run.new, ("worker", "sync"), owner=True))
    run.note(StepPassed(4, "", ("worker", "sync")), after=0.1)
    run.note(StagePassed(Stage.POSTFLIGHT, "queue Successful; events Successful"), after=400.0)
    run.note(SoakBegan())
    run.note(Ended(Phase.SUCCEEDED, "every gate Successful"), after=soak)
    last = run.now
    run.users(0, last, 4.0).sessions(5, last).gateway({0: 0, first: 25, half: 50, full: 100}, last)
    return answered(run, last=last).planned()


def rolled_back(run: Run | None = None) -> Run:
    """At 50 % it fails, and goes back."""
    run = prepared(run or Run())
    first = run.now + 0.1
    run.to(25).note(StepPassed(1, "transactions Successful"), after=14.0)
    half = run.now + 0.1
    run.to(50)
    foreseen = list(run.events)
    run.note(DriftFound(share(GREEN, 50), share(GREEN, 40), Pair(Open.OPEN, Open.OPEN)), after=2.0)
    why = "transactions: 9 of 210 requests failed, most often search by green: status 500 instead of 200"
    run.note(RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", why, hold=True), after=3.0)
    run.to(0, back=True)
    back = run.now
    run.note(Ended(Phase.ROLLED_BACK, why), after=0.2)
    last = run.now
    run.users(0, last, 10.0, fails=lambda at: half + 1 < at < back and int(at * 10) % 5 == 0)
    run.sessions(5, last, every=2.0).gateway({0: 0, first: 25, half: 50, back: 0}, last)
    run.looks[-1]["counters"]["green"]["errors"] = 9  # ours, and one of a user
    run.answer("dry-run", 2, value="exit code 0", limit="exit code 0")
    run.answer("transactions", first + 8, value="users: 80 sent = 80 ok", limit="errors <= 0, p95 <= 1.45s")
    run.answer(
        "transactions", back, "Failed", "users: 210 sent = 201 ok + 9 failed", "errors <= 0, p95 <= 1.45s", reason=why
    )
    told, run.events = run.events, foreseen
    run.planned()
    run.events = told
    return run


def killed(run: Run | None = None) -> Run:
    """At 25 % the loop is killed; somebody goes back by hand, and the next loop's first act is to see that."""
    run = prepared(run or Run())
    first = run.now + 0.1
    run.to(25)
    run.planned()
    gone = run.now + 5.0
    run.users(0, gone, 10.0).gateway({0: 0, first: 25}, gone)
    run.note(GenerationTaken(2), after=42.9)
    run.note(MovedByHand(all_on(BLUE), Pair(Open.OPEN, Open.CLOSED)), after=0.1)
    run.note(RollbackBegan(Phase.ROLLED_BACK, "MovedByHand", "somebody moved all traffic back by hand", hold=True))
    run.note(Watched(Tally(up=0.1, uncounted=0.1)), Ended(Phase.ROLLED_BACK, "somebody moved it by hand"))
    run.recorded = run.tells = False
    return run


def drilled(run: Run | None = None) -> Run:
    """A rehearsal of a rollback: to full weight, and back, as it was planned."""
    run = prepared(run or Run(new="1.4.1"), drill=DrillKind.ROLLBACK)
    first = run.now + 0.1
    run.to(25).note(StepPassed(1, "transactions Successful"), after=14.0)
    full = run.now + 0.1
    run.to(100)
    run.note(RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False))
    run.to(0, back=True)
    back = run.now
    run.note(Ended(Phase.ROLLED_BACK, "this is what is rehearsed"), after=0.2)
    last = run.now
    run.users(0, last + 3, 10.0).sessions(5, last + 3, every=2.0)
    run.gateway({0: 0, first: 25, full: 100, back: 0}, last)
    run.answer("dry-run", 2, value="exit code 0", limit="exit code 0")
    run.answer("transactions", back, "Inconclusive", "users: 0 sent", "errors <= 0, p95 <= 1.45s")
    return run.planned()


def bare(run: Run | None = None) -> Run:
    """Hardly anything is known: no plan, no streams."""
    run = run or Run()
    return run.began().note(Ended(Phase.ABORTED, "somebody asked"), after=1.0)


def text(data: object) -> str:
    return json.dumps(data, ensure_ascii=False)
