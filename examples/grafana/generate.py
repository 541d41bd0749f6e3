"""Writes `zero-downtime.json`, a dashboard for Grafana, from the panels below: `python examples/grafana/generate.py`.

Needs `grafana-foundation-sdk`, as the tests do. A test holds the file to this script, and runs every query of it
against a real Prometheus that has scraped a real switch and a real rollback.
"""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders import common, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery as Target
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

FILE = Path(__file__).with_name("zero-downtime.json")
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HERE = 'environment=~"$environment"'
HALF, THIRD, SIXTH = 12, 8, 4  # of a row's 24 columns
Query = tuple[str, str]  # in PromQL, and how its series are called


def queries(*found: Query) -> list[Builder[Target]]:
    return [
        Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)).range()
        for number, (expression, legend) in enumerate(found)
    ]


def graph(title: str, says: str, unit: str, *found: Query, width: int = HALF, stacked: bool = False) -> Builder[Panel]:
    """Lines over time."""
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    panel = timeseries.Panel().title(title).description(says).datasource(SOURCE).unit(unit).span(width).height(8)
    panel = panel.targets(queries(*found)).min(0).fill_opacity(40 if stacked else 10)
    panel = panel.legend(legend.display_mode(LegendDisplayMode.LIST))
    return panel.line_interpolation("stepAfter").max(100) if stacked else panel  # type: ignore[arg-type]


def number(
    title: str, says: str, unit: str, query: Query, *, red: float | None = None, width: int = SIXTH
) -> stat.Panel:
    """The latest number; `red` from there on."""
    steps = [Threshold(color="green", value=None), *([Threshold(color="red", value=red)] if red is not None else [])]
    limits = dashboards.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    latest = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().title(title).description(says).datasource(SOURCE).unit(unit).span(width).height(5)
    panel = panel.thresholds(limits).reduce_options(latest).graph_mode(BigValueGraphMode.NONE).no_value("unknown")
    return panel.targets(queries(query))


def words(title: str, says: str, query: Query) -> Builder[Panel]:
    """What is told by a label, not by a number."""
    return number(title, says, "none", query, width=THIRD).text_mode(BigValueTextMode.NAME)


def bands(title: str, says: str, query: Query, *, width: int = HALF) -> Builder[Panel]:
    """Which word was true when: a band for each."""
    panel = statetimeline.Panel().title(title).description(says).datasource(SOURCE).span(width).height(8)
    return panel.show_value(VisibilityMode.NEVER).merge_values(True).targets(queries(query))


def rate(metric: str, by: str) -> str:
    """Per second. A minute at least, so that a restart of the gateway is one dip and not many."""
    return f"sum by ({by}) (rate({metric}{{{HERE}}}[$__rate_interval]))"


