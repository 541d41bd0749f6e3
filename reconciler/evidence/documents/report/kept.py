"""Evidence kept, and whether the steps taken are those of the plan; what is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.evidence.documents.causes import causes
from reconciler.evidence.documents.measured import rehearsed, rollback
from reconciler.evidence.documents.plain import count, printable
from reconciler.evidence.documents.report import moving
from reconciler.evidence.documents.report.lines import Result, Row, Section
from reconciler.evidence.documents.report.said import Text, said
from reconciler.evidence.pack.material import Material

LOG, DASHBOARD, LOGBOOK = "switch.log", "dashboard.png", "logbook.md"


def section(material: Material) -> Section:
    first, last = material.steps.rows[0], material.steps.rows[-1]
    rows = [
        Row(said("row.log"), LOG, Result.NOTED),
        Row(said("row.dashboard"), DASHBOARD, Result.NOTED),
        Row(said("row.logbook"), LOGBOOK, Result.NOTED),
        agreement(material),
        Row(said("row.plan"), printable(material.steps.began.digest), Result.NOTED),
        Row(
            said("row.journal"),
            said("entries", first=str(first.seq), last=str(last.seq)),
            Result.NOTED,
            note=last.digest,
        ),
        Row(said("row.before"), first.previous, Result.NOTED, note=said("beforeNote")),
        Row(said("row.manifest"), said("manifest"), Result.NOTED, note=said("verifyNote")),
    ]
    return Section("kept", tuple(rows))


def agreement(material: Material) -> Row:
    found = material.agreement
    forward = found.taken - len(found.back)
    value: Text = said("agreement", planned=str(found.planned), taken=str(forward))
    if found.back:
        value = (value, said("turned", unreached=str(len(found.unreached)), back=str(len(found.back))))
    if not material.plans:
        return Row(said("row.runbook"), said("noPlan"), Result.NOT_MEASURED, said("allAsPlanned"))
    differs = said("differs", missing=str(len(found.missing)), extra=str(len(found.extra)))
    if found.agrees:
        return Row(said("row.runbook"), value, Result.PASS, said("allAsPlanned"))
    return Row(said("row.runbook"), value, Result.FAIL, said("allAsPlanned"), differs)


def left(material: Material, sections: Sequence[Section]) -> Iterator[Text]:
    """What somebody still has to look at, the gravest first."""
    rows = [row for one in sections for row in one.rows]
    back = rollback(material.steps.entries)
    if back and not rehearsed(back[1]):
        yield said("left.rollback", condition=printable(back[1].condition), reason=printable(back[1].reason))
    yield from (said("left.failed", item=row.item, value=row.value) for row in rows if row.result is Result.FAIL)
    for cause in causes(material):
        yield said(
            "left.cause", source=printable(cause.source), text=printable(cause.text), times=said_times(cause.count)
        )
    if unknown := tuple(row.item for row in rows if row.result is Result.NOT_MEASURED):
        yield said("left.measure", items=unknown)
    yield _figure(material)
    yield said("left.rehearse")


def _figure(material: Material) -> Text:
    """What of it goes into the month's figures, as `reconcile kpi` has it: to the same place behind the point."""
    found = material.served
    down = said("minutesOf", minutes=f"{found.down / 60:.2f}") if found.down is not None else said("unknown")
    if found.per_million is None:
        return said("left.figureUnknown", minutes=down, failed=moving.failed(material))
    share, sums = f"{found.per_million:,.1f}", {"failed": count(found.failed), "requests": count(found.requests)}
    return said("left.figure", minutes=down, share=share, **sums)


def said_times(value: int) -> Text:
    return said("once") if value == 1 else said("times", count=count(value))
