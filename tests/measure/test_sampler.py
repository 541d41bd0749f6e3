"""The sampler against a real server, with the real generator in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from reconciler.core.model import GateSpec, Mode, Outcome, Release, Slot, Stage
from reconciler.core.reading import Window
from reconciler.drivers.gates import synthetic
from reconciler.drivers.journey import Journey, Step
from reconciler.drivers.protocols import GateContext, Road, Sample
from reconciler.errors import Unreachable
from reconciler.measure.generator import COMMAND
from reconciler.measure.sampler import IDLE, STEP, Sampler
from reconciler.measure.samplers import Samplers

PATIENCE = 30.0
SECRET = "s3cret-of-the-forced-road"


def window(rung: int, opened: float = 12.5) -> Window:
    return Window("t1", Release(Slot.GREEN, "1.4.2"), Release(Slot.BLUE, "1.4.1"), rung, opened)


def until(true: Callable[[], object]) -> None:
    """Waits for what must come; fails when it does not."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if true():
            return
        pause.wait(0.02)
    pytest.fail("it never came")


class Site:
    """A server that counts, and that can be told to fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.turn = threading.Lock()
        self.silent = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with site.turn:
                    site.asked += 1
                while site.silent.is_set() and not site.over.wait(0.02):
                    pass
                self.send_response(site.status)
                self.send_header("X-Slot", "green")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None: ...

        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def road(self) -> Road:
        return Road(f"http://127.0.0.1:{self.server.server_port}", {"x-forced-road": SECRET})

    def journey(self, rate: float = 50.0, timeout: float = PATIENCE) -> Journey:
        return Journey((Step("search", "GET", "/search"),), {"green": self.road, "users": self.road}, rate, timeout)

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Hours:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> str:
        return ""


class Count:
    """A tape: how many requests it was told of, and how many of them are over."""

    begun = ended = 0

    def sent(self, gate: str, run: str, number: int) -> None:
        self.begun += 1

    def over(self, gate: str, run: str, number: int, sample: Sample | None) -> None:
        self.ended += 1


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def bad() -> list[Sample]:
    return []


@pytest.fixture
def sampler(bad: list[Sample]) -> Iterator[Sampler]:
    sampler = Sampler(bad.append, idle=PATIENCE)
    yield sampler
    sampler.close()
    until(lambda: not generators(sampler))


def generators(sampler: Sampler) -> list[psutil.Process]:
    """Children of ours that generate load. One that has ended, or ends while it is looked at, is none."""
    return [child for child in psutil.Process().children() if "reconciler.measure.journey" in command_line(child)]


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True


def command_line(child: psutil.Process) -> str:
    try:
        return " ".join(child.cmdline())
    except psutil.Error:  # gone, or waiting to be reaped
        return ""


def test_every_request_that_was_sent_has_exactly_one_sample(site: Site, sampler: Sampler, bad: list[Sample]) -> None:
    assert sampler.since(window(10)) == []
    sampler.aim(site.journey())
    until(lambda: len(sampler.since(window(10))) >= 60)
    site.status = 500
    until(lambda: len(bad) >= 10)
    sampler.aim(None)
    until(lambda: not generators(sampler))
    samples = sampler.since(window(10))
    assert len(samples) == site.asked
    assert [sample.id for sample in samples] == list(range(1, site.asked + 1))
    assert {sample.road for sample in samples} == {"green", "users"}
    assert [sample for sample in samples if not sample.ok] == sorted(bad, key=lambda one: one.id)
    assert {(sample.status, sample.ok, sample.error) for sample in samples} == {
        (200, True, ""),
        (500, False, "status 500 instead of 200"),
    }
    assert {(sample.step, sample.slot) for sample in samples} == {("search", "green")}


def test_a_window_holds_what_was_sent_after_it_was_first_seen(site: Site, sampler: Sampler) -> None:
    sampler.since(window(10))
    sampler.aim(site.journey())
    until(lambda: len(sampler.since(window(10))) >= 10)
    before = sampler.since(window(10))
    assert sampler.since(window(50)) == []
    until(lambda: len(sampler.since(window(50))) >= 10)
    early, late = before[-1].start, sampler.since(window(50))[0].start
    assert early < late
    assert len(sampler.since(window(10))) >= len(before) + 10


def test_a_slow_answer_does_not_hide_those_that_waited_behind_it(site: Site, sampler: Sampler) -> None:
    sampler.since(window(10))
    sampler.aim(site.journey(rate=20.0, timeout=0.5))
    until(lambda: len(sampler.since(window(10))) >= 10)
    site.silent.set()
    until(lambda: sum(sample.bad for sample in sampler.since(window(10))) >= 30)
    bad = [sample for sample in sampler.since(window(10)) if sample.road == "green" and sample.bad]
    assert min(sample.latency for sample in bad) >= 0.5
    together = [sum(one.start <= other.start < one.start + 0.5 for other in bad) for one in bad]
    assert max(together) >= 8  # of ten; a noisy machine may skip a few, but nothing waits for an answer


def held(let: Path) -> Sequence[str]:
    """A generator that does not begin before there is that file."""
    return ("/bin/sh", "-c", f'until test -e "{let}"; do sleep 0.02; done; exec "$@"', "sh", *COMMAND)


def test_a_generator_that_dies_is_a_problem_and_is_started_again(site: Site, sampler: Sampler, tmp_path: Path) -> None:
    sampler.since(window(10))
    sampler.aim(site.journey())
    until(lambda: sampler.since(window(10)))
    assert sampler.problem() == ""
    (first,) = generators(sampler)
    sampler._command = held(tmp_path / "let")
    first.kill()
    until(sampler.problem)
    assert "exit code -9" in sampler.problem()
    seen = len(sampler.since(window(10)))
    (tmp_path / "let").touch()
    until(lambda: len(sampler.since(window(10))) > seen + 10 and not sampler.problem())
    (second,) = generators(sampler)
    assert second.pid != first.pid


def test_a_generator_that_is_stuck_is_a_problem(site: Site) -> None:
    clock = Hours()
    sampler = Sampler(clock=clock, command=[sys.executable, "-c", "import sys; sys.stdin.read()"])
    sampler.aim(site.journey(rate=1.0, timeout=2.0))
    assert sampler.problem() == ""
    until(lambda: sampler._generator is not None)
    clock.now = 60.0
    assert sampler.problem() == "the sampler has been silent for 60 s"
    sampler.close()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/nowhere/at/all"], "cannot be started"),
        ([sys.executable, "-c", "raise SystemExit('out of luck')"], "exit code 1.*out of luck"),
    ],
)
def test_a_generator_that_cannot_run_is_a_problem_with_its_reason(site: Site, command: list[str], says: str) -> None:
    sampler = Sampler(command=command)
    sampler.aim(site.journey())
    until(sampler.problem)
    assert re.search(says, sampler.problem())
    sampler.close()


def test_aiming_at_another_slot_goes_on_there_and_keeps_what_was_measured(site: Site, sampler: Sampler) -> None:
    sampler.since(window(10))
    sampler.aim(site.journey())
    until(lambda: sampler.since(window(10)))
    sampler.aim(site.journey())
    (first,) = generators(sampler)
    sampler.aim(Journey((Step("search", "GET", "/"),), {"blue": site.road}, 50.0, PATIENCE))
    until(lambda: {"blue", "green"} <= {sample.road for sample in sampler.since(window(10))})
    (second,) = generators(sampler)
    assert first.pid != second.pid
    sampler.aim(None)
    until(lambda: not generators(sampler))
    assert sampler.problem() == ""


def test_nothing_runs_when_nobody_asks(site: Site) -> None:
    sampler = Sampler(idle=0.2)
    sampler.since(window(10))
    sampler.aim(site.journey())
    until(lambda: generators(sampler))
    until(lambda: not generators(sampler))
    assert sampler.problem() == ""
    sampler.aim(site.journey())
    until(lambda: generators(sampler))
    sampler.close()
    until(lambda: not generators(sampler))
    sampler.close()
    sampler.aim(site.journey())
    assert not generators(sampler)


@pytest.fixture
def clock() -> Hours:
    return Hours()


@pytest.fixture
def tape() -> Count:
    return Count()


@pytest.fixture
def kept(site: Site, bad: list[Sample], tape: Count, clock: Hours) -> Iterator[Sampler]:
    """In a transition, and on a clock that is a value."""
    sampler = Sampler(bad.append, tape=tape, clock=clock)
    sampler.aim(site.journey())
    sampler.keep(under_way=True)
    until(lambda: tape.ended)
    yield sampler
    sampler.close()
    until(lambda: not generators(sampler))


def goes_on(tape: Count) -> None:
    before = tape.begun
    until(lambda: tape.begun > before + 25)


def test_a_step_of_our_own_in_which_nobody_asks_ends_nothing_and_a_loop_that_hangs_does(
    kept: Sampler, tape: Count, clock: Hours
) -> None:
    (first,) = generators(kept)
    clock.now = STEP
    goes_on(tape)
    assert generators(kept) == [first]
    clock.now = STEP + 1.0
    until(lambda: not generators(kept))
    assert kept.problem() == ""


def test_what_a_transition_needed_ends_soon_after_it_however_often_somebody_looks(
    kept: Sampler, tape: Count, clock: Hours
) -> None:
    clock.now = 300.0
    kept.keep(under_way=False)
    clock.now += IDLE
    kept.keep(under_way=False)
    goes_on(tape)
    clock.now += 1.0
    until(lambda: not generators(kept))


def test_a_loop_that_asks_nothing_is_woken_by_nothing(
    site: Site, kept: Sampler, bad: list[Sample], tape: Count, clock: Hours
) -> None:
    """On the way back the newcomer's own road fails all the time, and the loop knows why."""
    clock.now = IDLE + 1.0
    site.status = 500
    goes_on(tape)
    assert bad == []
    kept.since(window(10))
    until(lambda: bad)


