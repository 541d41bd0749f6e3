"""A repository that lives: commits, bad ones too, `git gc`, repacks; ten thousand ticks leave nothing behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loop"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "desired"))

from concurrent.futures import ThreadPoolExecutor

from loop_world import FakeGateway, FakeHost, FakeRounds, FakeSamplers

from reconciler.configuration import load
from reconciler.core.events import Ended, Phase, Requested, Verb
from reconciler.core.model import all_on
from reconciler.core.reading import MigrationReading, SnapshotReading
from reconciler.loop.keeper import Keeper
from reconciler.loop.tick import tick
from reconciler.measure.ledger import Ledger
from reconciler.session import Session

TICKS = 10_000 if os.environ.get("LAWS") == "all" else 3_000
EVERY = 50  # a commit every so many ticks
SPENT = 1.0  # seconds of the processor for a few looks at one hostile file; it takes a twentieth of it
GROWTH = 12 * 1024 * 1024  # bytes: what Python's own pools may take in that time

MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {{name: production}}
spec:
  activeSlot: {active}
  slots:
    blue: {{version: "1"}}
    green: {{version: "2"}}
  gateway: {{kind: envoy, listen: "127.0.0.1:18080"}}
  members:
    - {{name: api, traffic: weighted, host: {{kind: process, app: api}}}}
  strategy: {{steps: [{{setWeight: 50}}, {{setWeight: 100}}], soak: 0s, warmUp: 0s, scaleDownDelay: {delay}s}}
"""
OPERATOR = """\
[repository]
path = "repo"
[apps.api]
command = ["true"]
ports = {blue = 1, green = 2}
"""


class Living:
    """One environment on real git and a real journal; the drivers are values."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        (folder / "reconciler.toml").write_text(OPERATOR)
        self.git("init", "-q", "-b", "main")
        self.commit(MANIFEST.format(active="blue", delay=1))
        self.session = Session(load(folder / "reconciler.toml"))
        self.gateway, self.host = FakeGateway(), FakeHost()
        self.gateway.journal = self.session.journal.id
        self.keeper = Keeper(
            "production", self.session.journal, lambda state: self.session.desired("production", state),
            self.session.desires.manifest, self._world, ThreadPoolExecutor(2), actor="test",
        )  # fmt: skip
        self.keeper.take()

    def _world(self, manifest: Any, _previous: Any) -> Any:
        return SimpleNamespace(
            manifest=manifest,
            gateway=self.gateway,
            hosts={"api": self.host},
            gates=FakeRounds(),
            samplers=FakeSamplers(),
            ledger=Ledger(()),
            migrator=SimpleNamespace(read=MigrationReading, wait=lambda: None),
            saver=SimpleNamespace(read=SnapshotReading, only_for=lambda _: None, close=lambda: None),
            close=int,
            warm=str,
        )

    def git(self, *words: str) -> None:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "gc.auto=0"]
        subprocess.run(["git", *who, *words], cwd=self.repo, env=env, check=True, capture_output=True)

    def commit(self, text: str) -> None:
        file = self.repo / "environments" / "production.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "change")

    def close(self) -> None:
        self.session.close()


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """What other tests have left in this process is not looked through again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def size() -> tuple[int, int]:
    """Resident bytes, and open descriptors of this process."""
    gc.collect()
    process = psutil.Process()
    return process.memory_info().rss, process.num_fds()


@pytest.mark.timeout(900)
def test_thousands_of_ticks_over_a_living_repository_grow_nothing(tmp_path: Path) -> None:
    living = Living(tmp_path)
    after_warming: tuple[int, int] | None = None
    for number in range(TICKS):
        tick(living.keeper)
        if number % EVERY == 0:
            live(living, number // EVERY)
        if number == TICKS // 5:
            after_warming = size()
    assert after_warming is not None
    grown = [now - before for now, before in zip(size(), after_warming, strict=True)]
    ended = [entry.event for entry in living.session.journal.since("production", 0) if isinstance(entry.event, Ended)]
    living.close()
    assert len(ended) > TICKS / EVERY / 4, "the repository lived, and the environment with it"
    assert {one.phase for one in ended} <= {Phase.SUCCEEDED, Phase.SUPERSEDED, Phase.ROLLED_BACK}
    assert grown[1] <= 2, f"{grown[1]} descriptors more"
    assert grown[0] < GROWTH, f"{grown[0]} bytes more"


def live(living: Living, turn: int) -> None:
    """What people and git do to a repository, in turn."""
    if turn % 5 == 4:
        living.commit("apiVersion: [broken\n" * (turn % 7 + 1))
    else:
        living.commit(MANIFEST.format(active="green" if turn % 2 else "blue", delay=turn % 3 + 1))
    if turn % 20 == 10:
        living.git("gc", "-q", "--prune=now")
    elif turn % 20 == 0:
        living.git("repack", "-adq")
    elif turn % 20 == 15:
        living.git("commit", "-q", "--amend", "-m", "rewritten")  # a force-push, as seen from here
        living.session.journal.append("production", Requested(Verb.RETRY, accept_rewritten=True), actor="anna")


def test_what_cannot_be_used_moves_no_traffic(tmp_path: Path) -> None:
    living = Living(tmp_path)
    for _ in range(60):
        tick(living.keeper)
    settled, writes = living.gateway.reading.weights, len(living.gateway.writes)
    for text in HOSTILE:
        file = living.repo / "environments" / "production.yaml"
        file.write_bytes(text)
        living.git("add", ".")
        living.git("commit", "-q", "-m", "hostile")
        before = size()[0]
        began = time.thread_time()
        for _ in range(5):
            found = tick(living.keeper)
        assert found.status.reason == "DesiredInvalid", text[:60]
        assert time.thread_time() - began < SPENT, text[:60]
        assert size()[0] - before < GROWTH, text[:60]
    assert (living.gateway.reading.weights, len(living.gateway.writes)) == (settled, writes)
    assert settled == all_on(living.keeper.state.stable.slot)  # type: ignore[union-attr]
    living.close()


HOSTILE = (
    b"\xff\xfe\x00binary\x00",
    b"spec: " + b"[" * 20_000,
    b"{" * 50_000,
    b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b, *b]\n",
    b"x: " + b"y" * 300_000,
    b"---\n" * 1000,
    b"%YAML 1.1\n---\n!!python/object/apply:os.system ['id']\n",
    b"apiVersion: reconciler/v1alpha1\n" * 2,
    b"",
    b"\n" * 100_000,
)
