"""What a committer writes never runs a program, reads outside its data, or reaches a host that the operator did not
allow. Each road is tried whole: parsed, judged beside the operator's file, opened, staged, started, asked.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.configuration import Configuration, load
from reconciler.core.model import Release, Slot, Window
from reconciler.desired.claims import judge_one
from reconciler.desired.manifest import Manifest, read
from reconciler.errors import ReconcilerError
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


@pytest.fixture
def stranger() -> Iterator[tuple[int, list[str]]]:
    """A server on this machine that nobody allowed, and who came."""
    came: list[str] = []
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    came.append("somebody")
                    connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], came
        over.set()
        thread.join()


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


HOSTS = [
    'url: "http://stranger.example:{port}/"',
    'url: "http://127.0.0.1.stranger.example:{port}/"',
    'url: "http://127.1:{port}/"',
    'url: "http://2130706433:{port}/"',
    'url: "http://[::ffff:127.0.0.1]:{port}/"',
    'url: "http://0.0.0.0:{port}/"',
    'url: "http://127.0.0.1@stranger.example:{port}/"',
    'url: "http://stranger.example#@127.0.0.1:{port}/"',
    'url: "http://STRANGER.example.:{port}/"',
    'url: "ftp://127.0.0.1:{port}/"',
    'path: "@127.0.0.1:{port}/"',
    'path: ":{port}/"',
]


@pytest.mark.parametrize("wish", HOSTS)
def test_a_manifest_cannot_reach_a_host_that_is_not_allowed(
    operator: Configuration, stranger: tuple[int, list[str]], wish: str
) -> None:
    port, came = stranger
    assert lived(changed("path: /healthz", wish.format(port=port)), operator)
    assert came == []


@pytest.mark.parametrize("address", ["0.0.0.0:18080", "[::]:18080", "192.0.2.1:80", "*:80", ":80"])
def test_a_manifest_cannot_open_a_door_to_the_network(operator: Configuration, address: str) -> None:
    assert lived(changed("127.0.0.1:18080", address), operator)


def test_a_journey_stays_on_its_road(operator: Configuration) -> None:
    for path in ("//stranger.example/", "http://stranger.example/", "@stranger.example/"):
        wish = f'kind: synthetic, journey: [{{name: x, path: "{path}"}}]'
        found = read(changed("kind: http, path: /healthz", wish).encode(), "environments/p.yaml")
        if isinstance(found, Manifest):  # then it is a path of our own gateway, and nothing else
            assert found.gates[0].settings.journey[0].path.startswith("/")