def test_what_is_asked_seldom_does_not_end_between_two_questions() -> None:
    spec = replace(gates()[0], interval=60.0)
    samplers = Samplers([spec], dict)
    assert samplers.of("journey").sampler._idle > 60.0
    samplers.close()


def burials() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "a sampler's end"}


def test_closing_waits_for_nothing_and_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.measure.sampler.GRACE", PATIENCE / 10)
    sampler = Sampler()
    site.silent.set()
    sampler.aim(site.journey(timeout=3600.0))
    until(lambda: site.asked)
    earlier = burials()
    sampler.close()
    assert generators(sampler), "a loop that closes goes on while requests are still on their way"
    (burial,) = burials() - earlier
    assert not burial.daemon, "a command that ends waits for it, so that no process is left"
    until(lambda: not generators(sampler) and not burial.is_alive())


def test_a_request_that_hangs_is_known_of_and_blocks_until_it_has_failed(site: Site) -> None:
    samplers = Samplers(gates("1s"), lambda: {"users": site.road, "green": site.road})
    context = GateContext("e", "journey", dict, lambda _: site.road, lambda _: True, samples=samplers.of)
    gate = synthetic.open(context, synthetic.Settings.model_validate_json(SETTINGS.replace("30s", "1s")))
    site.silent.set()
    gate.run(window(0))
    until(lambda: "then" in gate.run(window(0)).reason)
    found = gate.run(window(0))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert re.search("0 of 20 samples by the road 'green', then [0-9]+ unanswered so far", found.reason)
    gate.run(window(25))  # whoever let it rise
    until(lambda: gate.run(window(25)).outcome is Outcome.FAILED)
    assert "sent at an earlier weight" in gate.run(window(25)).reason
    samplers.close()


