"""The host `process`, with the sample system and with small programs of its own as members."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.register_assert_rewrite("host_exam")
from host_exam import BLUE, GREEN, HostExam, ready, stopped, until  # noqa: E402
from ports import slot_ports  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from reconciler.clock import SYSTEM  # noqa: E402
from reconciler.core.model import Pin, Slot  # noqa: E402
from reconciler.core.reading import MemberReading, MemberStatus  # noqa: E402
from reconciler.drivers.hosts import process  # noqa: E402
from reconciler.drivers.identity import Identity  # noqa: E402
from reconciler.drivers.process import lives, record  # noqa: E402
from reconciler.drivers.process.app import App  # noqa: E402
from reconciler.drivers.process.family import TOKEN, bearers, signal_all  # noqa: E402
from reconciler.drivers.process.health import judge  # noqa: E402
from reconciler.drivers.process.record import Record  # noqa: E402
from reconciler.drivers.protocols import HostContext  # noqa: E402
from reconciler.errors import Refused, Unreachable  # noqa: E402

SAMPLE = Path(__file__).parents[2] / "examples" / "sample" / "sample.py"
STOPPED, READY, UNREADY, STOPPING = (
    MemberStatus.STOPPED,
    MemberStatus.READY,
    MemberStatus.UNREADY,
    MemberStatus.STOPPING,
)
SECRET = "hunter2-password"
DEADLINE = 30.0  # nobody waits for it but who asks a member that is frozen
SHORT = 4.0


class World:
    """A folder with an operator's file's neighbours: releases, state, data. Ends what it started."""

    good, other = Pin("1.0"), Pin("1.1", (("greeting", "hi"),), "0a1b2c3d")
    missing, liar = Pin("7.7"), Pin("6.6")
    secret = SECRET

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.state, self.patience = folder, folder / "state", DEADLINE
        for version, wrong in (("1.0", {}), ("1.1", {}), ("6.6", {"report_version": "6.5"})):
            self.release(version, **wrong)
        command = ["{python}", str(SAMPLE), "api", "--port", "{port}", "--version", "{version}", "--release"]
        command += ["{release}", "--slot", "{slot}", "--data", str(folder / "data"), "--config", "{config}"]
        said = {"command": command, "releases": "releases/{version}", "ports": slot_ports(), "ready": "/healthz"}
        self.app = App.model_validate({**said, "env": {"DATABASE_PASSWORD": SECRET}, "base": folder, **changes})
        self.opened: list[process.ProcessHost] = []

    def release(self, version: str, **misbehave: Any) -> None:
        place = self.folder / "releases" / version
        place.mkdir(parents=True, exist_ok=True)
        (place / "release.json").write_text(json.dumps({"misbehave": misbehave}))

    def open(self) -> process.ProcessHost:
        context = HostContext("production", "api", self.state, self.app, self.patience)
        self.opened.append(process.open(context, process.Settings(app="demo")))
        return self.opened[-1]

    def path(self, slot: Slot) -> Path:
        return self.state / "members" / f"api-{slot}.json"

    def record(self, slot: Slot = BLUE) -> Record:
        found = record.load(self.path(slot))
        assert found is not None
        return found

    def leader(self, slot: Slot = BLUE) -> Identity:
        found = self.record(slot).identity
        assert found is not None
        return found

    def lives(self, slot: Slot) -> int:
        wanted = f"--slot {slot} --data {self.folder / 'data'}"
        return sum(wanted in " ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))

    def traces(self) -> dict[str, tuple[int, int]]:
        files = [self.folder, *self.folder.rglob("*")]
        return {str(file): (file.stat().st_mtime_ns, file.stat().st_ino) for file in files}

    def freeze(self, slot: Slot) -> None:
        """Who asks it from now on has less patience, on a connection that it has kept too."""
        self.patience = SHORT
        for health in [each for host in self.opened for each in host._health.values()]:
            health.deadline = SHORT
            for kept in health._idle.values():
                kept.sock.settimeout(SHORT / 2)
        leader = self.leader(slot)
        leader.signal(signal.SIGSTOP)
        while psutil.Process(leader.pid).status() != psutil.STATUS_STOPPED:  # the signal takes its time
            time.sleep(0.001)

    def damage(self, slot: Slot) -> None:
        self.kept = (self.path(slot), self.path(slot).read_text())
        self.path(slot).write_text('{"schema": 1, "lab')

    def deadline(self) -> float:
        return self.patience

    def clear(self) -> None:
        if hasattr(self, "kept"):
            self.kept[0].write_text(self.kept[1])
        for host in self.opened:
            host.close()
        wait_for(lambda: not self._ended())

    def _ended(self) -> list[Identity]:
        """Kills all that came of this world's starts; whom it still found."""
        lives.reap()
        paths = [path for slot in Slot if (path := self.path(slot)).exists()]
        left = [each for path in paths if (known := record.load(path)) for each in bearers(known.token)]
        signal_all(left, signal.SIGKILL)
        return left


