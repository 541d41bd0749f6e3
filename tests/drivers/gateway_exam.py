"""The exam of the Gateway contract: every driver passes it, through a `rig` fixture that knows its product.

A test module registers the assertions, subclasses `GatewayExam` under a name that pytest collects, and provides `rig`.
Beside it `ByHandExam`, where what a person would run can be run where the tests are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from gateway_load import connection, until

from reconciler.core.model import Admission, Pair, Routing, Slot, all_on, share
from reconciler.core.reading import GatewayReading, Stamp
from reconciler.drivers.examining import Examinable, Grade
from reconciler.drivers.protocols import ByHand, Gateway, Road
from reconciler.errors import Conflict, Fenced, ReconcilerError, Refused, Unreachable

BLUE, GREEN = Slot.BLUE, Slot.GREEN
JOURNAL = "journal-1"


class Rig(Protocol):
    """One gateway product in front of apps for the members `api` (at /api) and `web` (at /), each in both slots."""

    def open(self, *, read_only: bool = False, deadline: float = 10.0, journal: str = JOURNAL) -> Gateway:
        """A new handle to the same gateway; closed by the rig at the end, if not before."""

    def restart(self, gateway: Gateway) -> None:
        """The product's process is killed and comes back as it does in the field."""

    def silent(self) -> AbstractContextManager[None]:
        """Within, the product runs and answers nothing."""

    def rejecting(self) -> AbstractContextManager[None]:
        """Within, the product says no to what it is given."""

    def fingerprint(self) -> object:
        """Everything that reading might disturb."""

    def secrets(self) -> Iterable[str]:
        """What no message may hold."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def slot(self) -> str:
        return str(self.body.get("slot", ""))


def ask(road: Road, path: str = "/", headers: dict[str, str] | None = None) -> Answer:
    """One request on a connection of its own."""
    used = connection(road)
    try:
        used.request("GET", path, headers={**road.headers, **(headers or {})})
        response = used.getresponse()
        text = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, json.loads(text) if text.startswith(b"{") else {})
    finally:
        used.close()


def draw(road: Road, number: int, path: str = "/") -> Counter[str]:
    return Counter(ask(road, path).slot for _ in range(number))


def put(gateway: Gateway, routing: Routing, generation: int = 1) -> GatewayReading:
    """Write on a fresh reading, and read back."""
    gateway.write(routing, gateway.read(), generation)
    return gateway.read()


class GatewayExam:
    """Each test is one sentence of the contract."""

    # ---- reading and writing ----

    def test_a_gateway_that_was_never_written_reads_as_none_and_not_as_zero(self, rig: Rig) -> None:
        assert rig.open().read().weights is None
        assert rig.open().read().stamp is None

    @pytest.mark.parametrize(
        "routing",
        [
            Routing(all_on(BLUE)),
            Routing(share(GREEN, 1), fallback=BLUE),
            Routing(share(BLUE, 37), fallback=GREEN),
            Routing(all_on(GREEN), Pair(Admission.DRAINING, Admission.OPEN)),
            Routing(all_on(BLUE), Pair(Admission.OPEN, Admission.CLOSED)),
        ],
    )
    def test_what_was_written_is_read_back(self, rig: Rig, routing: Routing) -> None:
        found = put(rig.open(), routing, generation=3)
        assert found.up
        assert (found.weights, found.admission, found.fallback) == (
            routing.weights,
            routing.admission,
            routing.fallback,
        )
        assert found.stamp is not None
        assert (found.stamp.journal, found.stamp.generation) == (JOURNAL, 3)
        assert found.incarnation

    def test_another_handle_reads_the_same(self, rig: Rig) -> None:
        written = put(rig.open(), Routing(share(GREEN, 10), fallback=BLUE))
        assert rig.open(read_only=True).read() == written

    def test_writing_twice_is_one_change(self, rig: Rig) -> None:
        gateway = rig.open()
        once = put(gateway, Routing(share(GREEN, 20)))
        assert put(gateway, Routing(share(GREEN, 20))) == once

    def test_every_change_has_a_stamp_of_its_own(self, rig: Rig) -> None:
        gateway = rig.open()
        stamps: list[Stamp | None] = [put(gateway, Routing(share(GREEN, weight))).stamp for weight in (10, 20, 10)]
        assert len(set(stamps)) == 3

    def test_reading_changes_nothing(self, rig: Rig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        before = rig.fingerprint()
        gateway.read()
        rig.open(read_only=True).read()
        assert rig.fingerprint() == before

    def test_being_examined_changes_nothing_and_finds_nothing_wrong_where_it_serves(self, rig: Rig) -> None:
        gateway = rig.open(read_only=True)
        if not isinstance(gateway, Examinable):
            pytest.skip("it has nothing to say")
        put(rig.open(), Routing(all_on(BLUE)))
        before = rig.fingerprint()
        found = gateway.examine()
        assert rig.fingerprint() == before
        assert found
        assert {one.grade for one in found} == {Grade.OK}, found
        assert [secret for secret in rig.secrets() if secret in str(found)] == []

    @pytest.mark.parametrize("weights", [Pair(0, 0), Pair(50, 40), Pair(100, 100), Pair(-10, 110)])
    def test_shares_that_are_not_a_whole_are_refused(self, rig: Rig, weights: Pair[int]) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        with pytest.raises(Refused):
            gateway.write(Routing(weights), before, 1)
        assert gateway.read() == before

    # ---- compare-and-set ----

    def test_a_stale_write_is_a_conflict_and_changes_nothing(self, rig: Rig) -> None:
        gateway = rig.open()
        stale = put(gateway, Routing(all_on(BLUE)))
        current = put(gateway, Routing(share(GREEN, 10)))
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 50)), stale, 1)
        assert gateway.read() == current

    def test_weights_that_went_there_and_back_are_a_conflict_too(self, rig: Rig) -> None:
        gateway = rig.open()
        stale = put(gateway, Routing(all_on(BLUE)))
        put(gateway, Routing(share(GREEN, 10)))
        assert put(gateway, Routing(all_on(BLUE))).weights == stale.weights
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 50)), stale, 1)

    @pytest.mark.parametrize("change", [{"weights": all_on(GREEN)}, {"weights": None}, {"stamp": None}])
    def test_what_was_expected_and_is_not_so_is_a_conflict(self, rig: Rig, change: dict[str, Any]) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 10)), replace(before, **change), 1)
        assert gateway.read() == before

    def test_another_incarnation_is_a_conflict(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        rig.restart(gateway)
        assert gateway.read().incarnation != before.incarnation
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 10)), replace(gateway.read(), incarnation=before.incarnation), 1)

    def test_a_restart_keeps_the_weights(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 30), fallback=BLUE))
        rig.restart(gateway)
        after = gateway.read()
        assert after.up
        assert (after.weights, after.admission, after.fallback) == (before.weights, before.admission, before.fallback)

    # ---- the fence ----

    def test_after_a_seal_an_older_generation_is_fenced_and_the_weights_stay(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)), generation=1)
        gateway.seal(2)
        assert gateway.read().weights == before.weights
        with pytest.raises(Fenced):
            gateway.write(Routing(share(GREEN, 10)), gateway.read(), 1)
        assert gateway.read().weights == before.weights
        assert put(gateway, Routing(share(GREEN, 10)), generation=2).weights == share(GREEN, 10)
        assert put(gateway, Routing(share(GREEN, 20)), generation=3).weights == share(GREEN, 20)

    def test_a_seal_is_remembered_without_us_and_before_the_first_write(self, rig: Rig) -> None:
        first = rig.open()
        first.seal(5)
        first.close()
        second = rig.open()
        with pytest.raises(Fenced):
            second.write(Routing(all_on(BLUE)), second.read(), 4)
        with pytest.raises(Fenced):
            second.seal(4)
        second.seal(5)
        assert put(second, Routing(all_on(BLUE)), generation=5).weights == all_on(BLUE)

    # ---- failures ----

    def test_silence_is_unreachable_and_the_deadline_is_kept(self, rig: Rig) -> None:
        before = put(rig.open(), Routing(all_on(BLUE)))
        gateway = rig.open(read_only=True, deadline=0.5)
        with rig.silent(), pytest.raises(Unreachable):
            gateway.read()  # a call without an end meets the test's own time limit
        assert _once_answered(gateway) == before

    def test_a_write_into_silence_is_unreachable(self, rig: Rig) -> None:
        gateway = rig.open(deadline=0.5)
        opener = rig.open()
        before = put(opener, Routing(all_on(BLUE)))
        opener.close()
        with rig.silent(), pytest.raises(Unreachable):
            gateway.write(Routing(share(GREEN, 10)), before, 1)

    def test_a_rejection_is_refused_and_changes_nothing(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 10)))
        with rig.rejecting(), pytest.raises(Refused) as caught:
            gateway.write(Routing(share(GREEN, 50)), before, 1)
        assert not isinstance(caught.value, Conflict | Fenced)
        after = gateway.read()
        assert (after.weights, after.stamp) == (before.weights, before.stamp)
        assert put(gateway, Routing(share(GREEN, 50))).weights == share(GREEN, 50), "the next good one is taken"

    def test_no_message_and_no_reading_holds_a_secret(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        impatient = rig.open(read_only=True, deadline=2.0)
        gateway.address(GREEN)
        seen = [repr(before), repr(gateway.capabilities)]
        with rig.rejecting():
            seen.append(_message(lambda: gateway.write(Routing(share(GREEN, 50)), before, 1)))
        seen.append(_message(lambda: gateway.write(Routing(share(GREEN, 50)), replace(before, weights=None), 1)))
        with rig.silent():
            seen.append(_message(impatient.read))
        gateway.seal(9)
        seen.append(_message(lambda: gateway.write(Routing(all_on(GREEN)), before, 1)))
        secrets = list(rig.secrets())
        assert secrets
        assert [(text, secret) for text in seen for secret in secrets if secret in text] == []

    # ---- handles ----

    def test_looking_only_takes_no_lock_makes_no_file_and_changes_nothing(self, rig: Rig) -> None:
        before = rig.fingerprint()
        looker = rig.open(read_only=True)
        reading = looker.read()
        with pytest.raises(Refused):
            looker.write(Routing(all_on(BLUE)), reading, 1)
        with pytest.raises(Refused):
            looker.seal(1)
        assert rig.fingerprint() == before
        assert put(rig.open(), Routing(all_on(BLUE))).up, "nobody holds a lock"

    def test_closing_twice_is_safe_and_the_gateway_serves_on(self, rig: Rig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(GREEN)))
        gateway.close()
        gateway.close()
        successor = rig.open()
        assert successor.read() == before
        assert draw(successor.users(), 5) == {"green": 5}

    def test_closing_the_listener_twice_is_safe_or_refused_by_who_does_not_manage_it(self, rig: Rig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        if not gateway.capabilities.managed:
            with pytest.raises(Refused):
                gateway.close_listener()
            return
        gateway.close_listener()
        gateway.close_listener()
        found = gateway.read()
        assert (found.up, found.weights) == (False, all_on(BLUE))
        with pytest.raises(OSError):
            ask(gateway.users())

    # ---- traffic ----

    @pytest.mark.parametrize("slot", list(Slot))
    def test_a_slot_with_all_the_weight_answers_everything_for_every_member(self, rig: Rig, slot: Slot) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(slot)))
        for path, member in (("/", "web"), ("/api", "api"), ("/api/x", "api"), ("/apix", "web")):
            answer = ask(gateway.users(), path)
            assert (answer.status, answer.slot, answer.body["member"]) == (200, slot, member)

    def test_what_clients_see_follows_the_weights(self, rig: Rig) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 30)))
        seen = draw(gateway.users(), 400)
        assert seen["blue"] + seen["green"] == 400
        assert 60 <= seen["green"] <= 180, "30 % of 400 is 120; this is more than six standard deviations wide"

    def test_the_forced_road_leads_to_its_slot_whatever_the_weights(self, rig: Rig) -> None:
        gateway = rig.open()
        for routing in (Routing(all_on(BLUE)), Routing(all_on(GREEN)), Routing(share(GREEN, 50), fallback=BLUE)):
            put(gateway, routing)
            for slot in Slot:
                assert draw(gateway.address(slot), 4) == {slot: 4}
                assert draw(gateway.address(slot), 4, "/api/x") == {slot: 4}

    def test_users_are_counted_and_probes_are_not(self, rig: Rig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(GREEN)))
        for _ in range(5):
            ask(gateway.users())
        for _ in range(3):
            ask(gateway.users(), "/api/status/500")
        for slot in Slot:
            ask(gateway.address(slot), "/status/500")
        blue, green = gateway.read().counters.blue, gateway.read().counters.green
        assert blue is not None
        assert green is not None
        assert (blue.requests, blue.errors, blue.refused) == (0, 0, 0)
        assert (green.requests, green.errors, green.refused) == (8, 3, 0)


class ByHandExam:
    """Going back without us. Apart, because the script must be one that can be run here."""

    def test_a_person_moves_all_traffic_without_us_and_the_gateway_says_so(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 50), fallback=BLUE), generation=3)
        done = run(gateway.by_hand(BLUE, "What it is for."), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "What it is for." in done.stdout
        assert "Read back from" in done.stdout
        assert not re.search(r"/(first|guarded)", done.stdout), "our own names of the gateway's parts say nothing"
        found = gateway.read()
        assert (found.weights, found.fallback) == (all_on(BLUE), None)
        assert found.admission == Pair(Admission.OPEN, Admission.CLOSED)
        assert found.stamp is not None
        assert (found.stamp.journal, found.stamp.generation, found.stamp.by_hand) == (JOURNAL, 3, True)
        assert found.incarnation == before.incarnation
        assert draw(gateway.users(), 5) == {"blue": 5}
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 60)), before, 3)

    def test_a_script_that_is_run_twice_is_one_change(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        script = gateway.by_hand(GREEN)
        assert run(script, tmp_path).returncode == 0
        once = gateway.read()
        again = run(script, tmp_path)
        assert (again.returncode, "so already" in again.stdout) == (0, True), again.stderr
        assert gateway.read() == once
        assert run(gateway.by_hand(BLUE), tmp_path).returncode == 0
        assert gateway.read().weights == all_on(BLUE), "another one is another change"

    def test_our_next_write_ends_the_move_by_hand_also_at_the_same_weights(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        assert run(gateway.by_hand(BLUE), tmp_path).returncode == 0
        by_hand = gateway.read()
        after = put(gateway, Routing(all_on(BLUE), by_hand.admission))
        assert after.stamp is not None
        assert not after.stamp.by_hand
        assert after.stamp != by_hand.stamp

    def test_a_move_by_hand_outlasts_a_restart_and_leaves_the_fence_alone(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)), generation=1)
        gateway.seal(4)
        assert run(gateway.by_hand(BLUE), tmp_path).returncode == 0
        with pytest.raises(Fenced):
            gateway.write(Routing(share(GREEN, 50)), gateway.read(), 3)
        gateway.seal(5)
        stamp = gateway.read().stamp
        assert stamp is not None
        assert stamp.by_hand, "a seal changes nothing about it"

    def test_nothing_is_moved_before_somebody_says_yes(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 50)))
        done = run(gateway.by_hand(BLUE), tmp_path, yes=False, said="no\n")
        assert (done.returncode, "nothing was changed" in done.stderr) == (2, True)
        assert gateway.read() == before
        assert run(gateway.by_hand(BLUE), tmp_path, yes=False, said="Yes\n").returncode == 0

    def test_the_wrong_machine_and_a_silent_slot_are_refused(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 50)))
        script = gateway.by_hand(BLUE, starts=("web in blue: by its command",))
        elsewhere = replace(script, sh=script.sh.replace("\nMACHINE=", "\nMACHINE=another-"))
        assert "another-" in _refused(run(elsewhere, tmp_path))
        nobody = replace(script, sh=re.sub(r"(MEMBERS='\w+) [0-9.]+:[0-9]+", r"\1 127.0.0.1:1", script.sh))
        silent = run(nobody, tmp_path)
        assert "does not answer" in _refused(silent)
        assert "- web in blue: by its command" in silent.stdout
        assert gateway.read() == before
        assert run(nobody, tmp_path, "--force").returncode == 0
        assert gateway.read().weights == all_on(BLUE)

    def test_where_another_reconciler_writes_since_it_is_refused(self, rig: Rig, tmp_path: Path) -> None:
        script = rig.open(journal="another").by_hand(BLUE)
        before = put(rig.open(), Routing(share(GREEN, 50)))
        assert JOURNAL in _refused(run(script, tmp_path))
        assert rig.open(read_only=True).read() == before

    def test_what_is_down_is_prepared_and_how_to_start_it_is_said(self, rig: Rig, tmp_path: Path) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        if not gateway.capabilities.managed:
            return
        gateway.close_listener()
        done = run(gateway.by_hand(BLUE), tmp_path)
        assert done.returncode == 1
        assert "nobody is served" in done.stderr
        down = gateway.read()
        assert (down.up, down.weights, down.stamp and down.stamp.by_hand) == (False, all_on(BLUE), True)
        subprocess.run(["sh", "-c", done.stderr.rpartition("start it: ")[2]], check=True)
        until(lambda: _served(gateway) == "blue", "the start that was typed")
        found = gateway.read()
        assert (found.up, found.weights, found.stamp and found.stamp.by_hand) == (True, all_on(BLUE), True), "it serves"
        after = put(gateway, Routing(all_on(BLUE)))
        assert (after.up, after.incarnation) == (True, found.incarnation), "and it is ours again"

    @pytest.mark.parametrize("tool", ["python3", "perl", "socat", "nc"])
    def test_whatever_speaks_to_sockets_is_good_enough(self, rig: Rig, tmp_path: Path, tool: str) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        script = gateway.by_hand(BLUE)
        bare = replace(script, sh=re.sub(r"\nPYTHON=.*", "\nPYTHON=none", script.sh))
        nothing = run(bare, tmp_path, path=_tools(tmp_path / "none"))
        assert "install python3, perl, socat" in _refused(nothing)
        done = run(bare, tmp_path, path=_tools(tmp_path / tool, tool))
        assert done.returncode == 0, done.stderr
        assert gateway.read().weights == all_on(BLUE)

    def test_no_script_holds_a_secret_and_making_one_touches_nothing(self, rig: Rig) -> None:
        put(rig.open(), Routing(all_on(BLUE)))
        before = rig.fingerprint()
        script = rig.open(read_only=True).by_hand(GREEN)
        assert rig.fingerprint() == before
        assert [secret for secret in rig.secrets() if secret in script.sh + script.ps1] == []


NEEDED = (
    *("cat", "chmod", "cmp", "cp", "cut", "grep", "head", "id", "mv", "paste", "rm", "sed", "sleep", "sort", "tr"),
    "uname",
)


def run(
    script: ByHand, folder: Path, *words: str, yes: bool = True, said: str = "", path: str = ""
) -> subprocess.CompletedProcess[str]:
    """As a person would."""
    file = folder / "rollback.sh"
    file.write_text(script.sh)
    command = [shutil.which("dash") or "/bin/sh", str(file), *(("--yes",) if yes else ()), *words]
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(command, input=said, env=environment, capture_output=True, text=True, timeout=60)


def _refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stdout + done.stderr


def _tools(folder: Path, *more: str) -> str:
    """A PATH in which there is nothing but what POSIX has, and `more`."""
    folder.mkdir(exist_ok=True)
    for name in (*NEEDED, *more):
        found = sys.executable if name == "python3" else shutil.which(name)
        if found is None or (name == "nc" and "-U" not in _help(found)):
            pytest.skip(f"{name} is not here, or not of the kind that is meant")
        (folder / name).write_text(f'#!/bin/sh\nexec {found} "$@"\n')
        (folder / name).chmod(0o755)
    return str(folder)


def _help(nc: str) -> str:
    told = subprocess.run([nc, "-h"], capture_output=True, text=True, timeout=10)
    return "-U" if re.search("-[A-Za-z0-9]*U", told.stdout + told.stderr) else ""


def _served(gateway: Gateway) -> str:
    try:
        return ask(gateway.users()).slot
    except OSError:
        return ""


def _once_answered(gateway: Gateway) -> GatewayReading:
    """What a handle of little patience reads, as soon as the machine lets it be answered in time."""
    found: list[GatewayReading] = []

    def answered() -> bool:
        with suppress(Unreachable):
            found.append(gateway.read())
        return bool(found)

    until(answered, "it stays unreachable")
    return found[0]


def _message(act: Any) -> str:
    with pytest.raises(ReconcilerError) as caught:
        act()
    return f"{caught.value} {caught.value!r}"
