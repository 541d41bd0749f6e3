"""Whatever becomes of a scrape, the loop goes on."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import httpx
from metrics_world import seen
from ports import free_port

from reconciler.core.model import Slot, all_on
from reconciler.journal.sqlite import open_journal
from reconciler.loop.run import Runner
from reconciler.metrics.page import Page
from reconciler.metrics.served import Metrics

sys.path.append(str(Path(__file__).parents[1] / "loop"))
from loop_world import Stand, spec

PATIENCE = 40.0


class Source:
    def look(self) -> set[str]:
        return set()

    def names(self) -> list[str]:
        return ["prod"]


def test_a_switch_is_made_while_a_scrape_hangs_and_is_shown_after_it(tmp_path: Path) -> None:
    stand, hanging, go_on = Stand(tmp_path), threading.Event(), threading.Event()
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}", read_only=True)
    metrics = Metrics(f"127.0.0.1:{free_port()}", journal, dict)
    runner = Runner(Source(), lambda _name: stand.keeper, show=metrics.show)
    runner.look()

    def hang() -> list[object]:
        hanging.set()
        assert go_on.wait(PATIENCE)
        return []

    page = Page(f"127.0.0.1:{free_port()}", hang)  # type: ignore[arg-type]
    page.start()
    client = threading.Thread(
        target=lambda: httpx.get(f"http://127.0.0.1:{page.port}/metrics", timeout=PATIENCE, trust_env=False)
    )
    client.start()
    assert hanging.wait(PATIENCE)
    try:
        turns(stand, runner)
        stand.head = spec(Slot.GREEN)
        turns(stand, runner)
        assert stand.gateway.reading.weights == all_on(Slot.GREEN)
        found = {(name, *labels): value for name, labels, value in metrics.samples()}
        assert found[("reconciler_slot_weight_percent", "prod", Slot.GREEN)] == 100
    finally:
        go_on.set()
        client.join(PATIENCE)
        page.stop()
        metrics.page.stop()
        stand.close()


def turns(stand: Stand, runner: Runner, seconds: float = 40.0) -> None:
    end = stand.clock.seconds + seconds
    while stand.clock.seconds < end:
        stand.clock.seconds += 0.5
        runner._once(stand.keeper)


def test_a_look_without_any_desired_state_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}", read_only=True)
    metrics = Metrics(f"127.0.0.1:{free_port()}", journal, dict)
    one = seen()
    metrics._board.put("gone", one.state, one.status, one.observed, None, 1.0)
    names = {name for name, _, _ in metrics.samples()}
    assert "reconciler_looks_total" in names
    assert "reconciler_member_ready" not in names
    metrics.page.stop()
    stand.close()