def wait_for(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not true():
        assert time.monotonic() < limit, "it never came about"
        time.sleep(0.02)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def world(**changes: Any) -> World:
        made.append(World(tmp_path, **changes))
        return made[-1]

    yield world
    for each in made:
        each.clear()


@pytest.fixture
def program(make: Callable[..., World]) -> Callable[..., World]:
    """A world whose app is a few lines of Python, without a port: alive is ready."""

    def world(text: str, **changes: Any) -> World:
        command = ["{python}", "-c", textwrap.dedent(text), "{version}", "{config}"]
        return make(command=command, ports=None, ready=None, **changes)

    return world


SLEEPER = "import time\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
)


class TestProcessHost(HostExam):
    @pytest.fixture
    def subject(self, make: Callable[..., World]) -> World:
        return make()


# ---- starting -------------------------------------------------------------------------------------------------------


def log(world: World, label: str = "1.0") -> str:
    path = world.state / "logs" / f"api-blue-{label}.log"
    return path.read_text() if path.exists() else ""


def test_a_member_knows_the_operators_variables_and_few_of_ours(
    program: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    world = program("import os, json\nprint(json.dumps(dict(os.environ)), flush=True)", env={"MODE": "{odd} braces"})
    host = world.open()
    pin = Pin("1.0", (("PATH", "/evil"), ("LD_PRELOAD", "evil.so")), "abcd")
    host.start(BLUE, pin)
    until(host, BLUE, lambda found: found.status is STOPPED)
    seen = json.loads(log(world, "1.0-abcd"))
    assert seen["MODE"] == "{odd} braces"
    assert seen["PATH"] == os.environ["PATH"]
    assert not {"AWS_SECRET_ACCESS_KEY", "LD_PRELOAD"} & set(seen)
    assert json.loads(Path(seen["SLOT_CONFIG"]).read_text()) == dict(pin.config)


def test_what_is_written_about_a_member_is_for_its_owner_only(make: Callable[..., World]) -> None:
    world = make()
    ready(world.open(), BLUE, world.other)
    files = [file for file in world.state.rglob("*") if file.is_file()]
    assert len(files) == 3, "a record, a configuration, a log"
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert SECRET not in world.path(BLUE).read_text()


def test_a_taken_port_is_refused_with_port_and_app(make: Callable[..., World]) -> None:
    world = make()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", world.app.ports.blue if world.app.ports else 0))
        squatter.listen()
        with pytest.raises(Refused, match=rf"'demo'.*127\.0\.0\.1:{squatter.getsockname()[1]}"):
            world.open().start(BLUE, world.good)
    assert not world.path(BLUE).exists()


def test_a_program_that_is_not_there_is_refused_and_leaves_the_slot_stopped(make: Callable[..., World]) -> None:
    world = make(command=["no-such-program", "--password", SECRET])
    host = world.open()
    with pytest.raises(Refused, match="no-such-program") as caught:
        host.start(BLUE, world.good)
    assert SECRET not in str(caught.value)
    assert host.read(BLUE) == MemberReading(STOPPED)


def test_an_app_that_dies_at_start_reads_as_stopped_with_exit_code_and_last_words(make: Callable[..., World]) -> None:
    world = make()
    world.release("1.0", die_at_start=True)
    host = world.open()
    host.start(BLUE, world.good)
    found = until(host, BLUE, lambda found: found.status is STOPPED)
    assert "exit code 3" in found.detail
    assert "dies at start" in found.detail


def test_last_words_are_of_this_life_and_hide_the_operators_values(program: Callable[..., World]) -> None:
    world = program(f"print('cannot log in with {SECRET}', flush=True)")
    host = world.open()
    host.start(BLUE, world.good)
    found = until(host, BLUE, lambda found: found.status is STOPPED)
    assert found.detail.endswith("cannot log in with ***")
    quiet = program("pass")
    again = quiet.open()
    again.start(BLUE, quiet.good)
    assert "log in" not in until(again, BLUE, lambda found: found.status is STOPPED).detail


def test_an_app_that_is_never_ready_is_alive_and_says_why(make: Callable[..., World]) -> None:
    world = make()
    world.release("1.0", never_ready=True)
    host = world.open()
    host.start(BLUE, world.good)
    assert until(host, BLUE, lambda found: "503" in found.detail).status is UNREADY


def test_a_stranger_on_the_port_is_not_taken_for_the_member(make: Callable[..., World]) -> None:
    """Same answer, same version, another process: our own member ends up without its port."""
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    ports = {"blue": world.app.ports.blue, "green": slot_ports()["green"]} if world.app.ports else {}
    impostor = make(ports=ports, command=["{python}", "-c", "import time; time.sleep(60)"])
    impostor.state = world.folder / "other-state"
    other = impostor.open()
    begun = replace(world.record(), pid=os.getpid(), identity=Identity.of(os.getpid()))
    record.save(impostor.path(BLUE), begun)
    found = other.read(BLUE)
    impostor.path(BLUE).unlink()
    assert found.status is UNREADY
    assert "not by ours" in found.detail


# ---- being found again ----------------------------------------------------------------------------------------------


def test_a_member_whose_start_was_not_recorded_to_the_end_is_found_by_its_token(make: Callable[..., World]) -> None:
    world = make()
    ready(world.open(), BLUE, world.good)
    whole = world.record()
    crashed = subprocess.Popen([sys.executable, "-c", "pass"])
    crashed.wait()
    starter = Identity(crashed.pid, "1", whole.identity.boot if whole.identity else "")
    record.save(world.path(BLUE), replace(whole, pid=None, identity=None, starter=starter))
    host = world.open()
    assert host.read(BLUE) == MemberReading(READY, world.good.label)
    host.start(BLUE, world.good)
    assert world.leader() == whole.identity
    assert world.lives(BLUE) == 1


def test_a_start_that_crashed_before_the_spawn_reads_as_stopped(make: Callable[..., World]) -> None:
    world = make()
    gone = Identity(2**22 - 1, "1", "another boot")
    record.save(world.path(BLUE), Record("1.0", "1.0", "a-token", gone, "", 0))
    host = world.open()
    assert host.read(BLUE).status is STOPPED
    ready(host, BLUE, world.good)


def test_a_start_under_way_elsewhere_is_not_taken_for_stopped(make: Callable[..., World]) -> None:
    world = make()
    record.save(world.path(BLUE), Record("1.0", "1.0", "a-token", Identity.of(os.getppid()), "", 0))
    host = world.open()
    assert host.read(BLUE).status is UNREADY
    with pytest.raises(Refused, match="another reconciler"):
        host.start(BLUE, world.good)


def test_a_reused_pid_is_neither_read_nor_ended(program: Callable[..., World]) -> None:
    world = program(SLEEPER)
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        found = Identity.of(bystander.pid)
        assert found is not None
        old = replace(found, start=str(int(float(found.start)) - 1))
        record.save(world.path(BLUE), Record("1.0", "1.0", "a-token", None, "", 0, bystander.pid, old))
        host = world.open()
        assert host.read(BLUE).status is STOPPED
        host.stop(BLUE)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_no_zombie_is_left_of_a_member_that_ended(program: Callable[..., World]) -> None:
    world = program("pass")
    host = world.open()
    host.start(BLUE, world.good)
    pid = world.record().pid
    until(host, BLUE, lambda found: found.status is STOPPED)
    wait_for(lambda: (host.read(BLUE), not psutil.pid_exists(pid or 0))[1])


def test_a_member_outlives_the_process_that_started_it(make: Callable[..., World]) -> None:
    world = make()
    script = """
        import sys
        from pathlib import Path
        from reconciler.core.model import Pin, Slot
        from reconciler.drivers.hosts import process
        from reconciler.drivers.process.app import App
        from reconciler.drivers.protocols import HostContext
        app = App.model_validate_json(sys.argv[1])
        context = HostContext("production", "api", Path(sys.argv[2]), app)
        process.open(context, process.Settings(app="demo")).start(Slot.BLUE, Pin("1.0"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), world.app.model_dump_json(), str(world.state)]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])
    host = world.open()
    until(host, BLUE, lambda found: found.status is READY)
    stopped(host, BLUE)


# ---- ending ---------------------------------------------------------------------------------------------------------


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = SYSTEM.monotonic()

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> str:
        return SYSTEM.wall()


def test_a_member_that_will_not_end_is_ended_by_force_after_its_timeout_and_not_before(
    program: Callable[..., World],
) -> None:
    world, clock = program(STUBBORN, stop_timeout="5s"), Hands()
    host = world.open()
    host.clock = clock
    host.start(BLUE, world.good)
    wait_for(lambda: "deaf" in log(world))
    host.stop(BLUE)
    clock.now += 4.9
    host.stop(BLUE)
    assert host.read(BLUE) == MemberReading(STOPPING, "1.0")
    assert world.leader().alive()
    with pytest.raises(Refused, match="asked to stop"):
        host.start(BLUE, world.good)
    clock.now += 0.2
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPED


def test_that_a_stop_was_asked_is_remembered_by_the_next_reconciler(program: Callable[..., World]) -> None:
    world, clock = program(STUBBORN, stop_timeout="5s"), Hands()
    first, second = world.open(), world.open()
    first.clock = second.clock = clock
    first.start(BLUE, world.good)
    wait_for(lambda: "deaf" in log(world))
    first.stop(BLUE)
    assert second.read(BLUE).status is STOPPING
    clock.now += 5
    second.stop(BLUE)
    assert second.read(BLUE).status is STOPPED


GRANDCHILD = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
print("born", child.pid, flush=True)
"""


def test_a_grandchild_in_a_session_of_its_own_is_ended_too(program: Callable[..., World]) -> None:
    world, clock = program(GRANDCHILD + "time.sleep(60)", stop_timeout="5s"), Hands()
    host = world.open()
    host.clock = clock
    host.start(BLUE, world.good)
    wait_for(lambda: "born" in log(world) and "deaf" in log(world))
    host.stop(BLUE)
    wait_for(lambda: not world.leader().alive())
    assert host.read(BLUE).status is STOPPING, "what it started still works: nobody else may own that work yet"
    clock.now += 5
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPED
    assert not bearers(world.record().token)


def test_what_a_dead_program_left_behind_is_seen_and_cleared_away_at_the_next_start(
    program: Callable[..., World],
) -> None:
    world = program(GRANDCHILD)
    host = world.open()
    host.start(BLUE, world.good)
    first = world.record()
    found = until(host, BLUE, lambda found: "had started" in found.detail)
    assert found.status is UNREADY
    host.start(BLUE, world.good)
    assert world.record().token != first.token
    assert not bearers(first.token)


def test_a_member_behind_a_shell_gets_the_signal_too(make: Callable[..., World]) -> None:
    inner = "import signal,sys,time;signal.signal(15,lambda *_:(print('bye',flush=True),sys.exit(0)));"
    inner += "print('up',flush=True);time.sleep(60)"
    world = make(command=["sh", "-c", f'"$0" -c "{inner}"; true', "{python}"], ports=None, ready=None, releases=None)
    host = world.open()
    host.start(BLUE, world.good)
    wait_for(lambda: "up" in log(world))
    stopped(host, BLUE)
    assert "bye" in log(world)


# ---- files ----------------------------------------------------------------------------------------------------------


def test_missing_files_are_refused_with_folder_place_and_remedy(make: Callable[..., World]) -> None:
    world = make()
    with pytest.raises(Refused) as caught:
        world.open().stage(BLUE, Pin("9.9"))
    assert "'releases/9.9'" in str(caught.value)
    assert str(world.folder) in str(caught.value)
    assert "put the files there, then reconcile retry ENV -m WHY" in str(caught.value)


@pytest.mark.parametrize("version", ["..", "../1.0", "/etc", "1.0/../../..", "-rf", "", "1.0\n", "a" * 200, "."])
def test_a_version_can_be_neither_a_path_nor_an_option(make: Callable[..., World], version: str) -> None:
    host = make().open()
    for act in (host.stage, host.start):
        with pytest.raises(Refused):
            act(BLUE, Pin(version))


def test_a_symbolic_link_cannot_lead_out_of_the_releases(make: Callable[..., World], tmp_path: Path) -> None:
    world = make()
    (tmp_path / "outside").mkdir()
    (tmp_path / "releases" / "2.0").symlink_to(tmp_path / "outside")
    (tmp_path / "releases" / "2.1").symlink_to(tmp_path / "releases")
    (tmp_path / "releases" / "2.2").symlink_to(tmp_path / "releases" / "2.2")
    (tmp_path / "releases" / "3.0").symlink_to(tmp_path / "releases" / "1.0")
    for version in ("2.0", "2.1", "2.2"):
        with pytest.raises(Refused):
            world.open().stage(BLUE, Pin(version))
    world.open().stage(BLUE, Pin("3.0"))


class Disk:
    """Takes so many writes, and then is full."""

    def __init__(self, room: int) -> None:
        self.room = room

    def fsync(self, handle: int) -> None:
        self.room -= stat.S_ISREG(os.fstat(handle).st_mode)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_a_record_nothing_is_started(make: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    world = make()
    for room in (0, 1):
        monkeypatch.setattr(record.os, "fsync", Disk(room).fsync)
        with pytest.raises(Unreachable, match="cannot be written: No space left"):
            world.open().start(BLUE, world.good)
        assert world.lives(BLUE) == 0
    assert not list(world.state.rglob(".*")), "no draft stays behind"


def test_a_disk_that_is_full_right_after_the_spawn_does_not_lose_the_member(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    host = world.open()
    with monkeypatch.context() as full:
        full.setattr(record.os, "fsync", Disk(2).fsync)
        with pytest.raises(Unreachable):
            host.start(BLUE, world.good)
    assert world.record().pid is None
    until(host, BLUE, lambda found: found.status is READY)
    host.start(BLUE, world.good)
    assert world.leader().alive()
    assert world.lives(BLUE) == 1


def test_a_log_that_cannot_be_written_is_refused_with_its_place(make: Callable[..., World]) -> None:
    world = make()
    world.state.mkdir()
    (world.state / "logs").write_text("a file, not a folder")
    host = world.open()
    with pytest.raises(Refused, match="logs"):
        host.start(BLUE, world.good)
    assert host.read(BLUE).status is STOPPED


# ---- what the operator and the manifest may say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"command": ["{pyhton}"]}, "unknown placeholder {pyhton}"),
        ({"command": ["{version.__class__}"]}, "unknown placeholder"),
        ({"command": ["{version!r}"]}, "unknown placeholder"),
        ({"command": ["{"]}, "brace"),
        ({"command": []}, "command"),
        ({"command": ["x", "{release}"]}, "releases"),
        ({"command": ["x", "{port}"]}, "ports"),
        ({"command": ["x"], "ready": "/healthz"}, "ports"),
        ({"command": ["x"], "ready": "healthz", "ports": {"blue": 1, "green": 2}}, "ready"),
        ({"command": ["x"], "ports": {"blue": 9001, "green": 9001}}, "both run"),
        ({"command": ["x"], "ports": {"blue": 0, "green": 9001}}, "blue"),
        ({"command": ["x"], "releases": "releases/current"}, "same folder"),
        ({"command": ["x"], "releases": "releases/{version}/{config}"}, "unknown placeholder"),
        ({"command": ["x"], "stop_timeout": "soon"}, "duration"),
        ({"command": ["x"], "comand": ["x"]}, "comand"),
        ({"command": "x --port 1"}, "command"),
    ],
)
def test_an_app_that_makes_no_sense_is_an_error_that_says_why(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        App.model_validate(said)
    assert expected in str(caught.value)


def test_a_manifest_can_name_an_app_and_nothing_else() -> None:
    with pytest.raises(ValidationError):
        process.Settings.model_validate({"app": "demo", "command": ["rm"]})


def test_an_app_that_the_operator_has_not_defined_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"app 'shop' is not defined.*\[apps\.shop\]"):
        process.open(HostContext("production", "api", tmp_path), process.Settings(app="shop"))


def test_addresses_are_the_operators_ports(make: Callable[..., World]) -> None:
    host = make(ports={"blue": 9001, "green": 9002}).open()
    assert (host.address(BLUE), host.address(GREEN)) == ("127.0.0.1:9001", "127.0.0.1:9002")


# ---- what an answer means -------------------------------------------------------------------------------------------

KNOWN = Record("1.0#abcd", "1.0", TOKEN, None, "", 0, 42, Identity(42, "1", "boot"))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"version": "1.0", "pid": 42}', MemberReading(READY, "1.0#abcd")),
        (200, '{"version": "1.0"}', MemberReading(READY, "1.0#abcd")),
        (200, '{"version": "1.0", "pid": 43}', MemberReading(UNREADY)),
        (200, '{"version": "0.9", "pid": 42}', MemberReading(UNREADY, "0.9")),
        (200, '{"version": 1.0}', MemberReading(READY, "1.0#abcd")),
        (200, '{"status": "ok"}', MemberReading(UNREADY)),
        (200, "ok", MemberReading(UNREADY)),
        (200, "[" * 100_000, MemberReading(UNREADY)),
        (200, "[1]", MemberReading(UNREADY)),
        (503, '{"version": "1.0"}', MemberReading(UNREADY, "1.0#abcd")),
        (503, "", MemberReading(UNREADY)),
        (302, '{"version": "1.0"}', MemberReading(UNREADY, "1.0#abcd")),
    ],
)
def test_only_a_200_with_our_version_from_our_process_is_ready(status: int, body: str, expected: MemberReading) -> None:
    assert judge("/healthz", status, body.encode(), KNOWN) == expected


ENDLESS = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * {size})
                time.sleep({pause})
        except OSError:
            pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Hurrying(Hands):
    """A clock by which the deadline is over at the second look."""

    def monotonic(self) -> float:
        self.now += DEADLINE + 1
        return self.now


@pytest.mark.parametrize(
    ("size", "pause", "clock", "said"),
    [(1, 0.05, Hurrying(), "does not answer in time"), (1_000_000, 0, Hands(), "does not answer (HTTPException)")],
)
def test_an_answer_that_never_ends_is_not_waited_for(
    make: Callable[..., World], size: int, pause: float, clock: Hands, said: str
) -> None:
    """A slow one is left at the deadline, though each piece comes in time; a large one before that, by its size."""
    text = ENDLESS.format(size=size, pause=pause)
    world = make(command=["{python}", "-c", text, "{port}"], releases=None)
    host = world.open()
    host._health[BLUE].clock = clock
    host.start(BLUE, world.good)
    seen = until(host, BLUE, lambda found: "ConnectionRefusedError" not in found.detail)
    assert (seen.status, said in seen.detail) == (UNREADY, True), seen.detail
