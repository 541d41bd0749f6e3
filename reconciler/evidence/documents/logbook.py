"""`logbook.md`: in plain English, one paragraph for every stage that happened: what was reviewed, what was done, what
was found, what comes next. Whole sentences from what is on record; what is not known is said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.events import (
    Admitted,
    Applied,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    DriftFound,
    Ended,
    Event,
    Froze,
    HealthNoted,
    HoldBegan,
    Intended,
    Judged,
    LetGo,
    Migrated,
    MigrationNoted,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RequestRefused,
    RestoreTried,
    RollbackBegan,
    SnapshotTaken,
    SoakBegan,
    StagePassed,
    StepPassed,
    Thawed,
)
from reconciler.core.model import Outcome
from reconciler.core.steps import Result
from reconciler.evidence.access import moment
from reconciler.evidence.documents import measured
from reconciler.evidence.documents.chapters import ASKING, GATES, Chapter, chapters
from reconciler.evidence.documents.plain import clock, count, day, printable, seconds
from reconciler.evidence.documents.unowned import unowned
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.verdict import Proof, verdict
from reconciler.journal.entry import Entry
from reconciler.wording import describe

TITLES: Mapping[Chapter, str] = {
    Chapter.PREFLIGHT: "Preflight",
    Chapter.MIGRATE: "Migrate",
    Chapter.SHIFT: "Shift",
    Chapter.HAND_OVER: "Hand over",
    Chapter.POSTFLIGHT: "Postflight",
    Chapter.SOAK: "Soak",
    Chapter.FINALISE: "Finalise",
    Chapter.ROLLBACK: "Rollback",
}
FOUND = (
    StagePassed
    | StepPassed
    | LetGo
    | Migrated
    | MigrationNoted
    | HealthNoted
    | DriftFound
    | HoldBegan
    | PausedByRule
    | SnapshotTaken
    | RestoreTried
)
SAID = Requested | RequestRefused | Froze | Thawed | Rebound | SoakBegan
SENTENCES: Mapping[Proof, str] = {
    Proof.PROVED: "It is proved that users met no interruption and no error",
    Proof.NOT_PROVED: "It is not proved that users met no interruption and no error",
    Proof.REFUTED: "Users met an interruption or an error",
}


def logbook(material: Material) -> str:
    told = chapters(material.steps.entries)
    names = list(told)
    parts = [_head(material)]
    for number, (chapter, entries) in enumerate(told.items()):
        after = names[number + 1] if number + 1 < len(names) else None
        parts.append(_paragraph(material, chapter, entries, told[after] if after else None, after))
    return "\n\n".join([*parts, _end(material)]) + "\n"


def _head(material: Material) -> str:
    began, first = material.steps.began, moment(material.steps.entries[0].at)
    drill = f" as a drill ({began.drill}), with stable's own version" if began.drill else ""
    sentences = [
        f"On {day(first)} at {clock(first)} (UTC, like all times here) transition {plain(material.transition)} of "
        f"{plain(material.environment)} began{drill}, from {plain(began.stable)} to {plain(began.newcomer)}, for "
        f"revision {plain(began.revision[:12])}.",
        f"It was to go back at once: {plain(began.back)}." if began.back else "",
        _plan(material),
    ]
    named = f" (drill: {began.drill})" if began.drill else ""
    return f"# Logbook of {plain(material.environment)}, {plain(material.transition)}{named}\n\n{_joined(sentences)}"


def _plan(material: Material) -> str:
    plan = material.plan
    if plan is None:
        return "What had been planned is unknown, as this pack holds no plan."
    late = ", made when it was under way already," if plan["late"] else ""
    lasts = f"{seconds(plan['seconds'])} were foreseen" if plan["seconds"] is not None else "no time was foreseen"
    back = plan["rollbackSeconds"]
    rollback = f", and {seconds(back)} for a way back" if back is not None else ""
    return f"The plan{late} has {material.agreement.planned} steps; {lasts}{rollback}."


def _paragraph(
    material: Material, chapter: Chapter, entries: Sequence[Entry], later: Sequence[Entry] | None, after: Chapter | None
) -> str:
    sentences = [
        *_reviewed(material, chapter, entries),
        *_done(entries),
        *_found(entries),
        *_figures(material, chapter),
        _next(material, entries, later, after),
    ]
    return f"## {TITLES[chapter]}\n\n{_joined(sentences)}"


# ---- what was reviewed -----------------------------------------------------------------------------------------------


def _reviewed(material: Material, chapter: Chapter, entries: Sequence[Entry]) -> Iterator[str]:
    if chapter in GATES:
        yield _gates(material, chapter)
    for entry in entries:
        if isinstance(entry.event, ASKING):
            yield _asking(entry)


def _gates(material: Material, chapter: Chapter) -> str:
    if material.plan is None:
        return "Which gates were to be asked in this stage is unknown."
    plan = material.plans[-1]
    names = [plain(gate["name"]) for gate in plan["gates"] if gate["stage"] in map(str, GATES[chapter])]
    if not names:
        return "By the plan no gate belongs to this stage."
    return f"Reviewed {'was the gate' if len(names) == 1 else 'were the gates'} {_listed(names)}."


def _asking(entry: Entry) -> str:
    at = clock(moment(entry.at))
    match entry.event:
        case ApprovalAsked(stage, plan):
            return f"At {at} approval was asked before {stage}, of plan {plain(plan[:12])}."
        case Approved(stage, plan, by, verified=verified, reason=reason):
            signed = "with a verified signature" if verified else "without a signature that was verified"
            because = f", saying: {plain(reason)}" if reason else ""
            return f"At {at} {plain(by)} approved {stage}, plan {plain(plan[:12])}, {signed}{because}."
        case ApprovalVoided(stage, _, reason):
            return f"At {at} what was asked or agreed to before {stage} became void: {plain(reason)}."
        case Admitted(stage, by=by) if by:
            return f"At {at} enough had agreed ({_listed([plain(one) for one in by])}), so {stage} might begin."
    return f"At {at} the stage might begin."


# ---- what was done ---------------------------------------------------------------------------------------------------


def _done(entries: Sequence[Entry]) -> Iterator[str]:
    done, other = _acts(entries)
    if done:
        steps = (
            "This was done, and read back:" if len(done) == 1 else f"These {len(done)} steps were done, and read back:"
        )
        yield f"{steps} {'; '.join(done)}."
    yield from other
    if not done and not other:
        yield "Nothing was changed in it."


def _acts(entries: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """What was done, and sentences about what may not have been."""
    done: list[str] = []
    other: list[str] = []
    intent = ""
    for entry in entries:
        match entry.event:
            case Intended(act):
                if intent:
                    other.append(f"What became of this step is not on record: {intent}.")
                intent = plain(describe(act))
            case Applied(Result.DONE):
                done.append(f"{intent or 'a step that was begun before'} ({clock(moment(entry.at))})")
                intent = ""
            case Applied(result, reason):
                because = f", because: {plain(reason)}" if reason else ""
                other.append(
                    f"At {clock(moment(entry.at))} a step was not done ({result}{because}): {intent or 'unknown'}."
                )
                intent = ""
    if intent:
        other.append(f"What became of this step is not on record: {intent}.")
    return done, other


# ---- what was found --------------------------------------------------------------------------------------------------


def _found(entries: Sequence[Entry]) -> Iterator[str]:
    facts = [entry for entry in entries if isinstance(entry.event, FOUND | SAID) or _bad(entry.event)]
    if facts:
        told = (f"{plain(describe(one.event))} ({clock(moment(one.at))})" for one in facts)
        yield f"This was found: {'; '.join(told)}."
    for entry in entries:
        event, at = entry.event, clock(moment(entry.at))
        if isinstance(event, RollbackBegan):
            yield from _back(event, at)
        elif isinstance(event, Ended):
            because = f", because: {plain(event.reason)}" if event.reason else ""
            yield f"At {at} it ended: {event.phase}{because}."


def _bad(event: Event) -> bool:
    return isinstance(event, Judged) and event.outcome in (Outcome.FAILED, Outcome.ERROR)


def _back(event: RollbackBegan, at: str) -> Iterator[str]:
    if measured.rehearsed(event):
        yield f"At {at} it began to go back, which is what was rehearsed."
        return
    yield f"At {at} it began to go back ({plain(event.condition)}): {plain(event.reason)}."
    if event.hold:
        yield "The newcomer's version is held: it is not tried again until another is pinned, or somebody says retry."


def _figures(material: Material, chapter: Chapter) -> Iterator[str]:
    if chapter is Chapter.SHIFT:
        yield from _users(material)
    if chapter is Chapter.HAND_OVER and (gap := unowned(material.steps.entries)):
        yield f"Nobody owned the exclusive members for {'' if gap.exact else 'at most '}{seconds(gap.seconds)}."
    stages = [str(stage) for stage in GATES.get(chapter, ())]
    plan = material.plans[-1] if material.plans else {"gates": []}
    names = {str(gate["name"]) for gate in plan["gates"] if gate["stage"] in stages}
    for gate in material.gates:
        if gate.gate in names:
            value = f", with {plain(gate.highest or gate.value)}" if gate.value else ""
            limit = f" (expected: {plain(gate.limit)})" if gate.limit else ""
            yield f"The last answer of {plain(gate.gate)} was {plain(gate.outcome)}{value}{limit}."


def _users(material: Material) -> Iterator[str]:
    users, found, all_ = material.account.users, material.account, material.served
    if all_.whole:
        yield (
            f"The gateway counted {count(all_.requests)} requests, users' and test requests together, of which "
            f"{count(all_.failed)} failed."
        )
    else:
        yield f"What the gateway counted is not on record for {seconds(all_.uncounted)}."
    for begin, end in found.breaks:
        yield f"Nobody measured from {clock(begin)} to {clock(end)}."
    if users is None:
        yield "No test request was sent as users send theirs."
        return
    unknown = f", and of {count(users.unknown)} it is unknown" if users.unknown else ""
    yield (
        f"Over the whole transition {count(users.sent)} test requests were sent as users send theirs: "
        f"{count(users.ok)} were answered well, {count(users.failed)} failed{unknown}; their P95 was "
        f"{seconds(users.p95)}."
    )
    if found.sessions.opened:
        held = found.sessions
        yield f"Of {held.opened} sessions {held.kept} were kept, {held.lost} lost, and {held.unknown} are unknown."


# ---- what comes next -------------------------------------------------------------------------------------------------


def _next(material: Material, entries: Sequence[Entry], later: Sequence[Entry] | None, after: Chapter | None) -> str:
    if after and later:
        return f"Next came: {TITLES[after].lower()}, from {clock(moment(later[0].at))} on."
    last = entries[-1].event
    return _after(material, last) if isinstance(last, Ended) else "What comes next is unknown: the record ends here."


def _after(material: Material, ended: Ended) -> str:
    turned = measured.rollback(material.steps.entries)
    if turned and measured.rehearsed(turned[1]):
        return "The drill did what it was to rehearse; next, the slot that it used is stopped."
    if ended.phase is not Phase.SUCCEEDED:
        return "Next, nothing more is tried before somebody asks for it or commits something else."
    if not material.plans:
        return "When the old slot will be stopped is unknown."
    lasts = material.plans[-1]["durations"]
    stop, back = seconds(lasts["scaleDownDelay"]), seconds(lasts["rollbackWindow"])
    return f"Next, the old slot stays up for {stop}, and a rollback may be asked for within {back}."


def _end(material: Material) -> str:
    found, agreed = verdict(material), material.agreement
    steps = "The steps that were taken are those that were planned."
    if not material.plans:
        steps = "Whether the steps that were taken are those that were planned is unknown."
    elif not agreed.agrees:
        missing, extra = len(agreed.missing), len(agreed.extra)
        steps = f"Of the planned steps {missing} were not taken, and {extra} were taken that were not planned."
    if agreed.back:
        steps += f" It turned back before {len(agreed.unreached)} planned steps, by {len(agreed.back)} others."
    why = "; ".join(plain(reason) for reason in found.reasons)
    verdicts = f"{SENTENCES[found.zero_downtime]}{f': {why}' if why else ''}."
    return f"## Verdict\n\n{_joined([f'It ended as {found.outcome}.', verdicts, steps])}"


# ---- words -----------------------------------------------------------------------------------------------------------


def plain(text: object) -> str:
    """Text that somebody else has written, so that it is no markup, and ends without a full stop."""
    found = re.sub(r"([\\`*\[\]|#]|<(?=[A-Za-z/!?])|&(?=[A-Za-z#]))", r"\\\1", printable(text))
    return found.rstrip(".")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _joined(sentences: Sequence[str]) -> str:
    return " ".join(one for one in sentences if one)
