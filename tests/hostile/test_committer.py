"""What a committer writes never runs a program, reads outside its data, or reaches a host that the operator did not
allow. Each road is tried whole: parsed, judged beside the operator's file, opened, staged, started, asked.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.configuration import Configuration, load
from reconciler.core.model import Release, Slot
from reconciler.core.reading import Window
from reconciler.desired.claims import judge_one
from reconciler.desired.manifest import Manifest, read
from reconciler.drivers.protocols import Road
from reconciler.errors import ReconcilerError
from reconciler.measure.request import send
from reconciler.world import open_world

MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {name: production}
spec:
  activeSlot: blue
  slots:
    blue: {version: "1.0"}
  gateway: {kind: envoy, listen: "127.0.0.1:18080"}
  members:
    - {name: api, traffic: weighted, host: {kind: process, app: api}}
  gates:
    preflight:
      - {name: look, kind: http, path: /healthz}
"""
OPERATOR = """\
[apps.api]
command = ["/bin/true", "{version}", "{release}"]
releases = "releases/{version}"
ports = {blue = 18081, green = 18082}
[commands.harmless]
argv = ["/bin/true", "{version}"]
"""
BLUE, GREEN = Slot.BLUE, Slot.GREEN
WINDOW = Window("t", Release(GREEN, "2"), Release(BLUE, "1"), 0, 0.0)