def dashboard() -> dashboards.Dashboard:
    page = dashboards.Dashboard("Zero downtime").uid("slot-reconciler").tags(["slot-reconciler", "blue-green"])
    page = page.description(
        "Blue/green switches of slot-reconciler: what users get, where the traffic is, what it cost"
    )
    page = page.refresh("5s").time("now-1h", "now").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    page = page.with_variable(dashboards.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    page = page.with_variable(
        dashboards.QueryVariable("environment")
        .label("Environment")
        .datasource(SOURCE)
        .query("label_values(reconciler_environment_info, environment)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
    )
    for title, panels in ROWS:
        page = page.with_row(dashboards.Row(title))
        for panel in panels:
            page = page.with_panel(panel)
    return page


NOW = (
    words("Serves", "The stable release", (f"reconciler_environment_info{{{HERE}}}", "{{environment}}: {{stable}}")),
    words(
        "Why",
        "What it waits for, or the rule that is being carried out",
        (f"reconciler_reason_info{{{HERE}}}", "{{environment}}: {{reason}}"),
    ),
    number(
        "Waits for a person",
        "Approval, promotion, a hold, ...",
        "none",
        (f"sum(reconciler_waits_for_person{{{HERE}}})", "waiting"),
        red=1,
    ),
    number(
        "Since the last look",
        "More than a few seconds: the loop does not look",
        "s",
        (f"max(time() - reconciler_last_look_timestamp_seconds{{{HERE}}})", "age"),
        red=60,
    ),
)
TRAFFIC = (
    graph(
        "Weights",
        "Percent of requests, as read back from the gateway; missing while it cannot be read",
        "percent",
        (f"reconciler_slot_weight_percent{{{HERE}}}", "{{environment}} {{slot}}"),
        stacked=True,
    ),
    graph(
        "Requests",
        "Users' requests per second, by the gateway's counters",
        "reqps",
        (rate("reconciler_slot_requests_total", "environment, slot"), "{{environment}} {{slot}}"),
    ),
    graph(
        "Errors",
        "Answers 5xx, requests without an answer, and connections that could not be made, per second",
        "reqps",
        (rate("reconciler_slot_errors_total", "environment, slot"), "{{environment}} {{slot}} errors"),
        (rate("reconciler_slot_refused_connections_total", "environment, slot"), "{{environment}} {{slot}} refused"),
    ),
    graph(
        "In flight",
        "Requests that are being answered: what a drain waits for",
        "short",
        (f"reconciler_slot_requests_in_flight{{{HERE}}}", "{{environment}} {{slot}}"),
    ),
)
TRANSITION = (
    bands(
        "Phase",
        "Of the transition, or how the last one ended",
        (f"reconciler_transition_phase{{{HERE}}} == 1", "{{environment}} {{phase}}"),
    ),
    bands(
        "Gates",
        "The latest answer of each",
        (f"reconciler_gate_outcome{{{HERE}}} == 1", "{{environment}} {{gate}}: {{outcome}}"),
    ),
    graph(
        "Latency",
        "Of the synthetic journeys, by percentile and road; there while a transition measures",
        "s",
        (f"reconciler_gate_latency_seconds{{{HERE}}} < +Inf", "{{gate}} {{road}} p{{percentile}}"),
    ),
    graph(
        "Journeys",
        "Synthetic requests in the present window, by what became of them",
        "short",
        (f"reconciler_gate_requests{{{HERE}}}", "{{gate}} {{road}} {{result}}"),
    ),
    graph(
        "Queue delay",
        "Age of the oldest job, and whatever else a gate measures in time",
        "s",
        (f"reconciler_gate_value_seconds{{{HERE}}}", "{{environment}} {{gate}}"),
    ),
    graph(
        "Left in queues",
        "What a hand-over waits for, and whatever else a gate counts",
        "short",
        (f"reconciler_gate_value{{{HERE}}}", "{{environment}} {{gate}}"),
    ),
    graph(
        "Sessions",
        "Opened before the switch, used through it: kept, lost, not known yet",
        "short",
        (f"reconciler_gate_sessions{{{HERE}}}", "{{gate}} {{result}}"),
    ),
    bands(
        "Members",
        "Ready, or standing by",
        (f"reconciler_member_ready{{{HERE}}}", "{{environment}} {{slot}} {{member}}"),
    ),
)
FIGURES = (
    number(
        "Downtime this month",
        "Nobody could serve, as read; unknown is not zero",
        "s",
        (f"sum(reconciler_kpi_month_downtime_seconds{{{HERE}}})", "downtime"),
        red=1,
    ),
    number(
        "Failed per million",
        "This month, of the requests that were counted",
        "short",
        (f"max(reconciler_kpi_month_failed_per_million{{{HERE}}})", "failed"),
        red=100,
    ),
    number(
        "Longest time to safety",
        "This month: from found bad to no weight",
        "s",
        (f"max(reconciler_kpi_month_time_to_safety_longest_seconds{{{HERE}}})", "longest"),
        red=30,
    ),
    number(
        "Not watched this month",
        "No loop ran: nothing is known about it",
        "s",
        (f"sum(reconciler_kpi_month_not_watched_seconds{{{HERE}}})", "not watched"),
        red=3600,
    ),
    number(
        "Switches",
        "Since the journal's beginning",
        "none",
        (f'sum(reconciler_transitions_total{{{HERE}, outcome="Succeeded"}})', "switches"),
    ),
    number(
        "Rollbacks",
        "Likewise",
        "none",
        (f'sum(reconciler_transitions_total{{{HERE}, outcome="RolledBack"}})', "rollbacks"),
    ),
    graph(
        "Time, by what it was",
        "Watched seconds per second: up, down, unclear, off",
        "short",
        (f"sum by (state) (rate(reconciler_kpi_seconds_total{{{HERE}}}[$__range]))", "{{state}}"),
    ),
    graph(
        "Mean time to safety",
        "Over the time that is shown",
        "s",
        (
            f"sum(reconciler_time_to_safety_seconds_sum{{{HERE}}})"
            f" / sum(reconciler_time_to_safety_seconds_count{{{HERE}}})",
            "mean",
        ),
    ),
)
ALERTS = (
    bands(
        "Alert rules that fire",
        "Of examples/prometheus/rules.yaml",
        ('ALERTS{alertname=~"Reconciler.*"}', "{{alertname}} {{environment}} {{alertstate}}"),
    ),
    graph(
        "Alerts to people",
        "Pending at each recipient of the operator's file, and whether the latest attempt failed",
        "short",
        ("reconciler_alerts_pending", "{{recipient}} pending"),
        ("reconciler_alerts_failing", "{{recipient}} failing"),
    ),
)
ROWS = (("Now", NOW), ("Traffic", TRAFFIC), ("Transition", TRANSITION), ("Figures", FIGURES), ("Alerts", ALERTS))


def text() -> str:
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
