"""A password that cannot be read in the moment of an act: of whatever drives a machine, the act gets its outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_service_table import GOOD as SERVICE
from test_site_table import GOOD as SITE

sys.path.append(str(Path(__file__).parents[1] / "loop"))
from loop_world import Stand, spec

from reconciler.core.events import Applied, Intended
from reconciler.core.model import Slot
from reconciler.core.steps import Result, StageFiles, Start, Stop
from reconciler.drivers.hosts import iis, windows_service
from reconciler.drivers.iis.site import Site
from reconciler.drivers.protocols import HostContext
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows_service.service import Service
from reconciler.loop.tick import tick

ACTS = {"stage": StageFiles, "start": Start, "stop": Stop}
KINDS = {
    "iis": (iis, iis.Settings(site="it"), Site.model_validate(SITE)),
    "windows-service": (windows_service, windows_service.Settings(service="it"), Service.model_validate(SERVICE)),
}


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    yield found
    found.close()


def opened(kind: str, folder: Path) -> Any:
    """Nobody listens where its machine is: it is not even asked."""
    driver, settings, entry = KINDS[kind]
    machine = Machine(address="http://127.0.0.1:9", user="reconcile", password_file="gone", base=folder)
    named: Callable[[str, str], Any] = lambda section, _name: machine if section == "machines" else entry  # noqa: E731
    return driver.open(HostContext("prod", "api", folder, named=named), settings)


def run(stand: Stand, seconds: float = 30.0) -> None:
    """As in the loop, by a clock that is a value."""
    end = stand.clock.seconds + seconds
    while stand.clock.seconds < end:
        found = tick(stand.keeper)
        stand.clock.seconds += 0.0 if found.moved and not found.unsure else 0.5


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("kind", KINDS)
def test_law_08_an_act_without_a_password_has_an_outcome(
    stand: Stand, tmp_path: Path, kind: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read comes from elsewhere, as by a connection that was still open."""
    run(stand)
    monkeypatch.setattr(stand.hosts["worker"], act, getattr(opened(kind, tmp_path), act))
    stand.head = spec(Slot.GREEN, green="3")
    run(stand)
    told = [one.event for one in stand.journal.entries("prod") if isinstance(one.event, Intended | Applied)]
    assert [type(one) for one in told] == [Intended, Applied] * (len(told) // 2), "none is left open"
    outcomes = [(one.act, end) for one, end in zip(told[::2], told[1::2], strict=True) if end.result is Result.UNKNOWN]
    assert outcomes, told
    for done, end in outcomes:
        assert isinstance(done, ACTS[act])
        assert "gone cannot be read" in end.reason
        assert "the password of the machine's user" in end.reason
