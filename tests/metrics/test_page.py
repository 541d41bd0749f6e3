"""The page as Prometheus reads it: over a real socket, by Prometheus' own parser; and it harms nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from metrics_world import seen
from ports import free_port
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from reconciler.clock import SYSTEM
from reconciler.core.events import Ended, Phase, Watched
from reconciler.core.model import Pair
from reconciler.core.tally import Tally, Users
from reconciler.errors import InvalidConfiguration
from reconciler.journal.sqlite import open_journal
from reconciler.loop.tick import Tick
from reconciler.metrics.families import FAMILIES
from reconciler.metrics.page import Page
from reconciler.metrics.served import Metrics

TALLY = Tally(up=50.0, out=10.0, users=Pair(Users(900, 2), Users(100, 1)))


@contextmanager
def serving(page: Page) -> Iterator[str]:
    page.start()
    try:
        yield f"http://127.0.0.1:{page.port}"
    finally:
        page.stop()


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    """One look at `prod`, and a journal that has an hour of it on record."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = open_journal(url)
    journal.append("prod", Watched(TALLY), actor="loop", elapsed=60.0)
    found = Metrics(
        f"127.0.0.1:{free_port()}", open_journal(url, read_only=True), lambda: {"ops": (2, True)}, clock=SYSTEM
    )
    one = seen()
    found.show("prod", one.state, Tick(None, one.status, False, observed=one.observed, spec=one.spec))  # type: ignore[arg-type]
    found._past.look()
    yield found
    found.page.stop()
    journal.close()


def scrape(where: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{where}/metrics", headers=headers, trust_env=False, timeout=20)


def test_prometheus_own_parsers_read_every_family(metrics: Metrics) -> None:
    with serving(metrics.page) as where:
        simple, modern = scrape(where), scrape(where, Accept="application/openmetrics-text; version=1.0.0")
    assert simple.headers["content-type"].startswith("text/plain; version=")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    for found in (plain(simple.text), openmetrics(modern.text)):
        told = {sample.name: sample for family in found for sample in family.samples}
        assert told["reconciler_slot_weight_percent"].value == 50.0
        assert told["reconciler_alerts_pending"].labels == {"recipient": "ops"}
        assert told["reconciler_kpi_requests_total"].value == 1000.0
        assert told["reconciler_time_to_safety_seconds_count"].value == 0.0


def test_every_family_that_is_shown_is_in_the_table_with_its_kind_and_labels(metrics: Metrics) -> None:
    with serving(metrics.page) as where:
        families = list(plain(scrape(where).text))
    assert families
    for family in families:
        name = family.name if family.name in FAMILIES else f"{family.name}_total"
        assert family.type == FAMILIES[name].kind
        assert family.documentation == FAMILIES[name].says
        for sample in family.samples:
            assert set(sample.labels) == set(FAMILIES[name].labels), sample


def test_what_comes_into_the_journal_is_shown(metrics: Metrics, tmp_path: Path) -> None:
    def value(name: str, **labels: str) -> float:
        with_name = [s for f in plain(scrape(where).text) for s in f.samples if s.name == name]
        return next(sample.value for sample in with_name if labels.items() <= sample.labels.items())

    with serving(metrics.page) as where:
        assert value("reconciler_kpi_seconds_total", state="down") == 10.0
        assert value("reconciler_kpi_month_failed_per_million") == 3000.0
        journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}")
        journal.append("prod", Watched(TALLY), actor="loop", elapsed=60.0)
        journal.append("prod", Ended(Phase.SUCCEEDED), actor="loop")
        journal.close()
        metrics._past.look()
        assert value("reconciler_kpi_seconds_total", state="down") == 20.0
        assert value("reconciler_kpi_month_downtime_seconds") == 20.0
        assert value("reconciler_transitions_total", outcome="Succeeded") == 1.0


def test_what_a_killed_loop_has_not_told_is_unclear_as_in_the_figures_of_the_month(
    metrics: Metrics, tmp_path: Path
) -> None:
    """Watched seconds without a tally are no seconds that were put on record as unclear."""

    def unclear() -> float:
        families = list(plain(scrape(where).text))
        (found,) = [s for f in families for s in f.samples if s.name == "reconciler_kpi_month_unclear_seconds"]
        return found.value

    with serving(metrics.page) as where:
        before = unclear()
        journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}")
        journal.append("prod", Watched(), actor="loop", elapsed=49.7)
        journal.close()
        metrics._past.look()
        assert unclear() == pytest.approx(before + 49.7)


@pytest.mark.parametrize(
    ("named", "state", "shown"),
    [
        (frozenset(), {"stable": None, "transition": None}, False),
        (frozenset(), {"went_down": True, "transition": None}, False),
        (frozenset(), {"transition": None}, True),  # it serves, whatever git says
        (frozenset(), {"went_down": True}, True),  # a transition is under way
        (frozenset({"prod"}), {"went_down": True, "transition": None}, True),
        (None, {"went_down": True, "transition": None}, True),  # the branch cannot be read
    ],
)
def test_what_git_has_removed_and_is_over_leaves_the_page(
    metrics: Metrics, named: frozenset[str] | None, state: dict[str, object], shown: bool
) -> None:
    one, metrics._named = seen(), lambda: named
    found = Tick(None, one.status, False, observed=one.observed, spec=one.spec)  # type: ignore[arg-type]
    metrics.show("prod", replace(one.state, **state), found)  # type: ignore[arg-type]
    assert any("prod" in labels for _, labels, _ in metrics.samples()) is shown


def test_before_the_journal_was_read_nothing_is_told_of_it(tmp_path: Path) -> None:
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}", read_only=True)
    found = Metrics(f"127.0.0.1:{free_port()}", journal, dict)
    with serving(found.page) as where:
        names = {family.name for family in plain(scrape(where).text)}
    assert names == {"reconciler_info"}


def test_a_port_in_use_is_an_error_that_names_the_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            InvalidConfiguration, match=f"cannot be served at {where}: Address already in use; .*metrics"
        ):
            Page(where, list)


def test_there_is_one_page_and_it_is_only_read(metrics: Metrics) -> None:
    with serving(metrics.page) as where:
        assert httpx.get(f"{where}/", trust_env=False).status_code == 404
        assert httpx.get(f"{where}/metrics/../etc/passwd", trust_env=False).status_code == 404
        assert httpx.post(f"{where}/metrics", trust_env=False).status_code == 501
        assert httpx.get(f"{where}/metrics?name[]=up", trust_env=False).status_code == 200


def test_a_client_that_says_nothing_keeps_nobody_else_waiting(metrics: Metrics) -> None:
    with serving(metrics.page) as where, socket.create_connection(("127.0.0.1", metrics.page.port)):
        assert scrape(where).status_code == 200


def test_a_defect_is_told_in_the_log_and_the_page_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([[("reconciler_nonsense", (), 1.0)], [("reconciler_info", ("1",), 1.0)]])
    page = Page(f"127.0.0.1:{free_port()}", lambda: next(answers))
    with serving(page) as where:
        assert scrape(where).status_code == 500
        assert "its metrics cannot be told" in caplog.text
        assert scrape(where).status_code == 200


def test_an_address_of_the_sixth_protocol_is_served_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    page = Page("[::1]:" + str(free_port()), lambda: [("reconciler_info", ("1",), 1.0)])
    page.start()
    try:
        assert httpx.get(f"http://[::1]:{page.port}/metrics", trust_env=False).status_code == 200
    finally:
        page.stop()
