"""The numbers of one environment's latest look. What is unknown has no number: never zero."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from reconciler.core.conditions import BLOCKED
from reconciler.core.events import Phase
from reconciler.core.model import Outcome, Slot, Spec
from reconciler.core.reading import CertificateReading, GateReading, GatewayReading, MemberStatus, Observed
from reconciler.metrics.board import Seen
from reconciler.metrics.families import FAMILIES, Sample

SYNC = ("Synced", "OutOfSync", "Unknown")
HEALTH = ("Healthy", "Progressing", "Degraded", "Suspended", "Unknown")
FIT = (MemberStatus.READY, MemberStatus.STANDBY)


def samples(name: str, seen: Seen) -> Iterator[Sample]:
    gateway = seen.observed.gateway
    yield from _standing(name, seen)
    yield ("reconciler_gateway_read", (name,), gateway is not None)
    yield from _gateway(name, gateway) if gateway else ()
    if seen.spec:
        kinds = {gate.name: gate.kind for gate in seen.spec.gates}
        yield from _members(name, seen.spec, seen.observed)
        yield from chain.from_iterable(_gate(name, kinds.get(one.name, ""), one) for one in seen.observed.gates)


def _standing(name: str, seen: Seen) -> Iterator[Sample]:
    status, state = seen.status, seen.state
    releases = (str(one) if one else "" for one in (status.stable, status.newcomer, status.target))
    yield ("reconciler_environment_info", (name, *releases), 1)
    yield ("reconciler_looks_total", (name,), seen.looks)
    yield ("reconciler_last_look_timestamp_seconds", (name,), seen.at)
    yield from _one_of("reconciler_sync_status", (name,), SYNC, status.sync)
    yield from _one_of("reconciler_health_status", (name,), HEALTH, status.health)
    yield from _one_of("reconciler_transition_phase", (name,), tuple(map(str, Phase)), status.phase)
    yield ("reconciler_transition_active", (name,), state.transition is not None)
    for condition in status.conditions:
        yield ("reconciler_condition", (name, condition.type), condition.status)
    yield ("reconciler_reason_info", (name, status.reason), 1)
    yield ("reconciler_waits_for_person", (name,), status.exit_code == BLOCKED)
    yield ("reconciler_held_versions", (name,), len(state.held))
    for slot in Slot:
        yield ("reconciler_slot_stable", (name, slot), state.in_charge is not None and state.in_charge.slot is slot)


def _one_of(family: str, labels: tuple[str, ...], words: tuple[str, ...], present: str) -> Iterator[Sample]:
    for word in words:
        yield (family, (*labels, word), word == present)


def _gateway(name: str, gateway: GatewayReading) -> Iterator[Sample]:
    yield ("reconciler_gateway_up", (name,), gateway.up)
    yield from _certificate(name, gateway.certificate) if gateway.certificate else ()
    for slot in Slot:
        if gateway.up and gateway.weights:
            yield ("reconciler_slot_weight_percent", (name, slot), gateway.weights[slot])
        if counted := gateway.counters[slot]:
            yield ("reconciler_slot_requests_total", (name, slot), counted.requests)
            yield ("reconciler_slot_errors_total", (name, slot), counted.errors)
            yield ("reconciler_slot_refused_connections_total", (name, slot), counted.refused)
            yield ("reconciler_slot_requests_in_flight", (name, slot), counted.in_flight)


def _certificate(name: str, found: CertificateReading) -> Iterator[Sample]:
    yield ("reconciler_certificate_refused", (name, found.name), bool(found.problem))
    if found.ends is not None:
        yield ("reconciler_certificate_not_after_seconds", (name, found.name), found.ends)


def _members(name: str, spec: Spec, observed: Observed) -> Iterator[Sample]:
    for slot in Slot:
        for member, reading in zip(spec.members, observed.members[slot], strict=False):
            if reading.status is not MemberStatus.UNKNOWN:
                yield ("reconciler_member_ready", (name, slot, member.name), reading.status in FIT)


def _gate(name: str, kind: str, reading: GateReading) -> Iterator[Sample]:
    where = (name, reading.name, kind)
    yield from _one_of("reconciler_gate_outcome", where, tuple(map(str, Outcome)), reading.outcome)
    for measure in reading.measures:
        if (family := f"reconciler_gate_{measure.what}") in FAMILIES:
            yield (family, (*where, *measure.of), measure.value)
