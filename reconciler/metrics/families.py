"""Every family of metrics: its kind, its labels, and what it says. `docs/metrics.md` is held to this table.

Labels are bounded: environments, slots, members, gates and recipients are named by files, all else by our own words.
Versions stand in `_info` families only, the present ones; no revision and no transition is ever a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sample = tuple[str, tuple[str, ...], float]
"""A family, the values of its labels in their order, and the number."""


@dataclass(frozen=True, slots=True)
class Family:
    kind: Literal["gauge", "counter", "summary"]
    labels: tuple[str, ...]
    says: str


ENV, SLOT, GATE = ("environment",), ("environment", "slot"), ("environment", "gate", "kind")

FAMILIES: dict[str, Family] = {
    # ---- where everything stands, by the latest look ----
    "reconciler_info": Family("gauge", ("version",), "1: which version of the reconciler runs"),
    "reconciler_environment_info": Family(
        "gauge",
        (*ENV, "stable", "newcomer", "target"),
        "1: the present releases, such as `green@1.4.2`",
    ),
    "reconciler_looks_total": Family("counter", ENV, "looks since this process began"),
    "reconciler_last_look_timestamp_seconds": Family("gauge", ENV, "when the latest look was, since 1970"),
    "reconciler_sync_status": Family("gauge", (*ENV, "status"), "1 for the present one: `Synced`, `OutOfSync`, ..."),
    "reconciler_health_status": Family("gauge", (*ENV, "status"), "1 for the present one: `Healthy`, `Degraded`, ..."),
    "reconciler_transition_phase": Family("gauge", (*ENV, "phase"), "1 for the present one, or how the last one ended"),
    "reconciler_transition_active": Family("gauge", ENV, "1: a transition is under way"),
    "reconciler_condition": Family("gauge", (*ENV, "type"), "1: it holds; `Ready`, `Reconciling`, `Stalled`, ..."),
    "reconciler_reason_info": Family("gauge", (*ENV, "reason"), "1: what it waits for, or the rule being carried out"),
    "reconciler_waits_for_person": Family("gauge", ENV, "1: only a person, or the calendar, lets it go on"),
    "reconciler_held_versions": Family("gauge", ENV, "versions that failed here and are not tried again"),
    "reconciler_gateway_read": Family("gauge", ENV, "1: the gateway could be read; else its numbers are missing"),
    "reconciler_gateway_up": Family("gauge", ENV, "1: it listens"),
    "reconciler_slot_weight_percent": Family("gauge", SLOT, "as read back; missing while unknown"),
    "reconciler_slot_stable": Family("gauge", SLOT, "1: what a rollback returns to"),
    "reconciler_slot_requests_total": Family(
        "counter", SLOT, "by the users' road since the gateway's start, as it counts; our own gates' too"
    ),
    "reconciler_slot_errors_total": Family("counter", SLOT, "of these: answers 5xx, and none at all"),
    "reconciler_slot_refused_connections_total": Family("counter", SLOT, "connections that could not be made"),
    "reconciler_slot_requests_in_flight": Family("gauge", SLOT, "requests that are being answered"),
    "reconciler_certificate_not_after_seconds": Family(
        "gauge",
        (*ENV, "certificate"),
        "when what users are shown ends, since 1970; missing for plain HTTP, and while unseen",
    ),
    "reconciler_certificate_refused": Family(
        "gauge", (*ENV, "certificate"), "1: what the operator's files hold cannot be shown, the former one is"
    ),
    "reconciler_member_ready": Family("gauge", (*SLOT, "member"), "1: ready, or standing by; missing while unknown"),
    # ---- what the gates of a transition measure ----
    "reconciler_gate_outcome": Family("gauge", (*GATE, "outcome"), "1 for the latest: `Successful`, `Failed`, ..."),
    "reconciler_gate_requests": Family("gauge", (*GATE, "road", "result"), "of a journey: `ok`, `failed`, `unknown`"),
    "reconciler_gate_latency_seconds": Family("gauge", (*GATE, "road", "percentile"), "50, 95, 99; +Inf: no answer"),
    "reconciler_gate_sessions": Family("gauge", (*GATE, "result"), "`kept`, `lost`, `unknown`"),
    "reconciler_gate_value_seconds": Family("gauge", GATE, "what was measured, such as by queue-delay"),
    "reconciler_gate_value_percent": Family("gauge", GATE, "likewise, in percent"),
    "reconciler_gate_value": Family("gauge", GATE, "likewise, a plain number, such as queue-drained"),
    # ---- who is told ----
    "reconciler_alerts_pending": Family("gauge", ("recipient",), "alerts that are still to be delivered"),
    "reconciler_alerts_failing": Family("gauge", ("recipient",), "1: the latest attempt was not taken"),
    # ---- from the journal, since its beginning: they go on over a restart ----
    "reconciler_kpi_seconds_total": Family(
        "counter", (*ENV, "state"), "watched time that was put on record: `up`, `down`, `unclear`, `off`"
    ),
    "reconciler_kpi_requests_total": Family(
        "counter", ENV, "by the users' road, as the gateway counted; our own gates' too"
    ),
    "reconciler_kpi_failed_requests_total": Family("counter", ENV, "of these, those that failed"),
    "reconciler_transitions_total": Family(
        "counter", (*ENV, "outcome"), "by how they ended: `Succeeded`, `RolledBack`, ..."
    ),
    "reconciler_time_to_safety_seconds": Family("summary", ENV, "from found bad to no weight"),
    # ---- of the present month, in UTC ----
    "reconciler_kpi_month_downtime_seconds": Family("gauge", ENV, "missing while unknown"),
    "reconciler_kpi_month_failed_per_million": Family("gauge", ENV, "missing while no request was counted"),
    "reconciler_kpi_month_not_watched_seconds": Family("gauge", ENV, "nothing is known about it"),
    "reconciler_kpi_month_unclear_seconds": Family(
        "gauge", ENV, "watched, and not known to be up or down; some of it may only not be on record yet"
    ),
    "reconciler_kpi_month_time_to_safety_longest_seconds": Family("gauge", ENV, "missing where there was none"),
}
