"""The evidence pack on real parts: a switch that proves itself, a rollback that does not, and a loop that is killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from e2e_playground import Playground, until
from e2e_users import assert_nothing_lost

from reconciler.core.events import Phase
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import Pack, packs
from reconciler.evidence.pack.verify import verify

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

STEPS = ("setWeight: 10", "pause: {}", "setWeight: 50", "pause: {}", "setWeight: 100")


def finished(root: Path) -> Pack:
    """The latest pack, once it is."""

    def look() -> Pack | None:
        found = list(packs(root))
        return found[-1] if found and all(one.finished for one in found) else None

    told = lambda: "\n".join(str(path) for path in sorted(root.rglob("*")))  # noqa: E731
    return until(look, "a finished pack", told, patience=240.0)  # it is finished when nobody else wants the processor


def test_a_switch_proves_by_itself_that_nobody_lost_anything(playground: Playground) -> None:
    root = playground.record()
    playground.serving()
    users = playground.users()  # that they are served outranks a member's late word about its health
    playground.commit("green", "1.0.0", "1.1.0")
    playground.until_stable("green", "1.1.0")
    assert_nothing_lost(users.stop())
    pack = finished(root)
    body = manifest.read(pack)
    assert body["verdict"]["zero_downtime"] == "Proved", body["verdict"]
    sent = body["figures"]["requests"]["roads"]["users"]
    assert sent["sent"] == sent["ok"] + sent["failed"] + sent["unknown"] > 20
    assert body["figures"]["gateway"]["counted"]["green"]["errors"] == 0
    assert gather(pack).agreement.agrees, body["figures"]["runbook"]
    assert verify(pack).findings == ()
    checked = playground.reconcile("evidence", "verify", str(pack.folder))
    assert (checked.returncode, "it holds; zero downtime: Proved" in checked.stdout) == (0, True), checked.stderr
    pack.file("gates.json").write_text("{}")
    checked = playground.reconcile("evidence", "verify", str(pack.folder), "--output", "json")
    assert checked.returncode == 1
    assert json.loads(checked.stdout)["packs"][0]["findings"][0]["file"] == "gates.json"


def test_a_loop_that_is_killed_in_mid_shift_leaves_a_pack_that_the_next_one_completes(playground: Playground) -> None:
    root = playground.record()
    playground.serving(steps=STEPS)
    users = playground.users()
    playground.commit("green", "1.0.0", "1.1.0", steps=STEPS)
    playground.until(lambda state: state.transition and state.transition.rung == 10)
    playground.ask("promote")
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    (pack,) = until(lambda: list(packs(root)) or None, "a pack", playground.story)
    assert not pack.finished
    playground.stop_run(signal.SIGKILL)
    playground.run()
    playground.ask("promote")
    playground.until_stable("green", "1.1.0")
    assert_nothing_lost(users.stop())
    pack = finished(root)
    body = manifest.read(pack)
    assert verify(pack).findings == ()
    assert body["figures"]["requests"]["unwatched"] > 0
    assert body["verdict"]["outcome"] == "Succeeded"
    assert body["verdict"]["zero_downtime"] == "NotProved", body["verdict"]


def test_a_rollback_is_evidence_too_and_a_loop_that_is_stopped_at_once_finishes_it(playground: Playground) -> None:
    root = playground.record()
    playground.serving()
    playground.release("1.2.0", search_errors=0.5)
    playground.commit("green", "1.0.0", "1.2.0")
    playground.until(lambda state: state.last is not None and state.last.phase is Phase.ROLLED_BACK)
    playground.stop_run(signal.SIGTERM)
    pack = finished(root)
    body = manifest.read(pack)
    assert (body["verdict"]["outcome"], verify(pack).findings) == ("RolledBack", ())
    assert body["verdict"]["zero_downtime"] != "Proved" or body["figures"]["requests"]["roads"]["users"]["failed"] == 0
