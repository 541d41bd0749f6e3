"""The documents for programs: `gates.json` and `approvals.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.core.events import (
    Admitted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Event,
    HoldBegan,
    Requested,
    StagePassed,
)
from reconciler.evidence.pack.material import Material
from reconciler.journal.codec import encode
from reconciler.wording import describe

APPROVING = ApprovalAsked | Approved | ApprovalVoided | Admitted | HoldBegan | Requested


def gates(material: Material) -> str:
    """Every gate: what the plan says of it, its answers, and in which stage it was passed."""
    known = {gate["name"]: gate for plan in material.plans for gate in plan["gates"]}
    answered = {found.gate: found for found in material.gates}
    told = [_gate(name, known.get(name), answered.get(name)) for name in dict.fromkeys([*known, *answered])]
    passed = [_told(entry) for entry in material.steps.entries if isinstance(entry.event, StagePassed)]
    return written({"gates": told, "stages": passed})


def approvals(material: Material) -> str:
    """Who was asked for what, who agreed, and what became void, as the journal has it."""
    found = [_told(entry) for entry in material.steps.entries if isinstance(entry.event, APPROVING)]
    asked = material.plan["approvals"] if material.plan else None
    return written({"required": asked, "entries": found})


def written(data: object) -> str:
    """JSON for people: the same for the same data, always."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _gate(name: str, plan: Mapping[str, Any] | None, found: Any) -> dict[str, Any]:
    if found is None:
        return {**(plan or {"name": name}), "answered": False}
    return {**(plan or {"name": name}), "answered": True, **encode(found)}


def _told(entry: Any) -> dict[str, Any]:
    event: Event = entry.event
    return {"seq": entry.seq, "at": entry.at, "actor": entry.actor, "what": describe(event), **encode(event)}
