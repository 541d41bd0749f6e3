"""The event logs of a Windows machine through a whole switch: what the report shows of them was measured."""

from __future__ import annotations

import signal
from pathlib import Path
from xml.etree import ElementTree

import e2e_windows
import pytest
from e2e_manifest import PARKED, SEARCH
from e2e_playground import Playground, until
from report_read import Read
from windows_eventlog import ERROR, INFORMATION, WARNING

from reconciler.core.events import Phase, RollbackBegan
from reconciler.evidence.pack.place import Pack, packs

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

EVENTS = "      - {name: events, kind: windows-event-log, machine: web1, interval: 500ms}\n"
GATES = EVENTS + SEARCH


def report(root: Path) -> Read:
    """Of the latest pack, once it is finished."""

    def look() -> Pack | None:
        found = list(packs(root))
        return found[-1] if found and all(one.finished for one in found) else None

    told = lambda: "\n".join(str(path) for path in sorted(root.rglob("*")))  # noqa: E731
    pack = until(look, "a finished pack", told, patience=240.0)
    page = ElementTree.fromstring(pack.file("report.html").read_text(encoding="utf-8"))
    return Read(page, next(one for one in page.iter("article") if one.get("id") == "en"))


def test_two_warnings_of_a_switch_stand_in_its_report_and_it_succeeds(playground: Playground) -> None:
    with e2e_windows.computer(playground) as windows:
        log = windows.logs["Application"]
        log.write(ERROR, "worker", 1000, times=3)  # before anybody switches: nobody's concern
        root = playground.record()
        playground.serving(gates=GATES, steps=PARKED)
        playground.commit("green", "1.0.0", "1.1.0", gates=GATES, steps=PARKED)
        playground.until(lambda state: state.transition and state.transition.rung == 50)
        log.write(WARNING, "worker", 1001, times=2)
        log.write(INFORMATION, "worker", 1, times=4)
        playground.ask("promote")
        playground.until_stable("green", "1.1.0")
        shown = report(root)
    line = shown.lines["Event log"]
    assert line.value.startswith("0 errors, 2 warnings (informational) events: Successful, 2 warnings: worker 1001 (2)")
    assert (line.limit, line.result) == ("0 errors", "pass")
    assert any("a warning of events (once)" in one and "worker 1001" in one for one in shown.left), shown.left


def test_an_error_that_was_written_while_the_loop_was_down_leads_back(playground: Playground) -> None:
    with e2e_windows.computer(playground) as windows:
        root = playground.record()
        playground.serving(gates=GATES, steps=PARKED)
        playground.commit("green", "1.0.0", "1.1.0", gates=GATES, steps=PARKED)
        playground.until(lambda state: state.transition and state.transition.rung == 50)
        playground.stop_run(signal.SIGKILL)
        windows.logs["Application"].write(ERROR, "api", 1000)
        playground.run()
        playground.until(lambda state: state.last is not None and state.last.phase is Phase.ROLLED_BACK)
        assert len(windows.marks) == 1
        shown = report(root)
    assert "events: 1 error: api 1000 (1)" in playground.events(RollbackBegan)[-1].reason
    assert shown.lines["Event log"].result == "fail"
