"""`reconcile --once`: what differs, every step to be taken, what happens if one fails. Writes nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from reconciler.cli.layout import paint, say
from reconciler.cli.screen import describe, duration, steps_table
from reconciler.cli.session import Session
from reconciler.core.conditions import BLOCKED, CHANGES, ERROR, IN_SYNC, ROLLED_BACK
from reconciler.core.diff import differences, standing
from reconciler.core.model import Desired, Observed, Outcome, Pair
from reconciler.core.preview import Preview, preview, rollback_seconds
from reconciler.core.rest import rollback_refusal
from reconciler.core.simulate import WhatIf
from reconciler.core.state import State
from reconciler.errors import ReconcilerError, UsageError

OUTCOMES = {"fail": Outcome.FAILED, "error": Outcome.ERROR, "inconclusive": Outcome.INCONCLUSIVE}


def once(
    config: str | None,
    *,
    apply: bool,
    what_if: str | None,
    environment: tuple[str, ...],
    output: str,
    detailed_exitcode: bool,
) -> int:
    """Preview every environment, or with `apply` bring one round to its end. Returns the exit code."""
    if apply:
        from reconciler.cli.apply_once import apply_once

        return apply_once(config, environment, output)
    supposed = parse_what_if(what_if)
    with Session.open(config, read_only=True) as session:
        worst = IN_SYNC
        reports = []
        for name in session.chosen(environment):
            report = _one(session, name, supposed)
            reports.append(report)
            worst = max(worst, report.exit_code, key=_severity)
            if output == "text":
                say(*report.lines())
    if output == "json":
        click.echo(json.dumps({"environments": [report.as_json() for report in reports]}, default=str))
    if not reports and output == "text":
        click.echo("no environments: commit one to environments/ (reconcile init writes a first one)")
    return IN_SYNC if worst == CHANGES and not detailed_exitcode else worst


def _severity(code: int) -> int:
    return (IN_SYNC, CHANGES, BLOCKED, ROLLED_BACK, ERROR).index(code)


def parse_what_if(text: str | None) -> WhatIf | None:
    """`50:fail` -> at 50 % the gates say Failed. Raises UsageError."""
    if text is None:
        return None
    weight, _, outcome = text.partition(":")
    if not weight.isdigit() or outcome not in OUTCOMES:
        raise UsageError(f"--what-if '{text}': expected WEIGHT:OUTCOME, e.g. 50:fail (outcomes: {', '.join(OUTCOMES)})")
    return WhatIf(int(weight), OUTCOMES[outcome])


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """One environment's preview, ready to be shown or written as JSON."""

    name: str
    desired: Desired
    observed: Observed
    state: State
    road: Preview | None
    rollback: float | None
    fence: str
    error: str = ""

    @property
    def exit_code(self) -> int:
        if self.error:
            return ERROR
        if self.road is None or (self.road.end.blocked and not self.road.steps):
            return BLOCKED
        if self.road.steps:
            return CHANGES
        return ERROR if self.road.end.alert else IN_SYNC

    def as_json(self) -> dict[str, Any]:
        road = self.road
        return {
            "environment": self.name,
            "revision": self.desired.revision,
            "problem": self.error or self.desired.problem,
            "differences": [dataclasses.asdict(d) for d in self._differences()],
            "steps": [_step(planned) for planned in road.steps] if road else [],
            "seconds": road.seconds if road else None,
            "rollbackSeconds": self.rollback,
            "ends": {"reason": road.end.reason, "message": road.end.message} if road else None,
            "rollbackSafe": self._safe(),
            "gateway": self.fence,
            "exitCode": self.exit_code,
        }

    def _differences(self) -> tuple[Any, ...]:
        spec = standing(self.desired, self.state).spec
        return differences(spec, self.observed, self.state) if spec else ()

    def _safe(self) -> str:
        """Whether, after this road, one step would lead back."""
        spec = standing(self.desired, self.state).spec
        if spec is None or self.road is None:
            return "unknown"
        end = self.road.state
        began = [p for p in self.road.steps if type(p.what).__name__ == "Began"]
        stable = self.state.stable
        if began and stable:
            kept = duration(spec.scale_down_delay)
            return f"yes: {stable} stays up until {kept} after success, and git still pins it"
        return "yes" if not rollback_refusal(spec, end, end.watched) else "no: there is no earlier release to return to"

    def lines(self) -> list[str]:
        title = f"{paint(self.name, bold=True)}  at {self.desired.revision[:12] or 'no revision'}"
        trouble = (self.error or self.desired.problem).splitlines()
        lines = [title, *(f"  {paint(line, 'red')}" for line in trouble)]
        if self.road is None:
            return lines
        lines += [f"  {each.what}: {each.found} -> {each.wanted}" for each in self._differences()]
        if self.road.steps:
            lines += [f"  {line}" for line in steps_table(self.road)]
        return lines + self._summary(self.road)

    def _summary(self, road: Preview) -> list[str]:
        lines = []
        if road.seconds is not None:
            back = duration(self.rollback) if self.rollback is not None else "one step"
            phase = road.ended.phase if road.ended else ""
            lines += [
                f"  ends {phase} after {duration(road.seconds)}; a rollback from full weight: one step, {back}",
                f"  rollback safe: {self._safe()}",
            ]
        lines.append(f"  comes to rest on {road.end.reason}: {road.end.message}")
        return [*lines, f"  gateway: {self.fence}"] if self.fence else lines


def _step(planned: Any) -> dict[str, Any]:
    return {
        "after": planned.after,
        "rule": planned.rule,
        "what": describe(planned.what),
        "weight": planned.weight,
        "gates": list(planned.gates),
        "because": planned.because,
    }


def _one(session: Session, name: str, supposed: WhatIf | None) -> Report:
    """Look at one environment without leaving a trace. Its trouble is its own."""
    state, unread = State(), Desired("", None)
    nothing = Observed(None, Pair((), ()))
    try:
        keeper = session.keeper(name)
        state = session.with_generation(keeper.catch_up())
        desired = keeper.desired(state)
        observed = keeper.observe(desired, state)
        road = preview(desired, observed, state, state.watched, supposed)
        back = rollback_seconds(desired, observed, state, state.watched)
        return Report(name, desired, observed, state, road, back, session.fence(name))
    except ReconcilerError as error:
        return Report(name, unread, nothing, state, None, None, "", str(error))
