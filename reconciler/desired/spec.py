"""From the manifest as written to the core's `Spec`, and the digests that say whether two are the same.

Digests are of canonical JSON with defaults left out: writing a default down, reordering keys, or a later release that
knows more keys does not make another environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from reconciler.core.model import (
    Analysis,
    Approvals,
    DrillPolicy,
    GateSpec,
    HandOver,
    Limits,
    Member,
    Migration,
    Pair,
    Pause,
    Pin,
    SetWeight,
    Snapshot,
    Spec,
    Stage,
    StrategyStep,
    Traffic,
)
from reconciler.desired.document import Approvals as Asked
from reconciler.desired.document import Body, Document, DrillEntry, GateChoice, Gates, Migrate, SlotPin, Step
from reconciler.desired.document import Snapshot as Saved
from reconciler.desired.yaml_strict import Path

Settings = Mapping[Path, BaseModel]
"""Every driver's settings, by the path of the driver's place in the manifest."""


@dataclass(frozen=True, slots=True)
class NamedGate:
    name: str
    stage: Stage
    path: Path
    choice: GateChoice


def named_gates(gates: Gates) -> tuple[NamedGate, ...]:
    """Every gate under a name of its own: as written, else its kind, else its kind with a number."""
    stages = (
        *((Stage.MIGRATE, gates.migrate), (Stage.PREFLIGHT, gates.preflight), (Stage.SHIFT, gates.shift)),
        *((Stage.HAND_OVER, gates.hand_over), (Stage.POSTFLIGHT, gates.postflight)),
    )
    taken = {choice.name for _, choices in stages for choice in choices if choice.name}
    named: list[NamedGate] = []
    for stage, choices in stages:
        for index, choice in enumerate(choices):
            name = choice.name or _free(choice.kind, taken)
            taken.add(name)
            named.append(NamedGate(name, stage, ("spec", "gates", str(stage), index), choice))
    return tuple(named)


def _free(kind: str, taken: set[str]) -> str:
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}-{number}"
    return name


def to_spec(document: Document, settings: Settings) -> Spec:
    """`document` was found valid: its active slot is pinned, its steps climb to 100."""
    body, strategy = document.spec, document.spec.strategy
    return Spec(
        environment=document.metadata.name,
        digest=_digest(_body(body, settings)),
        active=body.active_slot,
        pins=Pair(_pin(body.slots.blue), _pin(body.slots.green)),
        members=tuple(Member(member.name, member.traffic, member.standby) for member in body.members),
        steps=_steps(body),
        gates=tuple(_gate(gate, settings[gate.path]) for gate in named_gates(body.gates)),
        gateway=_digest(_fixed(body, settings))[:16],
        warm_up=strategy.warm_up,
        soak=strategy.soak,
        drain_timeout=strategy.drain_timeout,
        scale_down_delay=strategy.scale_down_delay,
        progress_deadline=strategy.progress_deadline,
        rollback_window=strategy.rollback_window,
        hold_timeout=strategy.hold_timeout,
        on_failure=body.on_failure,
        drift=body.drift_detection.mode,
        migration=_migration(body.migrate),
        approvals=_approvals(body.approvals),
        git_after=body.rollback.git,
        snapshot=_snapshot(body.snapshot),
        drill=_drill(body.drill),
    )


def _pin(pin: SlotPin | None) -> Pin | None:
    if pin is None:
        return None
    config = tuple(sorted(pin.config.items()))
    return Pin(pin.version, config, _digest(pin.config)[:8] if config else "")


def _migration(migrate: Migrate | None) -> Migration | None:
    if migrate is None:
        return None
    return Migration(migrate.command, migrate.check, migrate.old_version_works)


def _snapshot(saved: Saved | None) -> Snapshot | None:
    return Snapshot(saved.folders, saved.command or "") if saved else None


def _approvals(asked: Asked | None) -> Approvals | None:
    if asked is None:
        return None
    before = tuple(stage for stage in Stage if stage in asked.before)
    return Approvals(before, asked.approvers, asked.minimum, asked.self_approval, asked.expires, asked.deadline)


def _drill(entry: DrillEntry | None) -> DrillPolicy | None:
    return DrillPolicy(entry.kind, entry.expires) if entry else None


def _steps(body: Body) -> tuple[StrategyStep, ...]:
    """Exclusive members that no step names change hands together at the end."""
    steps = tuple(_step(step) for step in body.strategy.steps)
    handed = {name for step in steps if isinstance(step, HandOver) for name in step.members}
    exclusive = (member.name for member in body.members if member.traffic is Traffic.EXCLUSIVE)
    rest = tuple(name for name in exclusive if name not in handed)
    return (*steps, HandOver(rest)) if rest else steps


def _step(step: Step) -> StrategyStep:
    if step.set_weight is not None:
        return SetWeight(step.set_weight)
    if step.pause is not None:
        return Pause(step.pause.duration)
    if step.analysis is not None:
        return Analysis(step.analysis.at_most, confident=step.analysis.until == "confident")
    return HandOver(step.hand_over or ())


def _gate(gate: NamedGate, settings: BaseModel) -> GateSpec:
    choice = gate.choice
    limits = Limits(
        critical=choice.critical,
        must_have_data=choice.must_have_data,
        failures=choice.failure_limit,
        inconclusives=choice.inconclusive_limit,
        errors=choice.consecutive_error_limit,
    )
    interval = choice.interval if choice.interval is not None else getattr(settings, "INTERVAL", None)
    return GateSpec(gate.name, choice.kind, gate.stage, choice.mode, _canonical(_dumped(settings)), limits, interval)


def _body(body: Body, settings: Settings) -> dict[str, Any]:
    """The whole spec, drivers' settings as their drivers understand them."""
    written = _dumped(body)
    written["gateway"] = _driver(body.gateway.kind, settings["spec", "gateway"])
    for index, member in enumerate(body.members):
        host = settings["spec", "members", index, "host"]
        written["members"][index]["host"] = _driver(member.host.kind, host)
    written["gates"] = [
        [
            gate.name,
            str(gate.stage),
            str(gate.choice.mode),
            _driver(gate.choice.kind, settings[gate.path]),
            *_limits(gate.choice),
        ]
        for gate in named_gates(body.gates)
    ]
    return written


def _limits(choice: GateChoice) -> list[dict[str, Any]]:
    """What is written beside the driver's own keys; nothing for the defaults."""
    own = {"kind", "name", "mode", *(choice.model_extra or {})}
    written = choice.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=own)
    return [written] if written else []


def _fixed(body: Body, settings: Settings) -> dict[str, Any]:
    """What cannot change under traffic: the gateway, its routes, and what the members run in. Other apps would be asked
    for processes that they never started, at addresses that the gateway does not know."""
    hosts = [_driver(one.host.kind, settings["spec", "members", at, "host"]) for at, one in enumerate(body.members)]
    routes = [
        [one.name, str(one.traffic), one.prefix or "", *(["standby"] if one.standby else [])] for one in body.members
    ]
    members = sorted([*route, host] for route, host in zip(routes, hosts, strict=True))
    return {"gateway": _driver(body.gateway.kind, settings["spec", "gateway"]), "members": members}


def _driver(kind: str, settings: BaseModel) -> list[Any]:
    return [kind, _dumped(settings)]


def _dumped(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
