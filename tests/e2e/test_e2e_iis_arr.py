"""A whole switch on an IIS with ARR: the loop, real WS-Man, a simulated machine, real users through its farms."""

from __future__ import annotations

import e2e_farm
import pytest
from e2e_laws import assert_lawful, changes
from e2e_manifest import PARKED, PARKED_RUNGS, RUNGS
from e2e_playground import Playground
from e2e_users import assert_nothing_lost, served_by
from windows_arr import Configuration

from reconciler.core.events import Phase
from reconciler.demo.place import ENVIRONMENT

pytestmark = pytest.mark.real


def test_a_commit_switches_the_slot_on_iis_and_loses_nothing(playground: Playground) -> None:
    with e2e_farm.farm(playground) as ground:
        ground.serving()
        users = playground.users()
        ground.commit("green", "1.0.0", "1.1.0")
        state = playground.until_stable("green", "1.1.0")
        settled = users.more()
        requests = users.stop()
        assert_nothing_lost(requests)
        assert served_by(requests, after=settled) == {"green"}
        assert state.last is not None
        assert state.last.phase is Phase.SUCCEEDED
        assert changes(playground.entries()) == [(100, 0), (75, 25), (50, 50), (0, 100)]
        assert_lawful(playground.entries(), RUNGS)
        preview = playground.reconcile("--once")
        shown = " ".join(preview.stdout.split())
        assert "cannot fence: a foreign write is seen only afterwards" in shown, preview
        assert "nobody stands in for a newcomer that dies" in shown
        checked = playground.reconcile("gateway", ENVIRONMENT, "--check")
        assert (checked.returncode, checked.stdout) == (0, f"{ENVIRONMENT}: arr1 has it\n")


def test_a_machine_that_reboots_in_mid_switch_and_a_stranger_end_where_git_asks(playground: Playground) -> None:
    def meddle(found: Configuration) -> None:
        for one in (server for farm in found.farms.values() for server in farm.servers):
            one.weight = 3

    with e2e_farm.farm(playground) as ground:
        ground.serving(steps=PARKED)
        ground.commit("green", "1.0.0", "1.1.0", steps=PARKED)
        playground.until(lambda state: state.transition and state.transition.rung == 50)
        ground.arr.windows.reboot()
        ground.arr.afterwards = lambda: ground.arr.change(meddle)
        playground.ask("promote")
        playground.until_stable("green", "1.1.0")
        assert_lawful(playground.entries(), PARKED_RUNGS)
        stand = [
            (server.enabled, server.weight) for one in ground.arr.configuration.farms.values() for server in one.servers
        ]
        assert sorted(stand) == [(False, 1), (False, 1), (True, 100), (True, 100)]
