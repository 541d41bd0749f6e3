"""`switch.log`: one line for everything that happened, in UTC, for whoever reads it at two in the morning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.core.events import (
    Admitted,
    Adopted,
    Applied,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Ended,
    Event,
    Intended,
    Judged,
    LetGo,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
    Watched,
)
from reconciler.core.steps import Result
from reconciler.evidence.access import moment
from reconciler.evidence.documents.causes import causes
from reconciler.evidence.documents.measured import rehearsed
from reconciler.evidence.documents.plain import clock, count, day, minute, printable, seconds, times
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.verdict import verdict
from reconciler.journal.entry import Entry
from reconciler.wording import describe

APPROVING = ApprovalAsked | Approved | ApprovalVoided | Admitted


class Line(NamedTuple):
    at: float
    word: str
    text: str


def switch_log(material: Material) -> str:
    parts = (_head(material), _planned(material), _happened(material), _measured(material), _end(material))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(material: Material) -> Iterator[str]:
    began, first = material.steps.began, material.steps.entries[0]
    drill = f"drill ({began.drill}), " if began.drill else ""
    yield f"{printable(material.environment)}: {drill}transition {printable(material.transition)}"
    yield f"{printable(began.stable)} -> {printable(began.newcomer)}, revision {printable(began.revision[:12])}"
    yield f"It began on {day(moment(first.at))}. All times are UTC."


def _planned(material: Material) -> Iterator[str]:
    plan = material.plan
    if plan is None:
        yield "PLANNED: unknown, there is no plan in this pack"
        return
    late = ", under way already" if plan["late"] else ""
    lasts = seconds(plan["seconds"]) if plan["seconds"] is not None else "until somebody is waited for"
    yield f"PLANNED at {clock(plan['at'])}{late}: {len(plan['steps'])} steps, {lasts}"
    for number, step in enumerate(plan["steps"], 1):
        yield f"  {number:3}  +{step['after']:8.1f} s  {printable(step['what'])}"
    for changed in material.plans[1:]:
        yield f"CHANGED at {clock(changed['at'])}: {len(changed['steps'])} steps from there on"


def _happened(material: Material) -> Iterator[str]:
    yield "HAPPENED"
    lines = [*_journal(material), *_gateway(material), *_failures(material)]
    yield from (f"  {clock(at)}  {word:9} {text}" for at, word, text in sorted(lines, key=lambda line: line.at))


def _journal(material: Material) -> Iterator[Line]:
    for entry in material.steps.entries:
        if not isinstance(entry.event, Watched):
            yield Line(moment(entry.at), _word(entry.event), printable(_text(entry)))


def _text(entry: Entry) -> str:
    who = f" ({entry.actor})" if isinstance(entry.event, APPROVING | Began) else ""
    match entry.event:
        case Intended(act, rule, reason):
            return f"{describe(act)} ({rule}{': ' if reason else ''}{reason})"
        case Applied(result, reason):
            return f"{result}{': ' if reason else ', read back'}{reason}"
    return f"{describe(entry.event)}{who}"


def _word(event: Event) -> str:
    match event:
        case Intended():
            return "do"
        case Applied(result):
            return "done" if result is Result.DONE else "NOT DONE"
        case StagePassed() | StepPassed() | LetGo() | SoakBegan():
            return "passed" if not isinstance(event, SoakBegan) else "soak"
        case Judged():
            return "gates"
        case RollbackBegan():
            return "back" if rehearsed(event) else "GO BACK"
        case Began():
            return "begin"
        case Ended() | Adopted():
            return "end"
    return "approval" if isinstance(event, APPROVING) else "note"


def _gateway(material: Material) -> Iterator[Line]:
    for change in material.traffic.weights:
        yield Line(change.at, "read back", f"the gateway stands at blue {change.blue} %, green {change.green} %")


def _failures(material: Material) -> Iterator[Line]:
    for failed in material.account.failures:
        why = failed.get("error") or f"status {failed.get('status', 'unknown')}"
        where = f"by the road {failed['road']}, answered by {failed.get('slot', 'nobody')}"
        text = f"{failed.get('step', 'a request')} {where}: {why}"
        yield Line(float(failed["at"]), "FAILED", printable(text))


def _measured(material: Material) -> Iterator[str]:
    found = material.account
    yield "MEASURED"
    for name, road in found.roads.items():
        ok, failed, unknown = count(road.ok), count(road.failed), count(road.unknown)
        sums = f"{count(road.sent)} sent = {ok} ok + {failed} failed + {unknown} unknown"
        slow = f"P50 {seconds(road.p50)}, P95 {seconds(road.p95)}, P99 {seconds(road.p99)}" if road.ok else "no latency"
        yield f"  test requests by the road {printable(name)}: {sums}; {slow}"
    if not found.roads:
        yield "  test requests: none, nothing was measured"
    yield from _counted(material)
    for begin, end in found.breaks:
        yield f"  nobody measured from {clock(begin)} to {clock(end)}, for {seconds(end - begin)}"
    held = found.sessions
    yield f"  sessions: {held.opened} opened before = {held.kept} kept + {held.lost} lost + {held.unknown} unknown"
    for gate in material.gates:
        limit = f", limit {gate.limit}" if gate.limit else ""
        peak = f", highest {gate.highest}" if gate.highest else ""
        said = f"gate {gate.gate}: {gate.outcome}, last value {gate.value or 'none'}{peak}{limit}: {gate.reason}"
        yield f"  {printable(said, 900)}"
    for cause in causes(material):
        yield f"  warning, {times(cause.count)}, {printable(cause.source)}: {printable(cause.text)}"


def _counted(material: Material) -> Iterator[str]:
    """As `reconcile kpi` counts; a gateway cannot tell users' requests from ours."""
    found = material.served
    for slot, one in found.slots.items():
        whole = "" if found.whole else ", at least"
        yield f"  counted by the gateway in {slot}{whole}: {count(one.failed)} of {count(one.requests)} requests failed"
    for slot, more in found.later.items():
        yield f"  counted by the gateway in {slot}, and not told by the journal: {count(more)} more errors"
    if not found.whole:
        yield f"  for {seconds(found.uncounted)} it is not on record what the gateway counted"
    down = f"at least {seconds(found.out)}" if found.down is None else seconds(found.down)
    yield f"  downtime: {'unknown' if found.down is None and not found.out else down}"


def _end(material: Material) -> Iterator[str]:
    found, agreed = verdict(material), material.agreement
    last = material.steps.entries[-1]
    yield f"END at {minute(moment(last.at))}: {found.outcome}"
    forward = agreed.taken - len(agreed.back)
    yield f"STEPS: {agreed.planned} planned, {forward} taken: {'they agree' if agreed.agrees else 'they differ'}"
    if agreed.back:
        yield f"  then it turned back: {len(agreed.unreached)} planned not reached, {len(agreed.back)} on the way back"
    yield from (f"  planned, and not taken: {printable(step)}" for step in agreed.missing)
    yield from (f"  taken, and not planned: {printable(step)}" for step in agreed.extra)
    yield f"ZERO DOWNTIME: {found.zero_downtime}"
    yield from (f"  {printable(reason)}" for reason in found.reasons)
