"""`reconcile service`: the loop as a service of this machine. What is about to be done is shown first."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import click

from reconciler.cli.interrupt import ends_after_this
from reconciler.cli.layout import broken, paint, say
from reconciler.clock import SYSTEM
from reconciler.configuration import Configuration, load
from reconciler.core.conditions import ERROR, IN_SYNC
from reconciler.errors import ReconcilerError, UsageError
from reconciler.journal.sqlite import open_journal
from reconciler.service import plan as plans
from reconciler.service.plan import Plan, Removed, Run, Step, Written

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
AGAIN = 0.2  # seconds between two looks whether the loop has ended
WINDOWS = sys.platform == "win32"

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
_name = click.option("--name", default="reconciler", show_default=True, help="The unit's, or the task's.")
_own = click.option("--user", "own", is_flag=True, help="Of your own account, without root; not on Windows.")
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask after it was shown.")
_dry = click.option("--dry-run", is_flag=True, help="Show what would be done, and stop there.")
_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("service")
def command() -> None:
    """The loop as a service: a unit of systemd, or a task that Windows starts with the machine, with nobody logged in.

    Gateways and slots run on whatever becomes of the loop; only `reconcile down` stops them.
    """


@command.command("install")
@_name
@_own
@click.option(
    "--as", "account", metavar="ACCOUNT", help="Who runs it (the operator's file's owner; SYSTEM on Windows)."
)
@_yes
@_dry
@_output
@click.pass_obj
def install(
    config: str | None, name: str, own: bool, account: str | None, yes: bool, dry_run: bool, output: str
) -> int:
    """Show every file and command of it, ask, and do it. Again: what is installed under this name is replaced."""
    found = load(Path(config) if config else None)
    _refuse_foolish(name, own, account)
    return _decide(_to_install(found, name, own, account), yes=yes, dry_run=dry_run, output=output)


@command.command("uninstall")
@_name
@_own
@_yes
@_dry
@_output
@click.pass_obj
def uninstall(config: str | None, name: str, own: bool, yes: bool, dry_run: bool, output: str) -> int:
    """The loop ends after what it is doing, and is not begun again. Gateways and slots run on."""
    _refuse_foolish(name, own, None)
    if WINDOWS:
        from reconciler.service.task import Task, elevated

        plan = Task(name, elevated()).uninstall(load(Path(config) if config else None))
    else:
        from reconciler.service.systemd import Systemd

        plan = Systemd(name, own).uninstall()
    return _decide(plan, yes=yes, dry_run=dry_run, output=output)


@command.command("status")
@_name
@_own
@_output
@click.pass_obj
def status(config: str | None, name: str, own: bool, output: str) -> int:
    """Whether it is installed, whether it runs, and where its log is. Exit code 1 when no loop works. Reads only."""
    from reconciler.service.standing import standing

    _refuse_foolish(name, own, None)
    told = standing(load(Path(config) if config else None), name, own=own)
    if output == "json":
        say(json.dumps(told.as_json()))
    else:
        say(*(f"{word:<10}{broken(text, 10)}" for word, text in told.lines().items() if text))
    return IN_SYNC if told.attended else ERROR


@command.command("stop")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds to wait for its end; then exit code 1.")
@click.pass_obj
def stop(config: str | None, timeout: float) -> int:
    """Ask the loop to end after what it is doing, and wait until it has. It needs no console, and no right but to write
    beside the journal. A service is begun again with the machine, or when somebody starts it."""
    found = load(Path(config) if config else None)
    if not open_journal(found.journal_url, read_only=True).attended():
        say("no loop works on this journal")
        return IN_SYNC
    journal = open_journal(found.journal_url)
    try:
        until = SYSTEM.monotonic() + timeout
        while journal.ask_to_end():  # again and again: one that has only just begun forgets what was asked before
            if SYSTEM.monotonic() > until:
                raise ReconcilerError(
                    f"the loop was asked to end, and has not within {timeout:g} s; it may be migrating"
                )
            Event().wait(AGAIN)
    finally:
        journal.close()
    say("the loop has ended; gateways and slots run on")
    return IN_SYNC


@command.command("run")
@click.pass_obj
def run(config: str | None) -> int:
    """What a task of Windows runs: `reconcile run` as a child, begun again when it fails. Its words on stderr lie in
    service.log in the state's folder."""
    from reconciler.service.keep import FILE, child, keep

    found = load(Path(config) if config else None)
    file = ("--config", str(found.file)) if found.file else ()
    ended = Event()
    ends_after_this(ended)
    return keep(
        (sys.executable, "-P", "-m", "reconciler", *file, "run"), found.state_dir / FILE, ended.wait, child
    )  # fmt: skip


