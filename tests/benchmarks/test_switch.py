"""What is lost is counted where it was lost, and a rewritten configuration says what a routing of ours would say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import noticing
import pytest
import switch
from reloads import Haproxy, Nginx, Reloaded, ports_of

from reconciler.core.model import Slot
from reconciler.demo.account import Outcome, Request
from reconciler.demo.place import Place, build


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return build(tmp_path / "place")


def request(outcome: Outcome, *, fresh: bool) -> Request:
    return Request(1, 0, "search", fresh, start=0.0, latency=0.1, late=0.0, status=200, outcome=outcome)


def test_what_failed_and_what_nobody_knows_is_lost_by_kind_of_connection() -> None:
    fresh = [request(outcome, fresh=True) for outcome in (Outcome.OK, Outcome.FAILED)]
    kept = [request(outcome, fresh=False) for outcome in (Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.OK)]
    watcher: Any = SimpleNamespace(asked=10, failed=4)
    assert switch.lost(fresh + kept, watcher) == {
        "requests": 15,
        "lost": 7,
        "lost_on_fresh_connections": 1,
        "lost_on_kept_connections": 2,
        "lost_back_to_back": 4,
    }


def test_nginx_is_told_one_slot_for_every_member(place: Place) -> None:
    text = Nginx(place).text(Slot.GREEN)
    for member in ("api", "frontend"):
        ports = ports_of(place, member)
        assert f"server 127.0.0.1:{ports.green} weight=100;" in text
        assert f"server 127.0.0.1:{ports.blue} down;" in text


def test_haproxy_is_told_one_slot_for_every_member(place: Place) -> None:
    text = Haproxy(place).text(Slot.BLUE)
    for member in ("api", "frontend"):
        ports = ports_of(place, member)
        assert f"server blue 127.0.0.1:{ports.blue} weight 100" in text
        assert f"server green 127.0.0.1:{ports.green} weight 0" in text


@pytest.mark.parametrize("kind", [Nginx, Haproxy])
def test_a_column_is_left_out_where_its_program_is_missing(
    kind: type[Reloaded], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "installed", lambda: None)
    assert switch.reloaded(place, kind, 2) is None
    assert list(switch.rows("", {"nginx": None})) == [("nginx", "not installed, left out")]


def test_every_seer_sees_every_move_and_none_before_it_was_made() -> None:
    found = noticing.measure(1)
    assert {name: len(values) for name, values in found.items()} == {"ours": 1, "watchfiles_defaults": 1, "poll_1s": 1}
    assert all(value > 0 for values in found.values() for value in values)
