"""The numbers of a look: what is unknown has none, and no label grows without bound."""

from __future__ import annotations

from dataclasses import replace

from metrics_world import seen

from reconciler.core.model import Pair
from reconciler.core.reading import CertificateReading
from reconciler.metrics.board import Board, Seen
from reconciler.metrics.families import FAMILIES
from reconciler.metrics.present import samples

GATE = ("prod", "search", "")


def numbers(found: Seen) -> dict[tuple[str, tuple[str, ...]], float]:
    told = list(samples("prod", found))
    assert len({sample[:2] for sample in told}) == len(told), "each number once"
    return {(name, tuple(map(str, labels))): float(value) for name, labels, value in told}


def test_what_a_look_shows() -> None:
    found = numbers(seen())
    assert {slot: found[("reconciler_slot_weight_percent", ("prod", slot))] for slot in ("blue", "green")} == {
        "blue": 50.0,
        "green": 50.0,
    }
    assert found[("reconciler_transition_phase", ("prod", "Progressing"))] == 1.0
    assert found[("reconciler_transition_phase", ("prod", "RolledBack"))] == 0.0
    assert found[("reconciler_environment_info", ("prod", "blue@v1", "green@v2", "green@v2"))] == 1.0
    assert found[("reconciler_looks_total", ("prod",))] == 7.0
    assert found[("reconciler_slot_errors_total", ("prod", "blue"))] == 3.0
    assert found[("reconciler_member_ready", ("prod", "green", "api"))] == 1.0
    assert found[("reconciler_slot_stable", ("prod", "blue"))] == 1.0


def test_what_the_gates_measured_is_shown_under_our_own_names_only() -> None:
    found = numbers(seen())
    assert found[("reconciler_gate_outcome", (*GATE, "Failed"))] == 1.0
    assert found[("reconciler_gate_outcome", (*GATE, "Successful"))] == 0.0
    assert found[("reconciler_gate_latency_seconds", (*GATE, "users", "95"))] == 0.25
    assert found[("reconciler_gate_requests", (*GATE, "users", "ok"))] == 40.0
    assert found[("reconciler_gate_sessions", (*GATE, "kept"))] == 19.0
    assert found[("reconciler_gate_value_seconds", GATE)] == 12.5
    assert "of_a_later_version" not in str(found)


def test_counters_that_are_unread_have_no_number() -> None:
    assert ("reconciler_slot_requests_total", ("prod", "green")) not in numbers(seen())


def test_a_gateway_that_cannot_be_read_has_no_weight_not_weight_zero() -> None:
    found = numbers(seen(gateway=False))
    assert found[("reconciler_gateway_read", ("prod",))] == 0.0
    assert {name for name, _ in found} & {"reconciler_slot_weight_percent", "reconciler_gateway_up"} == set()


def test_a_certificate_has_its_end_and_whether_it_can_be_renewed() -> None:
    before = seen()
    gateway = before.observed.gateway
    assert gateway
    assert "certificate" not in str(numbers(before)), "plain HTTP has none"

    def found(shown: CertificateReading) -> dict[tuple[str, tuple[str, ...]], float]:
        told = replace(before.observed, gateway=replace(gateway, certificate=shown))
        return {key: value for key, value in numbers(replace(before, observed=told)).items() if "certificate" in key[0]}

    labels = ("prod", "shop")
    known = found(CertificateReading("shop", "AB12", 4e9))
    assert known == {
        ("reconciler_certificate_not_after_seconds", labels): 4e9,
        ("reconciler_certificate_refused", labels): 0.0,
    }
    unknown = found(CertificateReading("shop", problem="not its key"))
    assert unknown == {("reconciler_certificate_refused", labels): 1.0}


def test_a_gateway_that_is_down_has_no_weight_either() -> None:
    before = seen()
    assert before.observed.gateway
    down = replace(before.observed.gateway, up=False, weights=Pair(50, 50))
    found = numbers(replace(before, observed=replace(before.observed, gateway=down)))
    assert found[("reconciler_gateway_up", ("prod",))] == 0.0
    assert "reconciler_slot_weight_percent" not in {name for name, _ in found}


def test_every_number_fits_its_family() -> None:
    for name, labels, _ in samples("prod", seen()):
        assert len(labels) == len(FAMILIES[name].labels), name


def test_versions_stand_in_info_families_only_and_no_revision_anywhere() -> None:
    found = seen()
    assert found.status.revision
    for name, labels, _ in samples("prod", found):
        assert found.status.revision not in labels
        assert found.state.transition
        assert found.state.transition.id not in labels
        assert name.endswith("_info") or not any("v1" in label or "v2" in label for label in labels)


def test_the_board_counts_looks_and_gives_the_latest() -> None:
    board, one = Board(), seen()
    for at in (1.0, 2.0):
        board.put("prod", one.state, one.status, one.observed, one.spec, at)
    assert board.all() == {"prod": replace(one, at=2.0, looks=2)}
