"""`reconcile demo`: the whole road on real parts, in a folder of its own, watched live and counted at the end."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import click

from reconciler.cli.screen import console
from reconciler.demo.place import Place, build
from reconciler.demo.processes import Processes, tear_down
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
    processes = Processes(place)
    try:
        with Screen(console()) as screen:
            found = Story(place, processes, screen).tell()
    except KeyboardInterrupt:
        _stop_everything(place, processes)
        click.echo("demo interrupted; everything that it started has been stopped", err=True)
        return 130
    except BaseException:
        _stop_everything(place, processes)
        raise
    if not keep:
        _stop_everything(place, processes)
    screen.keep()
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
    for name, totals in (("before", found.quiet), ("good switch", found.good), ("bad switch", found.bad)):
        table.add_row(name, *(str(number) for number in (totals.sent, totals.ok, totals.failed, totals.unknown)))
    out.print("\n[bold]What the users saw[/]")
    out.print(table)
    jobs = found.jobs
    lines = (
        f"jobs: {jobs.once} done once, {jobs.lost} lost, {jobs.twice} twice; two owners at once: {found.two_owners}",
        f"from `git commit` being typed to the first answer of the new slot: {_ms(found.commit_to_traffic_ms)}",
        _bad(found),
        f"the bad version was {'rolled back, and is held' if found.rolled_back else 'NOT ROLLED BACK'}",
        *(found.breaches or ("journal and access log, judged together: every law held",)),
        f"the journal lies in {found.journal}",
    )
    for line in lines:
        out.print(line, highlight=False)
    _next(place, keep)


def _bad(found: Account) -> str:
    if not found.bad.failed:
        return "no user got a bad answer: the probes by the forced road saw it first"
    return f"bad answers that users got: {found.bad.failed}; from the first to the last: {_ms(found.bad_to_safe_ms)}"


def _ms(value: float | None) -> str:
    return f"{value:.1f} ms" if value is not None else "not seen"


def _next(place: Place, keep: bool) -> None:
    out = console()
    config = f"--config {place.config}"
    out.print("\n[bold]What to try next[/]")
    out.print(f"  reconcile {config} history demo     every decision and step, from the journal", highlight=False)
    out.print(f"  reconcile {config} history --verify the journal's hash chain", highlight=False)
    if not keep:
        out.print("  reconcile demo --keep     the same, left running to play with", highlight=False)
        out.print("  reconcile init            an environment of your own", highlight=False)
        return
    out.print(f"  open {place.url}", highlight=False)
    out.print(f"  reconcile {config} status", highlight=False)
    out.print(f"  edit {place.repository / 'environments' / 'demo.yaml'}, git commit, and watch:", highlight=False)
    out.print(f"  reconcile {config} status --watch", highlight=False)
    out.print(
        f"  reconcile {config} down demo --yes   stops gateway and slots; then stop `reconcile run`:", highlight=False
    )
    out.print(f"  kill $(cat {place.root / 'run.pid'})", highlight=False)
