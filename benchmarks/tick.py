"""A tick with nothing to do: what it costs, what it opens, and whether other environments make it slower.

    python benchmarks/tick.py [--json]

Real git, real manifests, real journal; the drivers are values, so that what is timed is ours. Files are counted by an
audit hook: /proc is not one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "loop"))

from loop_world import FakeGateway, FakeHost, FakeRounds  # noqa: E402

from reconciler.configuration import load  # noqa: E402
from reconciler.core.events import Requested, Verb  # noqa: E402
from reconciler.demo.place import APP, OPERATOR  # noqa: E402
from reconciler.loop.keeper import Keeper  # noqa: E402
from reconciler.loop.tick import tick  # noqa: E402
from reconciler.session import Session  # noqa: E402

MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: env-{number}
spec:
  activeSlot: blue
  slots:
    blue: {{version: "1"}}
    green: {{version: "2"}}
  gateway: {{kind: envoy, listen: "127.0.0.1:{port}"}}
  members:
    - {{name: api, traffic: weighted, host: {{kind: process, app: demo-api}}}}
"""
TICKS = 300
opened: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    sys.addaudithook(watch)
    rows = {count: measure(count) for count in (1, 100, 1000)}
    base = rows[1]["median_ms"]
    result = {str(count): {**row, "ratio": round(row["median_ms"] / base, 2)} for count, row in rows.items()}
    lines = [f"{count:>5} environments  {row}" for count, row in result.items()]
    print(json.dumps(result) if given.json else "\n".join(lines))


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not str(arguments[0]).startswith("/proc"):
        opened.append(str(arguments[0]))


def measure(count: int) -> dict[str, Any]:
    """The median of an idle tick of one environment among `count`, milliseconds, and files opened per tick."""
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as folder:
        session = Session(load(lay_out(Path(folder), count)))
        session.look()
        session.watched = True
        for number in range(1, count):  # the others have a past too
            session.journal.append(f"env-{number}", Requested(Verb.RESUME), actor="bench")
        keeper = keep(session)
        for _ in range(50):
            tick(keeper)
        opened.clear()
        times = []
        for _ in range(TICKS):
            began = time.perf_counter()
            found = tick(keeper)
            times.append((time.perf_counter() - began) * 1000)
            assert not found.moved, found
        files = len(opened) / TICKS
        session.close()
    return {"median_ms": round(statistics.median(times), 3), "files_opened_per_tick": files}


def keep(session: Session) -> Keeper:
    """The keeper of env-0, on drivers that are values."""
    gateway, host = FakeGateway(), FakeHost()
    gateway.journal = session.journal.id

    def open_world(manifest: Any, _previous: Any) -> Any:
        from types import SimpleNamespace

        gates = FakeRounds()
        return SimpleNamespace(
            manifest=manifest, gateway=gateway, hosts={"api": host}, gates=gates, close=int, warm=str
        )

    keeper = Keeper(
        "env-0",
        session.journal,
        lambda state: session.desired("env-0", state),
        session.desires.manifest,
        open_world,
        ThreadPoolExecutor(8),
        actor="bench",
    )
    keeper.take()
    return keeper


def lay_out(folder: Path, count: int) -> Path:
    """A repository with `count` environments, and an operator's file."""
    repository = folder / "repo"
    environments = repository / "environments"
    environments.mkdir(parents=True)
    for number in range(count):
        text = MANIFEST.format(number=number, port=10000 + number)
        (environments / f"env-{number}.yaml").write_text(text)
    git = ["git", "-C", str(repository), "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], check=True)
    (folder / "releases").mkdir()
    config = folder / "reconciler.toml"
    app = APP.format(member="api", blue=9001, green=9002, sample='"x"', data='"y"')
    config.write_text(OPERATOR.format(repository=json.dumps(str(repository))) + app)
    return config


if __name__ == "__main__":
    main()
