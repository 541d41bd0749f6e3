"""What the benchmarks run on: a playground with real git, Envoy and slots, and a client that sees who answers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.configuration import load
from reconciler.core.model import Routing, Slot, all_on
from reconciler.core.reading import GatewayReading
from reconciler.demo import place as places
from reconciler.demo.place import Place, build
from reconciler.demo.processes import Processes, tear_down
from reconciler.session import Session
from reconciler.world import open_world

PLAIN = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: {name}
spec:
  activeSlot: {active}
  slots:
    blue: {{version: "{blue}"}}
    green: {{version: "{green}"}}
  gateway: {{kind: envoy, listen: "127.0.0.1:{port}"}}
  members:
    - {{name: api, traffic: weighted, match: {{prefix: /api}}, host: {{kind: process, app: demo-api}}}}
    - {{name: frontend, traffic: weighted, host: {{kind: process, app: demo-frontend}}}}
  strategy:
    steps:
      - setWeight: 100
    soak: 0s
    scaleDownDelay: 10h
"""


class Rig:
    """A playground whose loop runs, both slots staged and warm."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.config = ["--config", str(place.config)]

    def move_branch(self, revision: str) -> float:
        """Move the branch as git does it, by renaming a file into place; the moment before the rename."""
        ref = self.place.repository / ".git" / "refs" / "heads" / "main"
        new = ref.with_name("main.lock")
        new.write_text(revision + "\n")
        moved = time.monotonic()
        os.replace(new, ref)
        return moved

    def prepare(self, active: Slot) -> str:
        """A commit that the branch does not show yet: its objects are there, only the reference has to move."""
        self.place.write(active=active, blue=places.GOOD, green=places.BETTER)
        self.place.git("add", "environments")
        tree = self.place.git("write-tree")
        return self.place.git("commit-tree", "-p", "HEAD", "-m", f"to {active}", tree)

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Until `status` says so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            command = [sys.executable, "-m", "reconciler", *self.config, "status"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if text in done.stdout:
                return
            time.sleep(0.2)
        raise SystemExit(f"the benchmark waited for '{text}' and saw:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def rig(
    gateway: str = "envoy", manifest: str = PLAIN, furnish: Callable[[Place], None] = lambda _: None
) -> Iterator[tuple[Rig, Processes]]:
    """Built, running, and torn down again whatever happens. `gateway` is a kind; `furnish` may change the place before
    anything runs there."""
    places.MANIFEST = manifest.replace("kind: envoy", f"kind: {gateway}")
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as folder:
        place = build(Path(folder) / "bench")
        furnish(place)
        processes = Processes(place)
        try:
            processes.start_loop()
            found = Rig(place)
            found.wait_for("InSync")
            time.sleep(1.5)  # the idle slot is staged and warmed
            yield found, processes
        finally:
            processes.stop_users()
            processes.stop_loop()
            tear_down(place)


class SecondGateway:
    """Another gateway of that kind before the same slots, written by its driver and nothing else: its own time."""

    def __init__(self, place: Place) -> None:
        port = places.free_ports(1)[0]
        text = place.config.read_text()
        config = place.root / "second.toml"
        config.write_text(text + '\n[state]\ndir = "second"\n')
        self._session = Session(load(config), read_only=True)
        manifest = self._session.desires.look().environments[places.ENVIRONMENT]
        settings = manifest.gateway.settings.model_copy(update={"listen": f"127.0.0.1:{port}"})  # type: ignore[union-attr]
        second = dataclasses.replace(manifest, gateway=dataclasses.replace(manifest.gateway, settings=settings))  # type: ignore[type-var, union-attr]
        self.world = open_world(second, load(config), "bench")  # type: ignore[arg-type]
        self.port = port
        self.world.gateway.seal(1)
        self.switch(Slot.BLUE)

    def switch(self, slot: Slot) -> None:
        self.write(slot, self.read())

    def read(self) -> GatewayReading:
        return self.world.gateway.read()

    def write(self, slot: Slot, reading: GatewayReading) -> None:
        self.world.gateway.write(Routing(all_on(slot)), reading, 1)

    def close(self) -> None:
        self.world.gateway.close_listener()
        self.world.close()
        self._session.close()


class Watcher:
    """One kept-alive connection on which a client asks again and again until a slot answers. Idle between switches."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.asked = self.failed = 0

    def first_answer_of(self, slot: Slot, seconds: float = 10.0) -> float:
        """The moment at which `slot` answered first."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._ask() == slot:
                return time.monotonic()
        raise SystemExit(f"{slot} did not answer within {seconds:g} s")

    def _ask(self) -> str:
        self.asked += 1
        try:
            self._connection.request("GET", "/api/search?q=slot")
            response = self._connection.getresponse()
            response.read()
            self.failed += response.status != 200
            return str(response.headers.get("x-slot", ""))
        except (OSError, http.client.HTTPException):
            self.failed += 1
            self._connection.close()
            return ""

    def close(self) -> None:
        self._connection.close()
