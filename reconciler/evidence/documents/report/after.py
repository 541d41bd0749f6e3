"""3. Post-verification: what was proved at full weight."""

from __future__ import annotations

from reconciler.core.events import Phase, StepPassed
from reconciler.core.model import HandOver
from reconciler.evidence.documents.chapters import Chapter
from reconciler.evidence.documents.measured import of, soaked, turned_back
from reconciler.evidence.documents.plain import printable
from reconciler.evidence.documents.report.lines import Gates, Result, Row, Section, missed
from reconciler.evidence.documents.report.said import Text, lasting, said
from reconciler.evidence.documents.unowned import Unowned, unowned
from reconciler.evidence.pack.material import Material

ALL = "100 %"


def section(material: Material) -> Section:
    gates = Gates(material)
    rows = [
        *gates.rows(said("row.queue"), "queue-delay", peak=True),
        *gates.rows(said("row.events"), "windows-event-log"),
        _sessions(material),
        _handed(material),
        *(gates.row(said("row.emptied", name=printable(name)), name) for name in _emptied(gates)),
        *gates.others("handOver", "postflight"),
        *gates.others(),
        _soaked(material),
    ]
    return Section("after", tuple(rows))


def _emptied(gates: Gates) -> list[str]:
    return [name for name in gates.of("queue-drained") if gates.hands_over(name)]


def _sessions(material: Material) -> Row:
    """One by one: opened before the first weight, and used after the last one."""
    item, found = said("row.sessions"), material.account.sessions
    if found.percent is None:
        asked = Gates(material).of("sessions") or not material.plans
        result = Result.NOT_MEASURED if asked else Result.NOT_ASKED
        if asked and turned_back(material) and not material.shifts:
            result = Result.NOT_REACHED
        return Row(item, said("noSessions"), result, ALL)
    sums = {name: str(getattr(found, name)) for name in ("opened", "kept", "lost", "unknown")}
    value = said("sessions", percent=f"{found.percent:g}", **sums)
    if found.lost:
        return Row(item, value, Result.FAIL, ALL)
    return Row(item, value, Result.PASS if found.kept == found.opened else Result.NOT_MEASURED, ALL)


def _handed(material: Material) -> Row:
    item = said("row.handOver")
    asked = [name for step in material.steps.began.steps if isinstance(step, HandOver) for name in step.members]
    if not asked:
        return Row(item, said("noHandOver"), Result.NOTED)
    events = [entry.event for entry in of(material.steps.entries, StepPassed)]
    handed = {name for event in events if isinstance(event, StepPassed) for name in event.handed}
    told = ", ".join(map(printable, asked))
    if handed.issuperset(asked):
        return Row(item, _without_owner(told, unowned(material.steps.entries)), Result.PASS)
    if missed(material, Chapter.HAND_OVER):
        return Row(item, said("notReachedBefore"), Result.NOT_REACHED)
    return Row(item, said("notHandedOver", names=told), Result.NOT_MEASURED)


def _without_owner(names: str, found: Unowned | None) -> Text:
    if found is None:
        return said("handedOver", names=names)
    return said("handedOverIn" if found.exact else "handedOverWithin", names=names, gap=lasting(found.seconds))


def _soaked(material: Material) -> Row:
    item, lasted, ended = said("row.soak"), soaked(material.steps.entries), material.steps.ended
    asked = lasting(material.plans[-1]["durations"]["soak"]) if material.plans else ""
    limit = said("atLeast", value=asked) if asked else ""
    if lasted is None:
        result = Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED
        return Row(item, said("noSoak"), result, limit)
    through = ended is not None and ended.phase is Phase.SUCCEEDED
    back = Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED
    return Row(item, said("soaked", seconds=lasting(lasted)), Result.PASS if through else back, limit)
