"""A real switch and a real rollback, scraped by a real Prometheus: every query of the dashboard gives data, and the
figures of the month are those of the run."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e_playground import Playground, until
from prometheus_client.parser import text_string_to_metric_families

from reconciler.core.events import Phase, RollbackBegan
from reconciler.metrics.families import FAMILIES

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from prometheus_rig import asked, program, scraping

pytestmark = pytest.mark.real

EXAMPLES = Path(__file__).parents[2] / "examples"
DASHBOARD = EXAMPLES / "grafana" / "zero-downtime.json"
ANALYSIS = "analysis: {until: successful, atMost: 200s}"
STEPS = ("setWeight: 50", ANALYSIS, "setWeight: 100", "handOver: [worker]")
# The gate `search` asks as users do: a failure that it finds is one that the gateway has counted.
GATES = """\
      - name: sessions
        kind: sessions
        count: 10
        rate: 40
        timeout: 10s
        write: {method: POST, path: /api/session, body: "{content}"}
        read: {path: /api/session}
    shift:
      - {name: delay, kind: queue-delay, sql: oldest-job, unit: s, limit: "<= 60s", interval: 500ms}
      - {name: jobs, kind: queue-drained, sql: jobs, apart: 100ms}
      - name: search
        kind: synthetic
        road: users
        rate: 40
        timeout: 10s
        errors: "<= 0"
        minimumSamples: 40
        journey:
          - {name: search, path: "/api/search?q=slot"}
"""
OPERATOR = """
[metrics]
listen = "127.0.0.1:{metrics}"

[queries.oldest-job]
url = "sqlite:///{database}"
sql = "SELECT max(age) FROM jobs"

[queries.jobs]
url = "sqlite:///{database}"
sql = "SELECT count(*) FROM jobs WHERE age > 100"

[alerts.nobody]
url = "json://127.0.0.1:{silent}"
"""
PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: reconciler
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@contextmanager
def silent() -> Iterator[int]:
    """A port of ours on which nobody listens."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def test_every_query_of_the_dashboard_gives_data_and_the_figures_are_those_of_the_run(
    playground: Playground, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    program()
    (port,), folder = playground.more_ports(1), tmp_path / "prometheus"
    folder.mkdir()
    configuration = PROMETHEUS.format(rules=EXAMPLES / "prometheus" / "rules.yaml", port=port)
    with silent() as unheard:
        _operator(playground, port, unheard)
        begin = time.time()
        playground.serving(steps=STEPS, gates=GATES)
        users = playground.users()  # that they are served outranks a member's late word about its health
        with scraping(folder, configuration, "reconciler_slot_weight_percent == 100") as url:
            _a_switch_and_a_way_back(playground)
            _seen(url, 'ALERTS{alertname="ReconcilerRolledBack"}')
            _seen(url, 'reconciler_transitions_total{outcome="RolledBack"} == 1')
            _seen(url, "reconciler_alerts_failing == 1")
            users.stop()
            until_now = time.time() + 1.0  # a step of it comes after the last scrape
            empty = [query for query in _queries() if not _data(url, query, begin, until_now)]
            shown = {one for one in FAMILIES if _data(url, f'count({{__name__=~"{one}.*"}})', begin, until_now)}
            page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert empty == []
    never = {"reconciler_gate_value_percent"}  # no gate here has a limit in percent
    secured = {name for name in FAMILIES if name.startswith("reconciler_certificate_")}  # nobody comes by HTTPS here
    assert {*FAMILIES} - shown - never - secured == set()
    _agree(playground, page)
    tell(f"dashboard: {len(_queries())} queries gave data, {len(shown)} families of metrics")


def _operator(playground: Playground, port: int, unheard: int) -> None:
    database = playground.root / "jobs.db"
    with closing(sqlite3.connect(database)) as jobs:
        jobs.executescript("CREATE TABLE jobs (age REAL); INSERT INTO jobs VALUES (3.5);")
    with playground.place.config.open("a", encoding="utf-8") as file:
        file.write(OPERATOR.format(metrics=port, silent=unheard, database=database))


def _a_switch_and_a_way_back(playground: Playground) -> None:
    """To 1.1.0, and then to 1.2.0, which fails."""
    playground.commit("green", "1.0.0", "1.1.0", steps=STEPS, gates=GATES)
    playground.until_stable("green", "1.1.0")
    playground.commit("blue", "1.2.0", "1.1.0", steps=STEPS, gates=GATES)
    playground.until(lambda state: state.last is not None and state.last.phase is Phase.ROLLED_BACK)


def _queries() -> list[str]:
    """Of every panel, as Grafana would send them for all environments."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert found
    for name, text in {"$environment": ".+", "$__rate_interval": "10s", "$__range": "30s"}.items():
        found = [query.replace(name, text) for query in found]
    assert not any("$" in query for query in found)
    return found


def _data(url: str, query: str, begin: float, end: float) -> bool:
    """At some moment of the run there was a number."""
    series = asked(url, "query_range", query=query, start=str(begin), end=str(end), step="0.5")
    return any(not math.isnan(float(value)) for one in series for _, value in one["values"])


def _seen(url: str, query: str) -> list[Any]:
    return until(lambda: asked(url, "query", query=query), query)


def _agree(playground: Playground, page: str) -> None:
    """The page, the command and the journal tell the same."""
    zone = "Asia/Seoul" if time.gmtime().tm_hour in (23, 0) else "UTC"  # one where no month ends just now
    done = playground.reconcile("kpi", "--output", "json", "--time-zone", zone)
    assert done.returncode == 0, done.stderr
    (month,) = json.loads(done.stdout)["months"]
    told = {sample.name: sample for one in text_string_to_metric_families(page) for sample in one.samples}
    assert (month["switches"], month["rollbacks"], month["downtimeMinutes"]) == (1, 1, 0.0)
    assert month["requests"] > 100
    assert 0 < month["failedPerMillion"] < 1_000_000
    (back,) = [entry for entry in playground.entries() if isinstance(entry.event, RollbackBegan)]
    assert back.at < playground.entries()[-1].at
    assert month["timeToSafety"]["count"] == told["reconciler_time_to_safety_seconds_count"].value == 1
    assert math.isclose(
        month["timeToSafety"]["mean"], told["reconciler_time_to_safety_seconds_sum"].value, abs_tol=0.001
    )


def test_the_dashboard_is_what_its_script_writes() -> None:
    script = EXAMPLES / "grafana" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_dashboard", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert DASHBOARD.read_text("utf-8") == module.text(), "run: python examples/grafana/generate.py"


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    summed = {f"{name}_{part}" for name, one in FAMILIES.items() if one.kind == "summary" for part in ("sum", "count")}
    assert {word for query in _queries() for word in re.findall(r"reconciler_\w+", query)} <= {*FAMILIES, *summed}
