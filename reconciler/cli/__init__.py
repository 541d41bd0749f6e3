"""What a person types. One file per command; nothing here decides anything."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from types import ModuleType
from typing import Any

import click

from reconciler.errors import ReconcilerError, UsageError

COMMANDS = {
    "init": "Write a first environment into a git repository.",
    "validate": "Every error in every manifest, all at once.",
    "doctor": "Everything that must be there, and what mends it.",
    "switch": "Make the other slot active: edit, preview, commit.",
    "pin": "Pin a version in a slot: edit, preview, commit.",
    "run": "The loop: keep every environment as git says.",
    "service": "The loop as a service of this machine.",
    "status": "Where every environment stands, why, and what to type next.",
    "diff": "What the world is, against what it should be.",
    "history": "Every decision and step, from the journal.",
    "evidence": "What every switch left behind, and whether it holds.",
    "kpi": "Downtime, failed requests, rollbacks: by month, from the journal.",
    "gates": "Ask an environment's gates now; changes nothing.",
    "alerts": "Who is told what, what is pending; try one.",
    "logs": "Warnings by their cause; where the log goes.",
    "gateway": "What a gateway of your own needs.",
    "approve": "Review the stage that waits, and agree to it.",
    "reject": "Review the stage that waits, and say no.",
    "promote": "Go on where the strategy waits for a person.",
    "pause": "Take no further step forward; rollback still works.",
    "resume": "Go on after pause, suspend, down, or a hold.",
    "abort": "Stop the transition and go back to stable.",
    "retry": "Try again what is held.",
    "rollback": "One fast step back, also after success.",
    "drill": "Rehearse the switch with the version that serves.",
    "suspend": "Touch nothing at all, until resume.",
    "adopt": "Say which slot is good, where nobody else can know.",
    "handover": "Say that an owner which cannot be read has stopped.",
    "down": "Stop an environment: its gateway, then both slots.",
    "restore": "Put a recovery point back, into its place or beside it.",
    "demo": "Watch it work, in a folder of its own.",
}


class Lazy(click.Group):
    """Loads a command's module, and all that it imports, only when that command is typed; the list needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        return _loaded(name).command if name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            from reconciler.spelling import unknown

            if ctx.params.get("once"):
                raise UsageError(f"behind --once stands no name; for one environment: reconcile --once -e {args[0]}")
            raise UsageError(f"{unknown('command', args[0], COMMANDS)} (reconcile --help lists them)")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _loaded(name: str) -> ModuleType:
    """What an import makes stays: looking through all of it for garbage, again and again, is a seventh of a start."""
    swept = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(f"reconciler.cli.{name}")
    finally:
        if swept:
            gc.enable()


@click.group(cls=Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", metavar="FILE", help="The operator's file (default: RECONCILER_CONFIG, ./reconciler.toml, ...)."
)
@click.option("--once", is_flag=True, help="Preview: what differs and every step that would be taken. Writes nothing.")
@click.option("--apply", is_flag=True, help="With --once: do it, to the end of the transition, and exit.")
@click.option("--branch", metavar="NAME", help="With --once: preview this branch, before it is merged.")
@click.option("--worktree", is_flag=True, help="With --once: preview the files as they lie there, before a commit.")
@click.option("--what-if", metavar="WEIGHT:OUTCOME", help="With --once: suppose the gates say so there, e.g. 50:fail.")
@click.option("--environment", "-e", multiple=True, metavar="ENV", help="With --once: only these (default: all).")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="With --once: exit 2 when there are changes.")
@click.version_option(package_name="slot-reconciler", prog_name="reconcile")
@click.pass_context
def cli(ctx: click.Context, /, config: str | None, **options: Any) -> None:
    """Blue/green slots, declared in git: commit the active slot, and traffic moves there in safe steps.

    \b
    Begin with:  reconcile demo            watch it work
                 reconcile init my-site    a first environment of your own
                 reconcile --once          what would be done, step by step
                 reconcile run             do it, and go on doing it
                 reconcile switch          ask for the other slot, in one commit
                 reconcile status          where every environment stands, and what to type next
    """
    ctx.obj = config
    _in_place(ctx)
    if ctx.invoked_subcommand:
        return
    if not options["once"]:
        click.echo(ctx.get_help())
        return
    once = _loaded("once").once
    ctx.exit(once(config, **{key: value for key, value in options.items() if key != "once"}))


def _in_place(ctx: click.Context) -> None:
    """Raises UsageError for an option of the preview where there is none: ignored, it would mislead."""
    typed = click.core.ParameterSource.COMMANDLINE
    given = [name for name in ctx.params if name != "config" and ctx.get_parameter_source(name) is typed]
    for option in (f"--{name.replace('_', '-')}" for name in given):
        if command := ctx.invoked_subcommand:
            raise UsageError(f"{option} stands before the command {command}: it belongs after it, or nowhere")
        if "once" not in given:
            raise UsageError(f"{option} needs --once: reconcile --once {option}")


def main() -> None:
    """The console script. Errors are one message on stderr and an exit code; a traceback only when asked for."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        click.echo("interrupted; gateway and slots run on as they are", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> int:
    try:
        result = cli(standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return 64
    except UsageError as error:
        return _say(error, 64)
    except ReconcilerError as error:
        return _say(error, 1)
    except Exception as error:
        if os.environ.get("RECONCILER_DEBUG"):
            traceback.print_exc()
        return _say(f"{type(error).__name__}: {error} (a defect; RECONCILER_DEBUG=1 shows where)", 1)


def _say(error: Exception | str, code: int) -> int:
    click.echo(f"error: {error}", err=True)
    return code