def test_answers_that_a_dead_generator_was_waiting_for_are_no_failures(site: Site, sampler: Sampler) -> None:
    sampler.since(window(10))
    site.silent.set()
    sampler.aim(site.journey())
    until(lambda: len(sampler.since(window(10))) >= 10)
    for generator in generators(sampler):  # one of an earlier test may be on its way out
        generator.kill()
    until(lambda: sampler.since(window(10))[0].void)
    assert not [sample for sample in sampler.since(window(10)) if sample.bad]


def test_an_answer_by_another_slot_is_void(site: Site, sampler: Sampler) -> None:
    sampler.since(window(10))
    road = replace(site.road, expects=("127.0.0.1:9002",))
    sampler.aim(Journey((Step("search", "GET", "/search"),), {"green": road}, 50.0, PATIENCE))
    until(lambda: [sample for sample in sampler.since(window(10)) if sample.void])
    found = next(sample for sample in sampler.since(window(10)) if sample.void)
    assert not found.bad
    assert found.error == "somebody else answered instead of 127.0.0.1:9002"


def test_no_secret_is_on_the_generators_command_line_or_in_its_environment(site: Site, sampler: Sampler) -> None:
    sampler.aim(site.journey())
    until(lambda: generators(sampler))
    (process,) = generators(sampler)
    assert SECRET not in " ".join(process.cmdline())
    assert SECRET not in json.dumps(process.environ())


