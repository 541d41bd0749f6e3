"""A run that is shaped like the scenario's, on real parts: its report has every line of the one written by hand, and
each holds what was measured: what this test knows by itself, from its own clock, its users, the journal and the raw
records.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import e2e_windows
import pytest
from e2e_account import assert_jobs_done_once
from e2e_playground import ALL, Playground
from e2e_scenario import NEW, OLD, PAUSE, SESSIONS, STEPS, a_job_waits, furnished
from e2e_scenario_lines import ZONES, Known, wrong
from e2e_users import assert_nothing_lost
from e2e_windows_house import WindowsGround, house
from report_read import Read
from test_e2e_approvals import me, waiting
from test_e2e_evidence import finished
from windows_eventlog import INFORMATION, WARNING, Computer

from reconciler.core.events import Applied, Began, Ended, Intended, Phase
from reconciler.core.steps import Route
from reconciler.demo.account import Request
from reconciler.demo.place import ENVIRONMENT, WARM
from reconciler.evidence.access import moment
from reconciler.evidence.pack.place import GATEWAY, REQUESTS, Pack, packs
from reconciler.evidence.pack.verify import verify
from reconciler.journal.entry import Entry

pytestmark = [pytest.mark.real, pytest.mark.timeout(500)]
SOAK = "12s"  # long enough for the gate to see the job that waits
SKEW = 0.1  # seconds between two clocks of one machine


@pytest.fixture(params=["windows", "envoy"] if ALL else ["windows"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playground]:
    """`windows`: all of it on a simulated Windows machine, IIS with ARR as its gateway. `envoy`: with processes and an
    Envoy of this machine, and a Windows machine for its event log."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    me(tmp_path / "gitconfig", "ann@example.com")
    windows = request.param == "windows"
    place = tmp_path / "p"
    ground = WindowsGround(place, forked=False) if windows else Playground(place, warm=WARM, forked=False)
    try:
        yield ground
    finally:
        ground.tear_down()


@contextmanager
def standing(ground: Playground) -> Iterator[Computer]:
    """Its Windows machine."""
    if isinstance(ground, WindowsGround):
        with house(ground) as built:
            yield built.computer
    else:
        with e2e_windows.computer(ground) as computer:
            yield computer


