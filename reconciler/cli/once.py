"""`reconcile --once`: what differs, every step to be taken, what happens if one fails. Writes nothing."""

from __future__ import annotations

import dataclasses
import json
from textwrap import wrap
from typing import Any

import click

from reconciler.cli.exit_codes import worst
from reconciler.cli.layout import WIDE, paint, say
from reconciler.cli.look import see
from reconciler.cli.screen import steps_table
from reconciler.core.conditions import BLOCKED, CHANGES, ERROR, IN_SYNC
from reconciler.core.diff import differences, standing
from reconciler.core.events import Began
from reconciler.core.model import Desired, Outcome, Pair, SetWeight, Spec
from reconciler.core.preview import Preview, preview, rollback_seconds
from reconciler.core.reading import Observed
from reconciler.core.rest import rollback_refusal
from reconciler.core.simulate import WhatIf
from reconciler.core.state import State
from reconciler.core.steps import Migrate
from reconciler.desired.uncommitted import in_work_tree, work_tree
from reconciler.errors import ReconcilerError, UsageError
from reconciler.session import Session
from reconciler.wording import describe, duration

OUTCOMES = {"fail": Outcome.FAILED, "error": Outcome.ERROR, "inconclusive": Outcome.INCONCLUSIVE}


def once(
    config: str | None,
    *,
    apply: bool,
    branch: str | None,
    worktree: bool,
    what_if: str | None,
    environment: tuple[str, ...],
    output: str,
    detailed_exitcode: bool,
) -> int:
    """Preview every environment, or with `apply` bring one round to its end. Returns the exit code."""
    if apply and branch:
        raise UsageError("--branch is for a preview; what is applied is the branch that the operator's file names")
    if worktree and (apply or branch):
        why = "what is applied is committed" if apply else "a branch has no files but its commits"
        raise UsageError(f"--worktree is a preview of files that are not committed: {why}; leave one of the two out")
    if apply:
        from reconciler.cli.apply_once import apply_once

        return apply_once(config, environment, output)
    supposed = parse_what_if(what_if)
    with Session.open(config, read_only=True, branch=branch, present=in_work_tree if worktree else None) as session:
        reports = []
        drafted = Drafted.of(session) if worktree else None
        if drafted and output == "text":
            say(*drafted.lines())
        for name in session.chosen(environment):
            found = report(session, name, supposed)
            _check(supposed, found)
            reports.append(found)
            if output == "text":
                say(*found.lines())
    if output == "json":
        told = {"workTree": drafted.as_json()} if drafted else {}
        click.echo(json.dumps({**told, "environments": [found.as_json() for found in reports]}, default=str))
    if not reports and output == "text":
        click.echo("no environments: commit one to environments/ (reconcile init writes a first one)")
    code = worst(found.exit_code for found in reports)
    return IN_SYNC if code == CHANGES and not detailed_exitcode else code


@dataclasses.dataclass(frozen=True, slots=True)
class Drafted:
    """What a preview of the work tree was made of."""

    path: str
    branch: str
    revision: str
    followed: str  # the branch that the loop follows
    signed: bool  # the head has to be

    @staticmethod
    def of(session: Session) -> Drafted:
        operator = session.configuration.repository
        branch, revision = session.repository.tip()
        path = str(work_tree(session.repository).folder)
        return Drafted(path, branch, revision, operator.branch or branch, operator.verify.mode == "head")

    def lines(self) -> list[str]:
        lines = [f"work tree of {self.path}, based on {self.branch} at {self.revision[:12]}"]
        if self.branch != self.followed:
            lines.append(f"  the loop follows {self.followed}: nothing of it counts before it is merged there")
        if self.signed:
            lines.append("  the head must be signed: nothing of it counts before it is committed with git commit -S")
        return lines

    def as_json(self) -> dict[str, Any]:
        told = {"path": self.path, "branch": self.branch, "revision": self.revision}
        return {**told, "followed": self.followed, "mustBeSigned": self.signed}


def parse_what_if(text: str | None) -> WhatIf | None:
    """`50:fail` -> at 50 % the gates say Failed. Raises UsageError."""
    if text is None:
        return None
    weight, _, outcome = text.partition(":")
    if not weight.isdigit() or outcome not in OUTCOMES:
        raise UsageError(f"--what-if '{text}': expected WEIGHT:OUTCOME, e.g. 50:fail (outcomes: {', '.join(OUTCOMES)})")
    return WhatIf(int(weight), OUTCOMES[outcome])