@pytest.fixture
def operator(tmp_path: Path) -> Configuration:
    """A machine on which `api` may run from `releases/`, and beside it what nobody may touch."""
    (tmp_path / "releases" / "1.0").mkdir(parents=True)
    (tmp_path / "releases" / "link").symlink_to("/etc")
    (tmp_path / "private").mkdir()
    (tmp_path / "reconciler.toml").write_text(OPERATOR)
    return load(tmp_path / "reconciler.toml")


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine, and the first line that each who came has said."""
    came: list[bytes] = []
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    connection.settimeout(30.0)
                    came.append(connection.recv(4096).partition(b"\r\n")[0])
                    connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], came
        over.set()
        thread.join()


@pytest.fixture
def stranger() -> Iterator[tuple[int, list[bytes]]]:
    """A server that nobody allowed, and who came."""
    with listening() as found:
        yield found


def lived(text: str, operator: Configuration) -> str:
    """Everything that the reconciler would do with a manifest, until something says no; what it said."""
    found = judge_one(read(text.encode(), "environments/p.yaml"), operator)
    if not isinstance(found, Manifest):
        return str(found)
    world = None
    try:
        world = open_world(found, operator, "journal")
        for gate in world.gates._gates.values():
            told = gate.run(WINDOW)
            if "may not be asked" in told.reason:
                return told.reason
        pin = found.spec.pins.blue
        assert pin is not None
        for host in world.hosts.values():
            host.stage(BLUE, pin)
    except ReconcilerError as error:
        return str(error)
    finally:
        if world:
            world.close()
    return ""


def changed(old: str, new: str) -> str:
    assert MANIFEST.count(old) == 1
    return MANIFEST.replace(old, new)


def test_the_manifest_that_the_others_are_made_from_is_taken(operator: Configuration) -> None:
    assert lived(MANIFEST, operator) == ""


PROGRAMS = [
    ("app: api", "app: /bin/sh", "app"),
    ("app: api", "app: ../api", "app"),
    ("app: api", 'app: api, command: ["/bin/sh"]', "command"),
    ("app: api", "app: api, env: {LD_PRELOAD: /tmp/x.so}", "env"),
    ("app: api", "app: api, cwd: /", "cwd"),
    ("app: api", "app: !!python/object/apply:os.system [id]", "tag"),
    ("kind: process", "kind: ../gates/http", "expected one of"),
    ("kind: process", "kind: os", "expected one of"),
    ("kind: envoy", "kind: subprocess", "expected one of"),
    ("kind: http", "kind: shell", "expected one of"),
    ("kind: http, path: /healthz", "kind: command, command: /bin/sh", "expected the name of"),
    ("kind: http, path: /healthz", "kind: command, command: sh", "unknown command 'sh'"),
    ("kind: http, path: /healthz", "kind: command, command: harmless, argv: [/bin/sh]", "argv"),
    ("kind: http, path: /healthz", "kind: migration, command: harmless, env: {LD_PRELOAD: /tmp/x.so}", "env"),
    (
        "kind: http, path: /healthz",
        'kind: queue-delay, unit: s, limit: "< 1s", sql: "SELECT 1"',
        "expected the name of",
    ),
    ("kind: http, path: /healthz", 'kind: queue-delay, unit: s, limit: "< 1s", sql: all', "unknown query 'all'"),
    ('version: "1.0"', 'version: "1.0; rm -rf /"', "version"),
    ('version: "1.0"', 'version: "--config=/etc/passwd"', "version"),
    ('version: "1.0"', 'version: "{python}"', "version"),
    ('version: "1.0"', 'version: "1.0\\n[apps.x]"', "version"),
]


@pytest.mark.parametrize(("old", "new", "said"), PROGRAMS)
def test_a_manifest_cannot_run_a_program(operator: Configuration, old: str, new: str, said: str) -> None:
    assert said in lived(changed(old, new), operator)


FILES = [
    ('version: "1.0"', 'version: "../private"', "version"),
    ('version: "1.0"', 'version: "/etc"', "version"),
    ('version: "1.0"', 'version: ".."', "version"),
    ('version: "1.0"', 'version: "link"', "out of"),
    ('version: "1.0"', 'version: "2.0"', "are not there"),
    ("name: production", "name: ../../etc", "name"),
    ("name: production", 'name: "a/b"', "name"),
    ("{name: api, traffic", "{name: ../../x, traffic", "name"),
    ("name: look", "name: ../look", "name"),
    ('listen: "127.0.0.1:18080"', 'listen: "unix:/etc/x"', "no address"),
    ('listen: "127.0.0.1:18080"', 'listen: "/run/x.sock"', "no address"),
    ("path: /healthz", "path: file:///etc/passwd", "expected text like"),
    ("kind: http, path: /healthz", "kind: queue-drained, folder: /etc", "expected the name of"),
    ("kind: http, path: /healthz", "kind: queue-drained, folder: ../private", "expected the name of"),
    ("kind: http, path: /healthz", "kind: queue-drained, folder: private", "unknown folder 'private'"),
    ("kind: http, path: /healthz", "kind: folder-parity, folders: [private, /etc]", "expected the name of"),
    ("kind: http, path: /healthz", "kind: folder-parity, folders: [private, etc]", "13:53: unknown folder 'private'"),
    ("kind: http, path: /healthz", "kind: queue-drained, sql: 'sqlite:///private/x.db'", "expected the name of"),
    ("path: /healthz", 'url: "file:///etc/passwd"', "expected http"),
]


@pytest.mark.parametrize(("old", "new", "said"), FILES)
def test_a_manifest_cannot_name_a_file_outside_its_data(operator: Configuration, old: str, new: str, said: str) -> None:
    assert said in lived(changed(old, new), operator)


NOT_ALLOWED = "may not be asked"
HOSTS = [
    ('url: "http://stranger.example:{port}/"', NOT_ALLOWED),
    ('url: "http://127.0.0.1.stranger.example:{port}/"', NOT_ALLOWED),
    ('url: "http://127.1:{port}/"', NOT_ALLOWED),
    ('url: "http://2130706433:{port}/"', NOT_ALLOWED),
    ('url: "http://[::ffff:127.0.0.1]:{port}/"', NOT_ALLOWED),
    ('url: "http://0.0.0.0:{port}/"', NOT_ALLOWED),
    ('url: "http://127.0.0.1@stranger.example:{port}/"', "does not belong in a manifest"),
    ('url: "http://stranger.example#@127.0.0.1:{port}/"', NOT_ALLOWED),
    ('url: "http://STRANGER.example.:{port}/"', NOT_ALLOWED),
    ('url: "ftp://127.0.0.1:{port}/"', "expected http"),
    ('path: "@127.0.0.1:{port}/"', "expected text like"),
    ('path: ":{port}/"', "expected text like"),
]


@pytest.mark.parametrize(("wish", "said"), HOSTS)
def test_a_manifest_cannot_reach_a_host_that_is_not_allowed(
    operator: Configuration, stranger: tuple[int, list[bytes]], wish: str, said: str
) -> None:
    port, came = stranger
    assert said in lived(changed("path: /healthz", wish.format(port=port)), operator)
    assert came == []


@pytest.mark.parametrize("address", ["0.0.0.0:18080", "[::]:18080", "192.0.2.1:80", "*:80", ":80"])
def test_a_manifest_cannot_open_a_door_to_the_network(operator: Configuration, address: str) -> None:
    said = lived(changed("127.0.0.1:18080", address), operator)
    assert f"'{address}' is not allowed" in said or f"'{address}' is no address" in said


ASTRAY = ["http://127.0.0.1:{port}/", "@127.0.0.1:{port}/", "127.0.0.1:{port}", ":{port}/", "/ HTTP/1.1\\r\\nX: y"]


@pytest.mark.parametrize("path", ASTRAY)
def test_a_journey_leads_nowhere_but_to_a_path(operator: Configuration, path: str) -> None:
    assert "expected text like" in lived(changed("kind: http, path: /healthz", journey(path.format(port=1))), operator)


PATHS = [
    "//127.0.0.1:{port}/",
    "/@127.0.0.1:{port}/",
    "/\\\\127.0.0.1:{port}/",
    "/../../x",
    "/%0d%0aHost:127.0.0.1:{port}",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_journey_stays_on_its_road(operator: Configuration, stranger: tuple[int, list[bytes]], path: str) -> None:
    """What looks like another address is a path of our own gateway, and nothing else."""
    port, came = stranger
    wish = changed("kind: http, path: /healthz", journey(path.format(port=port)))
    found = judge_one(read(wish.encode(), "environments/p.yaml"), operator)
    assert isinstance(found, Manifest), found
    step = found.gates[0].settings.journey[0].step()
    with listening() as (ours, arrived):
        send(step, Road(f"http://127.0.0.1:{ours}"), 2.0)
        with httpx.Client(base_url=f"http://127.0.0.1:{ours}") as client, contextlib.suppress(httpx.HTTPError):
            client.get("/")  # whoever came before has been heard now
    assert arrived == [f"GET {step.path} HTTP/1.1".encode(), b"GET / HTTP/1.1"]
    assert came == []


def journey(path: str) -> str:
    return f'kind: synthetic, journey: [{{name: x, path: "{path}"}}]'
