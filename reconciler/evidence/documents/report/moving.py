"""2. Traffic switch: the stages as they were read back, and what users met meanwhile."""

from __future__ import annotations

from reconciler.core.model import Slot
from reconciler.evidence.documents.limits import slowest_allowed
from reconciler.evidence.documents.measured import turned_back
from reconciler.evidence.documents.plain import count, printable
from reconciler.evidence.documents.report.lines import Gates, Result, Row, Section
from reconciler.evidence.documents.report.said import Moment, Ours, Text, lasting, said
from reconciler.evidence.pack.account import Account, Totals
from reconciler.evidence.pack.material import Material

NONE = "0"


def section(material: Material) -> Section:
    found = material.account
    rows = [
        _stages(material),
        _counted(material),
        _down(material),
        _transactions(material),
        _errors(found),
        _slowest(material),
        _gap(found),
        _balance(found),
        _watched(found),
        *Gates(material).others("shift"),
    ]
    return Section("moving", tuple(rows))


def _stages(material: Material) -> Row:
    item = said("row.stages")
    read = material.traffic.weights
    if not material.shifts:
        return Row(item, said("noShift"), Result.NOT_REACHED if turned_back(material) else Result.NOT_MEASURED)
    weights = " → ".join(f"{shift.weight} %" for shift in material.shifts)
    took = lasting(material.shifts[-1].done - material.shifts[0].at)
    value = said("stages", count=str(len(material.shifts)), weights=f"0 % → {weights}", took=took)
    if not read:
        return Row(item, value, Result.NOT_MEASURED, note=said("notReadBack"))
    newcomer, now, last = material.steps.began.newcomer.slot, read[-1], material.shifts[-1]
    weight = now.blue if newcomer is Slot.BLUE else now.green
    back = {"blue": str(now.blue), "green": str(now.green)}
    if weight == last.weight:
        return Row(item, value, Result.PASS, said("asWritten"), said("readBack", **back))
    if now.at < last.done:
        return Row(item, value, Result.NOT_MEASURED, said("asWritten"), said("notSeen", **back))
    return Row(item, value, Result.FAIL, said("asWritten"), said("readBack", **back))


def _transactions(material: Material) -> Row:
    """What was sent as users send theirs, by step; judged in the next line."""
    steps = material.whole.steps
    if not steps:
        return Row(said("row.transactions"), said("nothingSent"), Result.NOT_MEASURED)
    told = ", ".join(f"{printable(name, 40) or '-'} {count(sum(by.values()))}" for name, by in sorted(steps.items()))
    return Row(said("row.transactions"), told, Result.NOTED)


def _errors(found: Account) -> Row:
    item, users = said("row.errors"), found.users
    if users is None:
        return Row(item, said("nothingSent"), Result.NOT_MEASURED, NONE)
    value = said("failed", failed=count(users.failed), sent=count(users.sent), unknown=count(users.unknown))
    note = said("failedFor", seconds=lasting(found.down)) if found.down else ""
    return Row(item, value, _clean(users, found), NONE, note)


def _clean(users: Totals, found: Account) -> Result:
    if users.failed:
        return Result.FAIL
    known = users.ok and not (users.unknown or found.missing or found.unheard or found.dropped)
    return Result.PASS if known else Result.NOT_MEASURED


def _slowest(material: Material) -> Row:
    item, users, limit = said("row.p95"), material.account.users, slowest_allowed(material)
    shown: Text = Ours(limit.text) if limit else ""
    if users is None or users.p95 is None:
        return Row(item, said("nothingAnswered"), Result.NOT_MEASURED, shown)
    rest = said("percentiles", p50=lasting(users.p50), p99=lasting(users.p99), slowest=lasting(users.slowest))
    if limit is None:
        return Row(item, lasting(users.p95), Result.NOTED, said("noLimit"), rest)
    return Row(item, lasting(users.p95), Result.PASS if limit.holds(users.p95) else Result.FAIL, shown, rest)


def _gap(found: Account) -> Row:
    if found.gap is None:
        return Row(said("row.gap"), said("unknown"), Result.NOT_MEASURED)
    since = said("from", at=Moment(found.gap_at))
    return Row(said("row.gap"), lasting(found.gap), Result.NOTED, said("noLimit"), since)


def downtime(material: Material) -> Text:
    """In which nobody could serve, as `reconcile kpi` counts it; what was not watched is not known."""
    found = material.served
    if found.down is not None and watched(material.account):
        return lasting(found.down)
    return said("atLeast", value=lasting(found.out)) if found.out else said("unknown")


def watched(found: Account) -> bool:
    """Was somebody there all the time?"""
    return found.complete and not found.unwatched


def _down(material: Material) -> Row:
    known = material.served.down is not None and watched(material.account)
    result = Result.FAIL if material.served.out else Result.PASS if known else Result.NOT_MEASURED
    return Row(said("row.down"), downtime(material), result, lasting(0), said("downNote"))


def _balance(found: Account) -> Row:
    """Every request accounted for: sent = ok + failed + unknown, on all roads."""
    roads = list(found.roads.values())
    sent, ok, failed, unknown = (
        (sum(part) for part in zip(*((r.sent, r.ok, r.failed, r.unknown) for r in roads), strict=True))
        if roads
        else (0, 0, 0, 0)
    )
    value = said("balance", sent=count(sent), ok=count(ok), failed=count(failed), unknown=count(unknown))
    lost = found.missing + found.unheard + found.dropped
    note = (
        said("unrecorded", missing=count(found.missing + found.unheard), dropped=count(found.dropped)) if lost else ""
    )
    whole = bool(sent) and not (unknown or lost)
    return Row(said("row.balance"), value, Result.PASS if whole else Result.NOT_MEASURED, said("allKnown"), note)


def _watched(found: Account) -> Row:
    item, limit = said("row.watched"), said("allTime")
    if not found.roads:
        return Row(item, said("unknown"), Result.NOT_MEASURED, limit, breaks(found))
    if watched(found):
        return Row(item, said("always"), Result.PASS, limit)
    value = said("unwatched", seconds=lasting(found.unwatched)) if found.unwatched else said("cutOff")
    return Row(item, value, Result.NOT_MEASURED, limit, breaks(found))


def breaks(found: Account) -> Text:
    return tuple(said("between", begin=Moment(begin), end=Moment(end)) for begin, end in found.breaks)


def failed(material: Material) -> Text:
    """Of all requests that the gateway counted, as `reconcile kpi` counts them. What is not whole is never zero."""
    found = material.served
    if found.whole:
        return said("ofMany", part=count(found.failed), all=count(found.requests))
    return said("atLeast", value=count(found.failed)) if found.failed else said("unknown")


def _counted(material: Material) -> Row:
    """The newcomer's errors are the switch's; whether stable's are, nobody can tell."""
    item, found = said("row.counted"), material.served
    told = tuple(
        said("counted", slot=slot, requests=count(one.requests), errors=count(one.failed))
        for slot, one in found.slots.items()
    )
    note: Text = said("countedNote")
    if not found.whole:
        note = (said("uncounted", seconds=lasting(found.uncounted)), note)
    if found.later:
        note = (said("countedLater", count=count(sum(found.later.values()))), note)
    return Row(item, told if found.requests or found.whole else said("notCounted"), _counts(material), NONE, note)


def _counts(material: Material) -> Result:
    found = material.served
    bad = {slot for slot, one in found.slots.items() if one.failed} | set(found.later)
    if str(material.steps.began.newcomer.slot) in bad:
        return Result.FAIL
    return Result.PASS if found.whole and not bad else Result.NOT_MEASURED
