"""What was switched, when, how, and how it was watched; and what it proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.events import Intended, Phase
from reconciler.core.model import Analysis, HandOver, Pause, SetWeight, StrategyStep, Traffic
from reconciler.core.steps import Start
from reconciler.evidence.documents.measured import rehearsed, rollback, span
from reconciler.evidence.documents.plain import count, printable
from reconciler.evidence.documents.report import moving
from reconciler.evidence.documents.report.said import Said, Text, lasting, said
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.verdict import Verdict

ENDS = {f"phase.{name}" for name in ("Succeeded", "RolledBack", "Aborted", "Superseded", "Stalled", "unfinished")}


def facts(material: Material) -> Iterator[tuple[Said, Text]]:
    """What is told in the head, by name. Moments are told by the page, as each language tells them its own way."""
    began = material.steps.began
    yield (
        said("fact.strategy"),
        (
            said("fromTo", old=printable(began.stable), new=printable(began.newcomer)),
            said("all", of=tuple(map(_step, began.steps))) if began.steps else said("noStrategy"),
        ),
    )
    yield said("fact.tiers"), tiers(material)
    yield said("fact.monitoring"), watching(material)
    yield said("fact.revision"), printable(began.revision)


def _step(step: StrategyStep) -> Said:
    match step:
        case SetWeight(weight):
            return said("step.weight", weight=str(weight))
        case Pause(None):
            return said("step.promote")
        case Pause(duration):
            return said("step.pause", time=lasting(duration))
        case Analysis(at_most):
            return said("step.analysis", time=lasting(at_most))
        case HandOver(members):
            return said("step.handOver", names=", ".join(map(printable, members)))


def tiers(material: Material) -> Text:
    """The members of a slot, by the plan; without one, those of which it is known that they were started."""
    if material.plans:
        members = material.plans[-1]["members"]
        return said("all", of=tuple(_tier(one) for one in members))
    acts = [entry.event.act for entry in material.steps.entries if isinstance(entry.event, Intended)]
    started = dict.fromkeys(printable(name) for act in acts if isinstance(act, Start) for name in act.members)
    return said("startedMembers", names=", ".join(started)) if started else said("unknown")


def _tier(member: Mapping[str, Any]) -> Text:
    name = printable(member["name"])
    return said(f"tier.{member['traffic']}", name=name) if member["traffic"] in list(Traffic) else name


def watching(material: Material) -> Text:
    """By what it was watched, with how much was seen."""
    sent = sum(road.sent for road in material.account.roads.values())
    looks, unread = material.traffic.looks, material.traffic.unread
    return (
        said("watchedRequests", count=count(sent)),
        said("watchedGateway", looks=count(looks), unread=count(unread)),
        said("watchedGates", count=str(len(material.gates)), names=_names(material)),
        said("watchedJournal", count=count(len(material.steps.entries))),
    )


def _names(material: Material) -> Text:
    return ", ".join(printable(gate.gate) for gate in material.gates) or said("none")


def tiles(material: Material) -> Iterator[tuple[Said, Text, Text]]:
    """The few figures that are read first: name, value, and what has to be said beside it."""
    users, held = material.account.users, material.account.sessions
    first, last = span(material)
    ours = said("tile.ours", part=count(users.failed), all=count(users.sent)) if users else said("tile.noneOfOurs")
    yield said("tile.failed"), moving.failed(material), (said("tile.all"), ours)
    yield said("tile.down"), moving.downtime(material), _failing(material)
    slow = users.p95 if users else None
    yield said("tile.p95"), lasting(slow), said("tile.byOurs")
    yield said("tile.sessions"), f"{held.percent:g} %" if held.percent is not None else said("unknown"), ""
    yield said("tile.duration"), lasting(last - first), ""


def _failing(material: Material) -> Text:
    """Beside the downtime: what was not watched, or how long requests failed although somebody could serve."""
    found = material.account
    if not moving.watched(found):
        return moving.breaks(found)
    return said("failedFor", seconds=lasting(found.down)) if found.down else ""


def title(found: Verdict) -> Said:
    return said("title.drill", kind=said(f"drill.{found.drill}")) if found.drill else said("title")


def outcome(material: Material, found: Verdict) -> Text:
    key, turned = f"phase.{found.outcome}", rollback(material.steps.entries)
    how = "outcome.rehearsed" if turned and rehearsed(turned[1]) else "outcome"
    return said(how, outcome=said(key) if key in ENDS else printable(found.outcome))


def drill(material: Material, found: Verdict) -> Iterator[Said]:
    """What a drill was for, and whether that was done."""
    if not found.drill:
        return
    yield said("drill.part", kind=said(f"drill.{found.drill}"))
    turned = rollback(material.steps.entries)
    done = rehearsed(turned[1]) if turned else found.outcome == Phase.SUCCEEDED
    why = printable(turned[1].condition) if turned else printable(found.outcome)
    yield said("drill.done") if done else said("drill.notDone", condition=why)


def sentence(found: Verdict) -> Said:
    told = said(f"verdict.{found.zero_downtime}")
    return said("drill", kind=said(f"drill.{found.drill}"), verdict=told) if found.drill else told
