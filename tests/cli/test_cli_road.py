"""The road of a newcomer, on a real Envoy: from `reconcile init` to their own first switch, and what Ctrl-C does."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request

import pytest
from cli_folder import PATIENCE, Folder, until

pytestmark = [
    pytest.mark.real,
    pytest.mark.started,
    pytest.mark.usefixtures("real_envoy"),
    pytest.mark.timeout(5 * PATIENCE),
]
FILE = "environments/production.yaml"


def answer(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
        return str(response.read().decode())


def weight(folder: Folder, slot: str) -> int:
    (found,) = json.loads(folder.reconcile("status", "--output", "json").stdout)["environments"]
    return int(found["weights"][slot]) if found["weights"] else -1


def journalled(folder: Folder, slot: str) -> int:
    """The weight that the journal tells last."""
    return int(re.findall(rf"weights: .*{slot} (\d+) %", folder.reconcile("history").stdout)[-1])


def hurry(folder: Folder, pause: str) -> None:
    """The same steps, in less time. How fast a page comes says nothing here: a busy machine has all the time."""
    shorter = {"warmUp: 1s": "warmUp: 0s", "soak: 30s": "soak: 1s", "duration: 5s": f"duration: {pause}"}
    patient = {'p95: "<= 1s"': 'p95: "<= 8s"\n        timeout: 10s'}
    for old, new in {**shorter, **patient, "rate: 10": "rate: 50"}.items():
        folder.edit(FILE, old, new)


def test_a_newcomer_gets_from_init_to_their_own_first_switch(folder: Folder, port: int) -> None:
    assert folder.reconcile("init", "--port", str(port)).returncode == 0
    hurry(folder, "1s")
    folder.commit("a first environment")
    assert folder.reconcile("validate").returncode == 0
    preview = folder.reconcile("--once")
    assert preview.returncode == 0
    assert "start web 1.0.0 in blue" in preview.stdout

    loop = folder.start("run")
    assert folder.reconcile("status", "--wait", "--timeout", "80").returncode == 0
    assert answer(port) == "Hello from version 1.0.0 in the blue slot.\n"
    assert "nothing to do: InSync" in folder.reconcile("--once").stdout

    for seconds in ("2s", "30s"):  # a busy machine sends too little in the usual time
        gates = folder.reconcile("gates", "production", "--for", seconds, "--output", "json")
        if gates.returncode == 0:
            break
    told = json.loads(gates.stdout)
    assert (gates.returncode, told["newcomer"], told["stable"]) == (0, "green@1.1.0", "blue@1.0.0"), gates.stdout
    assert {gate["outcome"] for gate in told["gates"]} == {"Successful"}

    folder.edit(FILE, "activeSlot: blue", "activeSlot: green")
    revision = folder.commit("switch to green")
    waited = folder.reconcile("status", "--wait", "--revision", revision[:12], "--timeout", "80")
    assert waited.returncode == 0, waited.stdout
    assert {answer(port) for _ in range(20)} == {"Hello from version 1.1.0 in the green slot.\n"}

    assert folder.end(loop) == 0
    assert "Traceback" not in folder.said
    assert answer(port) == "Hello from version 1.1.0 in the green slot.\n", "the data plane outlives the loop"
    history = folder.reconcile("history").stdout
    assert history.index("start web 1.0.0 in blue") < history.index("weights: blue 90 %, green 10 %")
    assert "chain whole" in folder.reconcile("history", "--verify").stdout


def test_an_interrupted_apply_leaves_a_whole_world_that_the_next_one_takes_up(folder: Folder, port: int) -> None:
    folder.reconcile("init", "--port", str(port))
    hurry(folder, "3s")
    folder.commit()
    assert folder.process("--once", "--apply").returncode == 0
    folder.edit(FILE, "activeSlot: blue", "activeSlot: green")
    folder.commit()
    assert folder.reconcile("--once", "--detailed-exitcode").returncode == 2
    assert folder.reconcile("--once", "--what-if", "50:fail").returncode == 0
    assert "only at: 0, 10, 50, 100" in folder.reconcile("--once", "--what-if", "33:fail").stderr

    apply = folder.start("--once", "--apply")
    until(folder, lambda: weight(folder, "green") > 0, "the first rung")
    assert folder.end(apply, signal.SIGINT) == 130
    assert "Traceback" not in folder.said
    reached = weight(folder, "green")
    assert reached in (10, 50), "a busy machine may have brought it further"
    assert journalled(folder, "green") == reached
    assert "Hello from version" in answer(port)

    assert folder.process("--once", "--apply").returncode == 0
    assert (weight(folder, "green"), folder.reconcile("status").returncode) == (100, 0)
    _down_leaves_nothing(folder, port)


def _down_leaves_nothing(folder: Folder, port: int) -> None:
    unsure = folder.reconcile("down", "production")
    assert (unsure.returncode, "--yes" in unsure.stderr) == (64, True)
    assert folder.reconcile("down", "production", "--yes").returncode == 0
    assert folder.process("--once", "--apply").returncode == 0  # that was asked for, and is done
    assert folder.process("--once", "--apply").returncode == 3  # from then on somebody is waited for
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder.root) not in running
    with pytest.raises(OSError):
        answer(port)


def test_a_commit_can_be_previewed_on_another_branch_before_the_loop_sees_it(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    folder.git("switch", "--quiet", "-c", "next")
    folder.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: green")
    revision = folder.commit("switch")
    assert revision[:12] in folder.reconcile("--once", "--branch", "next").stdout
    assert revision[:12] not in folder.reconcile("--once").stdout
    assert folder.reconcile("--once", "--apply", "--branch", "next").returncode == 64