# ---- deciding --------------------------------------------------------------------------------------------------------


def _refuse_foolish(name: str, own: bool, account: str | None) -> None:
    """Raises UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--name '{name}': expected letters, digits, '-' and '_', at most 63, e.g. reconciler")
    if own and WINDOWS:
        raise UsageError("--user is systemd's; on Windows choose who runs it by --as")
    if own and account:
        raise UsageError("--as and --user exclude each other: a unit of your account runs as you")


def _to_install(found: Configuration, name: str, own: bool, account: str | None) -> Plan:
    if WINDOWS:
        from reconciler.service.task import SYSTEM as WINDOWS_ITSELF
        from reconciler.service.task import Task, elevated

        return Task(name, elevated()).install(found, account or WINDOWS_ITSELF)
    from reconciler.service import accounts
    from reconciler.service.systemd import Systemd

    return Systemd(name, own).install(found, accounts.named(account) if account else None)


def _decide(plan: Plan, *, yes: bool, dry_run: bool, output: str) -> int:
    """Show, ask, do. Raises ReconcilerError with every reason why it cannot be done."""
    machine = output == "json"
    if machine and not (yes or dry_run):
        raise UsageError("--output json asks nobody: add --yes, or --dry-run")
    if not machine:
        say(*_lines(plan))
    if not plan.problems and not dry_run:
        if not yes and not _agreed():
            say("nothing was done")
            return ERROR
        plans.perform(plan, _quiet if machine else _doing)
    if machine:
        say(json.dumps({**as_json(plan), "done": not (dry_run or plan.problems)}))
    if plan.problems:
        raise ReconcilerError("\n       ".join(("it cannot be done:", *plan.problems)))
    if not machine and not dry_run:
        say(paint("done", "green"), *(f"next: {word}" for word in plan.after))
    return IN_SYNC


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes once you have read what would be done (--dry-run)")
    return click.confirm("Do this?")


def _lines(plan: Plan) -> list[str]:
    shown = [paint(plan.title, bold=True)]
    for step in plan.steps:
        match step:
            case Written(path, text):
                shown += [f"  write   {path}", *(f"          | {line}" for line in text.splitlines())]
            case Removed(path):
                shown.append(f"  remove  {path}")
            case Run():
                shown += [f"  run     {step}", paint(f"          {step.why}", dim=True)]
    return [*shown, *(f"  note    {broken(note, 10)}" for note in plan.notes)]


def _doing(step: Step) -> None:
    match step:
        case Written(path):
            say(f"writing {path}")
        case Removed(path):
            say(f"removing {path}")
        case Run():
            say(f"running {step}")


def _quiet(step: Step) -> None:
    """Where only the last line is read."""


def as_json(plan: Plan) -> dict[str, Any]:
    return {
        "title": plan.title,
        "steps": [_step(step) for step in plan.steps],
        "problems": list(plan.problems),
        "notes": list(plan.notes),
        "next": list(plan.after),
    }


def _step(step: Step) -> dict[str, Any]:
    match step:
        case Written(path, text):
            return {"write": str(path), "text": text}
        case Removed(path):
            return {"remove": str(path)}
        case Run(argv, why):
            return {"run": list(argv), "why": why}
