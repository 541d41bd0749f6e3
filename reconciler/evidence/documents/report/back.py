"""4. Ready to roll back: whether it was needed, how long it took, and what there is to go back with."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import DrillKind
from reconciler.core.reading import Trial
from reconciler.evidence.documents.measured import by_hand, rehearsed, rollback, snapshots, to_safety, trials
from reconciler.evidence.documents.plain import count, printable, size
from reconciler.evidence.documents.report.lines import Result, Row, Section
from reconciler.evidence.documents.report.said import Moment, Text, lasting, said
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.place import SCRIPTS


def section(material: Material) -> Section:
    return Section(
        "back", (_needed(material), _safety(material), _scripts(material), *_snapshots(material), *_trials(material))
    )


def _needed(material: Material) -> Row:
    found = rollback(material.steps.entries)
    if found is None:
        known = material.steps.ended is not None
        value = said("rollbackNotNeeded") if known else said("unknown")
        return Row(said("row.rollback"), value, Result.NOTED if known else Result.NOT_MEASURED)
    at, event = found
    if rehearsed(event):
        return Row(said("row.rollback"), said("rollbackRehearsed", at=Moment(at)), Result.NOTED)
    if hand := by_hand(material.steps.entries):
        return Row(said("row.rollback"), _moments(hand), Result.NOTED, note=printable(event.reason))
    value = said("rollbackNeeded", at=Moment(at), condition=printable(event.condition))
    return Row(said("row.rollback"), value, Result.NOTED, note=printable(event.reason))


def _moments(hand: tuple[float, float]) -> Text:
    return said("byHand", begin=Moment(hand[0]), end=Moment(hand[1]))


def _safety(material: Material) -> Row:
    item, foreseen = said("row.safety"), material.plan["rollbackSeconds"] if material.plan else None
    note = said("foreseen", seconds=lasting(foreseen)) if foreseen is not None else said("notForeseen")
    if rollback(material.steps.entries) is None or material.steps.began.drill is DrillKind.RESTORE:
        return Row(item, said("rollbackNotNeeded"), Result.NOTED, note=note)
    took = to_safety(material.steps.entries)
    if took is None and (hand := by_hand(material.steps.entries)):
        return Row(item, said("byHandUnknown"), Result.NOTED, note=_moments(hand))
    if took is None and not material.shifts:
        return Row(item, said("noWeight"), Result.NOTED, note=note)
    if took is None:
        return Row(item, said("notSafe"), Result.NOT_MEASURED, note=note)
    return Row(item, lasting(took), Result.NOTED, note=note)


def _scripts(material: Material) -> Row:
    """That they are there is all that a pack can tell; neither of them was run for it."""
    item = said("row.script")
    if not material.scripts:
        return Row(item, said("noScript", names=", ".join(SCRIPTS)), Result.NOT_MEASURED)
    return Row(item, tuple(said(f"script.{name}") for name in material.scripts), Result.NOTED, note=said("inPack"))


def _snapshots(material: Material) -> Iterator[Row]:
    found = snapshots(material.steps.entries)
    for one in found:
        value = said("snapshot", name=printable(one.name), size=size(one.size))
        yield Row(said("row.snapshot"), value, Result.PASS, note=f"SHA-256 {printable(one.digest)}")
    if not found:
        asked = material.plan is None or material.plan.get("snapshot", True)  # older plans do not say
        value, result = (said("noSnapshot"), Result.NOT_MEASURED) if asked else (said("noneAsked"), Result.NOT_ASKED)
        yield Row(said("row.snapshot"), value, result)


def _trials(material: Material) -> Iterator[Row]:
    """In a drill of it: how long a restore takes, beside the last time."""
    for one in trials(material.steps.entries):
        note = said("trialBefore", **_told(one.before)) if one.before else said("firstTrial")
        yield Row(said("row.trial"), said("trial", **_told(one.trial)), Result.PASS, note=note)
    asked = material.steps.began.drill is DrillKind.RESTORE
    if asked and not trials(material.steps.entries):
        yield Row(said("row.trial"), said("noTrial"), Result.FAIL)


def _told(trial: Trial) -> dict[str, Text]:
    return {"files": count(trial.files), "size": size(trial.bytes), "seconds": lasting(trial.took)}