def _check(supposed: WhatIf | None, report: Report) -> None:
    """Raises UsageError for a weight that no step of the environment ever sets: nothing would be supposed."""
    spec = report.spec
    if supposed is None or spec is None:
        return
    rungs = [step.weight for step in spec.steps if isinstance(step, SetWeight)]
    if supposed.rung not in (0, *rungs):
        known = ", ".join(map(str, (0, *rungs)))
        raise UsageError(f"--what-if: {report.name} never stands at {supposed.rung} %, only at: {known}")


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
    def spec(self) -> Spec | None:
        return standing(self.desired, self.state).spec

    @property
    def exit_code(self) -> int:
        if self.error:
            return ERROR
        if self.road is None or self.road.barred or (self.road.end.blocked and not self.road.steps):
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
            "rollbackSafe": self.safe(),
            "gateway": self.fence,
            "exitCode": self.exit_code,
        }

    def _differences(self) -> tuple[Any, ...]:
        spec = self.spec
        return differences(spec, self.observed, self.state) if spec else ()

    def safe(self) -> str:
        """Whether, after this road, one step would lead back."""
        spec, road = self.spec, self.road
        if spec is None or road is None:
            return "unknown"
        one_way = spec.migration is not None and not spec.migration.old_version_works
        if road.state.outgrown or (one_way and _migrates(road)):
            return "no: from the migration on the old version does not work (oldVersionWorks: false); a failure holds"
        under_way = self.state.transition is not None or any(isinstance(p.what, Began) for p in road.steps)
        stable = self.state.in_charge
        if under_way and stable:
            kept = duration(spec.scale_down_delay)
            return f"yes: {stable} stays up until {kept} after success, and git still pins it"
        refusal = rollback_refusal(spec, road.state, road.state.watched)
        return f"no: {refusal}" if refusal else "yes"

    def lines(self) -> list[str]:
        title = f"{paint(self.name, bold=True)}  at {self.desired.revision[:12] or 'no revision'}"
        trouble = (self.error or self.desired.problem).splitlines()
        lines = [title, *(f"  {paint(line, 'red')}" for line in trouble)]
        if self.road is None:
            return lines
        lines += [f"  {each.what}: {each.found} -> {each.wanted}" for each in self._differences()]
        if self.road.steps:
            lines += [f"  {line}" for line in steps_table(self.road, self.spec)]
        return lines + self._summary(self.road)

    def _summary(self, road: Preview) -> list[str]:
        lines = []
        if road.seconds is not None:
            back = f", {duration(self.rollback)}" if self.rollback is not None else ""
            phase = road.ended.phase if road.ended else ""
            lines += [
                f"  ends {phase} after {duration(road.seconds)}; a rollback from full weight: one step{back}",
                f"  rollback safe: {self.safe()}",
            ]
        rest = f"{road.end.reason}{': ' + road.end.message if road.end.message else ''}"
        still = "nothing to do" if self.exit_code == IN_SYNC else "nothing can be done"
        lines.append(f"  comes to rest on {rest}" if road.steps else f"  {still}: {rest}")
        return [*lines, *wrap(self.fence, WIDE, initial_indent="  gateway: ", subsequent_indent=" " * 11)]


def _migrates(road: Preview) -> bool:
    return any(isinstance(planned.what, Migrate) for planned in road.steps)


def _step(planned: Any) -> dict[str, Any]:
    return {
        "after": planned.after,
        "rule": planned.rule,
        "what": describe(planned.what),
        "weight": planned.weight,
        "gates": list(planned.gates),
        "because": planned.because,
    }


def report(session: Session, name: str, supposed: WhatIf | None = None) -> Report:
    """Look at one environment without leaving a trace. Its trouble is its own."""
    state, unread = State(), Desired("", None)
    nothing = Observed(None, Pair((), ()))
    try:
        found, desired, observed = see(session.keeper(name))
        state = found if found.journal else dataclasses.replace(found, journal="(new)")  # before the first run
        road = preview(desired, observed, state, state.watched, supposed)
        back = rollback_seconds(desired, observed, state, state.watched)
        return Report(name, desired, observed, state, road, back, session.fence(name))
    except ReconcilerError as error:
        return Report(name, unread, nothing, state, None, None, "", str(error))
