"""`reconcile doctor`: every prerequisite, one line each, with what mends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from reconciler.cli.layout import broken, paint, say
from reconciler.configuration import Configuration, load
from reconciler.core.conditions import ERROR, IN_SYNC
from reconciler.desired.manifest import Manifest
from reconciler.desired.repository import Repository
from reconciler.desired.snapshot import Desires
from reconciler.doctor import environment, machine, memory, operator
from reconciler.doctor.drivers import Drivers
from reconciler.doctor.questions import Answer, Question, answers
from reconciler.drivers.examining import Finding, Grade, failed, split
from reconciler.errors import InvalidConfiguration, JournalError, UsageError
from reconciler.journal.sqlite import open_journal
from reconciler.spelling import unknown

COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAILED: "red", Grade.UNKNOWN: "magenta"}
GRADE, WHAT = 9, 22  # columns
LONG = 60.0  # seconds for a whole journal


@click.command("doctor")
@click.argument("environment", required=False)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, environment: str | None, output: str) -> int:
    """Everything that must be there: on this machine, in the operator's file, and for each environment (or for ENV).

    Changes nothing, and sends nothing but questions for names. Exit code 1 when something failed; warnings are none.
    """
    found, problem = _operator(config)
    questions = [*_of_machine(found), *(_of_operator(found) if found else ())]
    questions += _of_environments(found, environment) if found else []
    every = []
    for answer in _shown(answers(questions), output == "text", problem):
        every += [{"environment": answer.question.of, **asdict(one)} for one in answer.findings]
    code = ERROR if problem or any(one["grade"] is Grade.FAILED for one in every) else IN_SYNC
    if output == "json":
        broken_file = [_as_json(problem)] if problem else []
        say(json.dumps({"findings": [*broken_file, *every], "exitCode": code}))
    else:
        say(_summary([one["grade"] for one in every] + ([Grade.FAILED] if problem else [])))
    return code


def _operator(config: str | None) -> tuple[Configuration | None, Finding | None]:
    """What was decided, or why nobody knows."""
    try:
        return load(Path(config) if config else None), None
    except InvalidConfiguration as error:
        told = str(error).splitlines()
        if len(told) == 1:
            return None, failed("file", *split(told[0]))
        return None, failed("file", f"{told[0]} and {len(told) - 1} more", "reconcile validate tells all; correct it")


# ---- what is asked ---------------------------------------------------------------------------------------------------


def _of_machine(found: Configuration | None) -> list[Question]:
    return [
        Question("python", machine.interpreter),
        Question("git", machine.git),
        Question("clock", lambda: machine.clocks(_newest(found) if found else "")),
        Question("time zones", machine.time_zones),
        Question("pictures", machine.pictures),
    ]


def _newest(found: Configuration) -> str:
    """When the journal's last entry was written."""
    try:
        journal = open_journal(found.journal_url, read_only=True)
        return next((row.at for row in journal.rows(after=journal.head() - 1)), "")
    except JournalError:
        return ""  # told by who looks at the journal


def _of_operator(found: Configuration) -> list[Question]:
    looks = {
        "file": operator.file,
        "state": memory.state,
        "loop": memory.loop,
        "programs": operator.runs,
        "folders and queries": operator.places,
        "keys": operator.keys,
        "alerts and logs": operator.destinations,
        "machines": operator.machines,
        "metrics": operator.metrics,
        "repository": environment.repository,
    }
    questions = [Question(what, partial(look, found)) for what, look in looks.items()]
    return [*questions, Question("journal", partial(memory.journal, found), deadline=LONG)]


def _of_environments(found: Configuration, wanted: str | None) -> list[Question]:
    """Raises UsageError for an environment that git does not know."""
    desires = Desires(Repository(found.repository_path, found.repository.branch), found)
    try:
        seen = desires.look()
    finally:
        desires.close()
    if wanted and wanted not in seen.environments and not seen.problem:
        raise UsageError(unknown("environment", wanted, seen.environments))
    journal = _journal_id(found)
    questions: list[Question] = []
    for name, one in sorted(seen.environments.items()):
        if wanted in (None, name):
            questions.append(Question("manifest", partial(environment.manifest, one), name))
            if isinstance(one, Manifest):
                questions += Drivers(one, found, journal).questions()
                questions.append(Question("hosts", partial(environment.names, one, found), name))
    return questions


def _journal_id(found: Configuration) -> str:
    try:
        return open_journal(found.journal_url, read_only=True).id
    except JournalError:
        return ""


# ---- what is shown ---------------------------------------------------------------------------------------------------


def _shown(found: Iterator[Answer], text: bool, problem: Finding | None) -> Iterator[Answer]:
    """Each as it comes; on a terminal it says meanwhile that it asks."""
    progress = text and sys.stderr.isatty()
    if text and problem:
        say(*lines(problem))
    of = ""
    while True:
        if progress:
            click.echo("\rasking ...", nl=False, err=True)
        answer = next(found, None)
        if progress:
            click.echo("\r\x1b[K", nl=False, err=True)
        if answer is None:
            return
        if text and answer.question.of != of and answer.findings:
            of = answer.question.of
            say("", paint(of, bold=True))
        if text:
            say(*(line for one in answer.findings for line in lines(one)))
        yield answer


def lines(one: Finding) -> list[str]:
    first = (
        f"{paint(f'{one.grade:<{GRADE}}', COLOURS[one.grade])}{one.what:<{WHAT}} {broken(one.found, GRADE + WHAT + 1)}"
    )
    mend = one.cure and one.grade is not Grade.OK
    return [first, *([f"{'':<{GRADE}}to mend: {broken(one.cure, GRADE + 9)}"] if mend else [])]


def _as_json(one: Finding) -> dict[str, Any]:
    return {"environment": "", **asdict(one)}


def _summary(grades: list[Grade]) -> str:
    counts = {grade: grades.count(grade) for grade in (Grade.FAILED, Grade.WARNING, Grade.UNKNOWN)}
    words = {Grade.WARNING: "to be warned of"}
    wrong = ", ".join(f"{count} {words.get(grade, grade)}" for grade, count in counts.items() if count)
    return f"\n{len(grades)} looked at: {wrong or 'everything is there'}"