def test_the_generator_survives_an_interrupt_and_ends_with_its_parents_pipe(site: Site) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdin.write(site.journey().line().encode())
        child.stdin.flush()
        assert json.loads(child.stdout.readline()).keys() == {"sent", "road", "step", "start"}
        child.send_signal(signal.SIGINT)
        before = site.asked
        until(lambda: site.asked > before + 10)
        _, said = child.communicate(timeout=PATIENCE)  # closes its input
    assert (child.returncode, said) == (0, b"")


def test_the_generator_does_not_outlive_a_parent_that_is_killed(site: Site) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from reconciler.drivers.journey import Journey\n"
            "from reconciler.measure.sampler import Sampler\n"
            "s = Sampler(lambda sample: None, idle=3600)\n"
            "s.aim(Journey.read(sys.stdin.readline()))\n"
            "while s._generator is None: time.sleep(0.01)\n"
            "print(s._generator.pid, flush=True)\n"
            "time.sleep(3600)\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    parent.stdin.write(site.journey().line())
    parent.stdin.flush()
    child = psutil.Process(int(parent.stdout.readline()))
    until(lambda: site.asked)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until(lambda: ended(child))


def test_an_https_road_is_a_problem_that_says_so(sampler: Sampler) -> None:
    sampler.aim(Journey((Step("a", "GET", "/"),), {"users": Road("https://127.0.0.1:1")}, 5.0, 1.0))
    until(sampler.problem)
    assert "whose certificate is known" in sampler.problem() or "exit code 1" in sampler.problem()


SETTINGS = '{"journey": [{"name": "search", "path": "/search"}], "rate": 50, "minimumSamples": 20, "timeout": "30s"}'


def gates(timeout: str = "30s") -> list[GateSpec]:
    return [
        GateSpec("journey", "synthetic", Stage.SHIFT, Mode.ENFORCE, SETTINGS.replace("30s", timeout)),
        GateSpec("healthy", "http", Stage.SHIFT, Mode.ENFORCE, '{"path": "/healthz"}'),
    ]


def test_the_gate_judges_what_a_real_sampler_saw(site: Site) -> None:
    alarms: list[int] = []
    samplers = Samplers(gates(), lambda: {"users": site.road, "green": site.road}, alarm=lambda: alarms.append(1))
    context = GateContext("e", "journey", dict, lambda _: site.road, lambda _: True, samples=samplers.of)
    gate = synthetic.open(context, synthetic.Settings.model_validate_json(SETTINGS))
    assert gate.run(window(10)).outcome is Outcome.INCONCLUSIVE
    until(lambda: gate.run(window(10)).outcome is Outcome.SUCCESSFUL)
    site.status = 500
    until(lambda: gate.run(window(10)).outcome is Outcome.FAILED)
    assert alarms
    site.status = 200
    assert gate.run(window(50)).outcome is Outcome.FAILED, "what was wrong at 10 is not forgotten at 50"
    assert gate.run(window(10, opened=99.0)).outcome is Outcome.INCONCLUSIVE
    samplers.close()
    with pytest.raises(KeyError):
        samplers.of("healthy")


def test_a_gateway_whose_roads_are_not_known_is_a_problem_not_a_verdict() -> None:
    def lost() -> dict[str, Road]:
        raise Unreachable("the gateway does not answer")

    samplers = Samplers(gates(), lost)
    context = GateContext("e", "journey", lost, lambda _: lost()["x"], lambda _: True, samples=samplers.of)
    gate = synthetic.open(context, synthetic.Settings.model_validate_json(SETTINGS))
    found = gate.run(window(10))
    samplers.close()
    assert found.outcome is Outcome.ERROR
    assert "the gateway does not answer" in found.reason
