"""For every test: what it has to tell is told at the end, whichever process ran it; and Ctrl-C is heard by children."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from itertools import groupby, islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # `nohup`, a background job: our children must hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes are started: what they import is compiled once, not in each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A `python3` that chooses among versions, as some machines have, is a hundred processes for each call.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
os.environ["RECONCILER_DEMO_PORTS"] = f"{20000 + 1500 * WORKER}-{21499 + 1500 * WORKER}"  # or two would take the same

# How fast an example is says nothing of the product: on a starved machine any of them takes seconds.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

TOLD = "told"
ALONE = ("e2e", "examples")  # long ones that share nothing: each by itself, and first
LONG = ("simulation", "core", "demo", "model", "hostile")  # then these, by files: their tests share what is costly
ROOMS = (*ALONE, *LONG)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A figure worth a line in the closing account, also of a test that passes."""
    return lambda text: request.node.user_properties.append((TOLD, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for text in [text for report in reports for name, text in report.user_properties if name == TOLD]:
        terminalreporter.write_line(text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, dealt out evenly: else one process is left with them when the others have ended."""
    hands = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if hands > 1:
        items.sort(key=_length)
        items[:] = _dealt([item for item in items if _length(item) < len(ROOMS)], hands, items)


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end; who collects garbage need not go through them each time."""
    gc.freeze()


def _dealt(long: list[pytest.Item], hands: int, items: list[pytest.Item]) -> list[pytest.Item]:
    """In turn, each hand's long ones and then as many short ones as make its share: xdist gives every process equally
    many, and would else cut a hand in two. The last hand has short ones only: with fewer long ones at a time each has
    more of the processors, and is less likely to be starved. The whole takes as long either way."""
    units = [list(unit) for _, unit in groupby(long, key=_unit)]
    short, found, heavy = iter(items[len(long) :]), list[pytest.Item](), max(1, hands - 1)
    for hand in range(hands):
        first = [item for unit in units[hand::heavy] for item in unit] if hand < heavy else []
        share = (len(items) - len(found)) // (hands - hand)
        found += [*first, *islice(short, max(0, share - len(first)))]
    return [*found, *short]


def _length(item: pytest.Item) -> int:
    room = item.path.parent.name
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def _unit(item: pytest.Item) -> str:
    return item.nodeid if item.path.parent.name in ALONE else str(item.path)
