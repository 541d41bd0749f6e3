"""1. Pre-verification: what was proved before anybody's traffic moved."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.events import Admitted, ApprovalAsked, Approved, Migrated, StagePassed
from reconciler.core.model import Stage
from reconciler.evidence.access import moment
from reconciler.evidence.documents.chapters import Chapter
from reconciler.evidence.documents.measured import of, turned_back
from reconciler.evidence.documents.plain import printable
from reconciler.evidence.documents.report.lines import Gates, Result, Row, Section, missed
from reconciler.evidence.documents.report.said import Moment, Text, said
from reconciler.evidence.pack.material import Material


def section(material: Material) -> Section:
    gates = Gates(material)
    rows = [
        *gates.rows(said("row.dryRun"), "migration"),
        *_drained(gates),
        *gates.others("preflight", "migrate"),
        _migrated(material),
        _passed(material),
        _approved(material),
    ]
    return Section("before", tuple(rows))


def _drained(gates: Gates) -> Iterator[Row]:
    """Those of the hand-over have their line there."""
    counted = [*gates.of("queue-drained"), *(name for name in gates.of("share") if _counts(gates, name))]
    yield from (gates.row(said("row.drained"), name) for name in counted if not gates.hands_over(name))
    if not counted:
        yield from gates.rows(said("row.drained"), "queue-drained")


def _counts(gates: Gates, name: str) -> bool:
    """A share without a queue has no figure; with one, it has this line beside its own."""
    found = gates.answer(name)
    return found is not None and bool(found.value)


def _migrated(material: Material) -> Row:
    item = said("row.migrated")
    done = of(material.steps.entries, Migrated)
    if done and isinstance(done[-1].event, Migrated):
        event = done[-1].event
        note = printable(event.evidence) or ""
        return Row(item, said("migrated", version=printable(event.version)), Result.PASS, note=note)
    if material.plans and not material.plans[-1]["migration"] and not material.steps.began.migrates:
        return Row(item, said("noMigration"), Result.NOT_ASKED)
    if missed(material, Chapter.MIGRATE):
        return Row(item, said("notReachedBefore"), Result.NOT_REACHED)
    return Row(item, said("notMigrated"), Result.NOT_MEASURED)


def _passed(material: Material) -> Row:
    """By the journal: the stage is on record as passed, with its evidence."""
    for entry in of(material.steps.entries, StagePassed):
        if isinstance(entry.event, StagePassed) and entry.event.stage is Stage.PREFLIGHT:
            return Row(
                said("row.preflight"),
                said("stagePassed", at=Moment(moment(entry.at), day=True)),
                Result.PASS,
                note=printable(entry.event.evidence),
            )
    result = Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED
    return Row(said("row.preflight"), said("stageNotPassed"), result)


def _approved(material: Material) -> Row:
    item, entries = said("row.approvals"), material.steps.entries
    asked, given = of(entries, ApprovalAsked), of(entries, Approved)
    if not asked:
        required = material.plan["approvals"] if material.plan else None
        none: Text = said("noApproval") if material.plan and not required else said("notApproved")
        if material.plan and not required:
            return Row(item, none, Result.NOT_ASKED)
        return Row(item, none, Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED)
    names = ", ".join(printable(one.event.by) for one in given if isinstance(one.event, Approved)) or said("nobody")
    admitted = bool(of(entries, Admitted))
    stages = ", ".join(str(one.event.stage) for one in asked if isinstance(one.event, ApprovalAsked))
    open_ = Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED
    value = said("approved", stages=stages, names=names)
    return Row(item, value, Result.PASS if admitted else open_)
