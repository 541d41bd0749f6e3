"""`reconcile demo`: the whole road on real parts, in a folder of its own, watched live and counted at the end."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli.screen import console
from reconciler.core.events import Phase
from reconciler.demo.place import SESSIONS, Place, build
from reconciler.demo.processes import Processes, tear_down
from reconciler.demo.proof import Proof, proofs
from reconciler.demo.screen import Screen
from reconciler.demo.story import Account, Story

ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave everything running, to play with.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=False), help="Where (default: a temporary folder).")
def command(keep: bool, output: str, folder: Path | None) -> int:
    """Watch a commit switch the slot without losing a request, and a bad version come back by itself.

    Needs no root and no network. Takes under a minute, stops everything it started, and keeps journal and logs.
    """
    for number in ENDS:  # a closed terminal ends it as Ctrl-C does: nothing stays behind
        signal.signal(number, signal.default_int_handler)
    place = build(folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="reconcile-demo-")) / "demo")
    processes, screen = Processes(place), Screen(console())
    try:
        with screen:
            found = Story(place, processes, screen).tell()
    except KeyboardInterrupt:
        _stop_everything(place, processes)
        screen.keep()
        click.echo("demo interrupted; everything that it started has been stopped", err=True)
        click.echo(f"its folder, with journal and logs, is {place.root}; remove it when you like", err=True)
        return 130
    except BaseException:
        _stop_everything(place, processes)
        raise
    if not keep:
        _stop_everything(place, processes)
    screen.keep()
    found = replace(found, packs=proofs(place))
    _show(found, place, keep)
    if output == "json":
        click.echo(found.as_json())
    return 0 if found.kept_its_word else 1


def _stop_everything(place: Place, processes: Processes) -> None:
    """Not to be interrupted: a second Ctrl-C would leave processes behind."""
    before = [signal.signal(number, signal.SIG_IGN) for number in ENDS]
    try:
        processes.stop_users()
        processes.stop_loop()
        tear_down(place)
    finally:
        for number, handler in zip(ENDS, before, strict=True):
            signal.signal(number, handler)


def _show(found: Account, place: Place, keep: bool) -> None:
    from rich.table import Table

    out = console()
    table = Table("phase", "sent", "= ok", "+ failed", "+ unknown", box=None, padding=(0, 3, 0, 0))
    phases = {"before": found.quiet, "good switch": found.good, "bad switch": found.bad, "subtly bad": found.subtle}
    for name, totals in phases.items():
        table.add_row(name, *(str(number) for number in (totals.sent, totals.ok, totals.failed, totals.unknown)))
    out.print("\n[bold]What the users saw[/]")
    out.print(table)
    jobs, files = found.jobs, found.files
    lines = (
        f"jobs: {jobs.once} done once, {jobs.lost} lost, {jobs.twice} twice; two owners at once: {found.two_owners}",
        f"files for the sync: {files.once} copied once, {files.lost} lost, {files.stale} stale",
        f"sessions that were opened before the good switch: {found.sessions_kept} of {SESSIONS} kept id and content",
        f"from `git commit` being typed to the first answer of the new slot: {_ms(found.commit_to_traffic_ms)}",
        _bad(found),
        f"the bad version was {'rolled back, and is held' if found.rolled_back else 'NOT ROLLED BACK'}",
        f"the subtly bad one {'too' if found.subtle_rolled_back else 'WAS NOT'}: {found.evidence}",
        *(found.breaches or ("journal and access log, judged together: every law held",)),
        f"the journal lies in {found.journal}",
        *(_proof(one) for one in found.packs),
        f"all of it lies in {place.root}; remove that folder when you like",
    )
    for line in lines:
        out.print(line, highlight=False)
    _next(found, place, keep)


def _proof(one: Proof) -> str:
    """Of one transition's evidence, checked again from its raw files."""
    if one.findings:
        return f"the evidence of {one.transition} DOES NOT HOLD: {one.findings[0]}"
    return f"evidence of {one.transition}, {one.outcome}: zero downtime {one.zero_downtime}; {one.path}"


def _report(one: Proof) -> str:
    if one.outcome == Phase.SUCCEEDED:
        return "the report of the good switch, for your management"
    return "that of the bad version: what its users met, and for how long"


def _bad(found: Account) -> str:
    if not found.bad.failed:
        return "no user got a bad answer: the probes by the forced road saw it first"
    return f"bad answers that users got: {found.bad.failed}; from the first to the last: {_ms(found.bad_to_safe_ms)}"


def _ms(value: float | None) -> str:
    return f"{value:.1f} ms" if value is not None else "not seen"


def _next(found: Account, place: Place, keep: bool) -> None:
    """Lines that can be pasted as they are."""
    out = console()
    program = _typed(sys.argv[0], os.environ.get("PATH", ""))
    config = f"{program} --config {shlex.quote(str(place.config))}"
    looks = (
        f"{config} history demo       # every decision and step, from the journal",
        *(f"{config} evidence open {one.transition}   # {_report(one)}" for one in found.packs[:2]),
        f"{config} history --verify   # the journal's hash chain, and git's notes of it",
        f"git -C {shlex.quote(str(place.repository))} log --notes=reconciler   # what became of every commit",
    )
    afresh = (
        f"{program} demo --keep   # the same, left running to play with",
        f"{program} init my-site  # an environment of your own",
    )
    kept = (
        f"curl {place.url}",
        f"{config} status --watch     # and edit {place.repository / 'environments' / 'demo.yaml'}, git commit",
        f"{config} down demo --yes    # stops gateway and slots; then the loop:",
        f"kill $(cat {shlex.quote(str(place.root / 'run.pid'))})",
    )
    out.print("\n[bold]What to try next[/]")
    for line in (*looks, *(kept if keep else afresh)):
        out.print(f"  {line}", highlight=False, markup=False)


def _typed(program: str, path: str) -> str:
    """How this program is typed here: by its name where the shell finds it, else by its place."""
    found = shutil.which("reconcile", path=path)
    if found and Path(found).resolve() == Path(program).resolve():
        return "reconcile"
    return shlex.quote(program) if Path(program).name == "reconcile" else "reconcile"
