"""Sessions that were opened before the switch live through it, or whoever loses them goes back."""

from __future__ import annotations

import os

import pytest
from e2e_laws import assert_lawful
from e2e_manifest import ANALYSIS, RUNGS
from e2e_playground import Playground
from e2e_users import assert_nothing_lost, served_by

from reconciler.core.events import Ended, Phase, RollbackBegan, StagePassed
from reconciler.core.model import Stage

pytestmark = pytest.mark.real

STEPS = ("setWeight: 25", ANALYSIS, "setWeight: 50", ANALYSIS, "setWeight: 100", "handOver: [worker]")
FORGETFUL = ("setWeight: 25", "pause: {}", "setWeight: 100")  # at 25 % until it is found
STICKY = ("setWeight: 50", ANALYSIS, "setWeight: 100", "handOver: [worker]")
SESSIONS = """\
      - name: baskets
        kind: sessions
        count: 12
        rate: 40
        timeout: 10s
        write: {method: POST, path: /api/session, body: "{content}"}
        read: {path: /api/session}
"""


def test_every_session_of_before_lives_through_a_good_switch(playground: Playground) -> None:
    playground.serving(steps=STEPS, gates=SESSIONS)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=STEPS, gates=SESSIONS)
    playground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert served_by(requests) == {"blue", "green"}
    assert_kept(playground)
    told = f"{playground.log} {playground.entries()} {playground.reconcile('history').stdout}"
    assert not [sid for sid in os.listdir(playground.place.data / "sessions") if sid in told], "an id is a secret"
    assert_lawful(playground.entries(), RUNGS)


def test_sticky_sessions_stay_where_they_were_opened_and_are_kept_there(playground: Playground) -> None:
    wishes = {"steps": STICKY, "gates": SESSIONS, "sessions": "sticky"}
    playground.serving(**wishes)
    playground.commit("green", "1.0.0", "1.1.0", **wishes)
    playground.until_stable("green", "1.1.0")
    assert_kept(playground)
    assert_lawful(playground.entries(), {0, 50, 100})


def assert_kept(playground: Playground) -> None:
    """Nothing moved before all were open, and at the end all were whole."""
    (preflight,) = [event for event in playground.events(StagePassed) if event.stage is Stage.PREFLIGHT]
    (ended,) = playground.events(Ended)
    assert ended.phase is Phase.SUCCEEDED
    for evidence in (preflight.evidence, ended.reason):
        assert "baskets Successful" in evidence


def test_a_version_that_forgets_sessions_is_found_and_goes_back(playground: Playground) -> None:
    playground.release("1.4.0", forget_sessions=True)
    playground.serving(steps=FORGETFUL, gates=SESSIONS)
    playground.commit("green", "1.0.0", "1.4.0", steps=FORGETFUL, gates=SESSIONS)
    state = playground.until(lambda state: state.last is not None)
    assert state.last
    assert (state.last.phase, state.last.newcomer.version) == (Phase.ROLLED_BACK, "1.4.0")
    assert state.is_held("1.4.0")
    (back,) = playground.events(RollbackBegan)
    assert back.condition == "AnalysisFailed"
    assert "of 12" in back.reason
    assert "lost" in back.reason
    assert "by green at 25 %" in back.reason
    assert_lawful(playground.entries(), RUNGS)
