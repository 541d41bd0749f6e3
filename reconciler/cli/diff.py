"""`reconcile diff`: what the world is, against what it should be."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from reconciler.cli.layout import say
from reconciler.cli.look import see
from reconciler.core.conditions import CHANGES, ERROR, IN_SYNC
from reconciler.core.diff import Difference, differences, standing
from reconciler.errors import ReconcilerError
from reconciler.session import Session


@click.command("diff")
@click.argument("environment", nargs=-1)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are differences.")
@click.pass_obj
def command(config: str | None, environment: tuple[str, ...], output: str, detailed_exitcode: bool) -> int:
    """Observed against effective desired, one line per difference. Reads only; exit 1 where that cannot be told."""
    with Session.open(config, read_only=True) as session:
        found = [compare(session, name) for name in session.chosen(environment)]
    if output == "json":
        say(json.dumps({"environments": [one.as_json() for one in found]}))
    else:
        say(*(line for one in found for line in one.lines()))
    if any(one.problem for one in found):
        return ERROR
    return CHANGES if detailed_exitcode and any(one.differences for one in found) else IN_SYNC


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """`problem`: why there was nothing to compare with, or it could not be looked at."""

    environment: str
    differences: tuple[Difference, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        if self.problem:
            return [f"{self.environment}  unknown: {line}" for line in self.problem.splitlines()]
        lines = [f"{self.environment}  {each.what}: {each.found} -> {each.wanted}" for each in self.differences]
        return lines or [f"{self.environment}  no difference"]


def compare(session: Session, name: str) -> Comparison:
    """One environment; its trouble is its own."""
    try:
        state, desired, observed = see(session.keeper(name))
    except ReconcilerError as error:
        return Comparison(name, problem=str(error))
    spec = standing(desired, state).spec
    if spec is None:
        return Comparison(name, problem=desired.problem or "nothing is in force")
    return Comparison(name, differences(spec, observed, state))