def test_a_run_shaped_like_the_scenario_has_every_line_of_its_report_measured(ground: Playground) -> None:
    with standing(ground) as windows:
        root = ground.record()
        wishes = {**furnished(ground), "steps": STEPS, "soak": SOAK}
        ground.serving(OLD, OLD, steps=STEPS)
        users = ground.users(rate=20)
        committed = time.time()
        ground.commit("green", OLD, NEW, **wishes)
        waiting(ground, "shift")
        ground.ask("approve", "--stage", "shift", "--yes", "-m", "the recovery point is there")
        ground.until(lambda state: state.transition and state.transition.rung == 50)
        windows.logs["Application"].write(WARNING, "worker", 1001, times=2)
        windows.logs["Application"].write(INFORMATION, "worker", 1, times=4)
        ground.until(lambda state: state.transition and state.transition.phase is Phase.SOAKING)
        (open_,) = packs(root)
        delay = a_job_waits(ground, open_)
        ground.until_stable("green", NEW)
        known = {"begin": (committed - 1, committed + 30), "end": (committed + 3 * PAUSE, time.time()), "delay": delay}
        requests = users.stop()
        pack = finished(root)
    assert_nothing_lost(requests)
    assert_jobs_done_once(ground, requests)
    assert verify(pack).findings == ()
    checked = ground.reconcile("evidence", "verify", str(pack.folder))
    assert (checked.returncode, "it holds; zero downtime: Proved" in checked.stdout) == (0, True), checked.stdout
    known |= {**journalled(ground), **recorded(pack), **counted(ground, pack, requests)}
    (archive,) = (path for path in (ground.place.state / "snapshots" / ENVIRONMENT).glob("*.zip"))
    known["size"] = (archive.stat().st_size,) * 2
    texts = {"archive": archive.name, "digest": hashlib.sha256(archive.read_bytes()).hexdigest()}
    for language in ZONES:
        assert wrong(sheet(pack, language), language, known, texts) == [], pack.folder
    assert "의견: the recovery point is there" in sheet(pack, "ko").text
    assert pack.file("dashboard.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert all(f"green {weight} %" in pack.file("switch.log").read_text("utf-8") for weight in (25, 50, 75, 100))
    assert subprocess.run(["sh", "-n", pack.file("rollback.sh")], check=False).returncode == 0


def sheet(pack: Pack, language: str) -> Read:
    page = ElementTree.fromstring(pack.file("report.html").read_text(encoding="utf-8"))
    return Read(page, next(one for one in page.iter("article") if one.get("id") == language))


def of_the_switch(ground: Playground) -> list[Entry]:
    """The journal, from the beginning of the only transition to its end."""
    entries = ground.entries()
    first, last = (next(n for n, one in enumerate(entries) if isinstance(one.event, kind)) for kind in (Began, Ended))
    return entries[first : last + 1]


def journalled(ground: Playground) -> Known:
    """By the journal: how long the weights moved and nobody owned, and how many steps there were at least."""
    entries = of_the_switch(ground)
    acts = [(n, one) for n, one in enumerate(entries) if isinstance(one.event, Intended)]
    routes = [n for n, one in acts if isinstance(one.event, Intended) and isinstance(one.event.act, Route)]
    done = next(one for one in entries[routes[-1] :] if isinstance(one.event, Applied))
    moving = moment(done.at) - moment(entries[routes[0]].at)
    assert (len(routes), moving >= 3 * PAUSE) == (4, True)
    return {
        "moving": (moving - 0.1, moving + 0.1),
        "ownerless": (0.001, moment(entries[-1].at) - moment(done.at)),
        "entries": (len(entries),) * 2,
        "steps": (len(acts), len(entries)),
    }


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def recorded(pack: Pack) -> Known:
    """By the raw records: counted, and ranked, here."""
    sent = [one for one in lines(pack.file(REQUESTS)) if "road" in one]
    users = [one for one in sent if one["road"] == "users"]
    steps = Counter(one["step"] for one in users if not one.get("session"))
    times = sorted(one["latency"] for one in users)
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    shown = 0.001 if p95 < 1 else 0.006  # how exact it is told
    assert {one["session"] for one in users if one.get("session")} == {*range(1, SESSIONS + 1)}
    found = {**steps, "sent": len(sent), "users": len(users), "used": len(users) - steps.total()}
    found["looks"] = sum("up" in one for one in lines(pack.file(GATEWAY)))
    return {**{name: (number, number) for name, number in found.items()}, "p95": (p95 - shown, p95 + shown)}


def counted(ground: Playground, pack: Pack, requests: list[Request]) -> Known:
    """What the gateway must have counted at least, by slot: what users asked, and our own on the users' road, from the
    second look at it to the last one before the end, however long a look took."""
    over, ahead = moment(of_the_switch(ground)[-1].at), time.time() - time.monotonic()
    looks = [one["at"] for one in lines(pack.file(GATEWAY)) if "up" in one and one["at"] < over]
    begin, end = looks[1] + SKEW, looks[-1] - SKEW
    users = Counter(one.slot for one in requests if begin < one.start + ahead and one.end + ahead < end)
    sent = [one for one in lines(pack.file(REQUESTS)) if one.get("road") == "users"]
    ours = Counter(one.get("slot") for one in sent if begin < one["at"] and one["at"] + one.get("latency", 0.0) < end)
    assert all(found["green"] for found in (users, ours))
    return {slot: (users[slot] + ours[slot], math.inf) for slot in ("blue", "green")}
