"""`reconcile evidence`: the packs that transitions left behind: which there are, what they prove, whether they hold."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reconciler.cli.layout import on_terminal, paint, say, table
from reconciler.configuration import load
from reconciler.core.conditions import ERROR, IN_SYNC
from reconciler.errors import EvidenceBroken, UsageError
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.archive import export, opened
from reconciler.evidence.pack.place import MANIFEST, Pack, packs
from reconciler.evidence.pack.verify import Verified, verify
from reconciler.spelling import unknown

REPORT = "report.html"
COLOURS = {"Proved": "green", "NotProved": "yellow", "Refuted": "red"}
_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("evidence")
def command() -> None:
    """What every transition left behind, to prove that it cost no user anything.

    WHICH is an environment (its latest pack), a transition's id, or a path to a pack's folder, to a folder of packs, or
    to a zip file that `export` wrote. What is checked needs nothing but the pack.
    """


@command.command("list")
@click.argument("environment", required=False)
@_output
@click.pass_obj
def list_(config: str | None, environment: str | None, output: str) -> int:
    """Every pack: how its transition ended, and what it proves."""
    root = load(Path(config) if config else None).evidence_path
    found = list(packs(root, environment))
    if environment and not found:
        raise UsageError(unknown("environment with evidence", environment, {one.environment for one in packs(root)}))
    told = [_told(one) for one in found]
    if output == "json":
        say(json.dumps({"folder": str(root), "packs": told}))
    elif told:
        rows = ([one["environment"], one["transition"], _ended(one), one["zeroDowntime"]] for one in told)
        say(*table(("environment", "transition", "ended", "zero downtime"), rows))
    else:
        say(f"no evidence yet: every transition leaves a pack in {root}")
    return IN_SYNC


@command.command("show")
@click.argument("which")
@_output
@click.pass_obj
def show(config: str | None, which: str, output: str) -> int:
    """What one pack says: its verdict, why, and its files. It is not checked here: see verify."""
    with _packs(config, which) as found:
        pack = found[-1]
        body = manifest.read(pack)
        say(*([json.dumps(body)] if output == "json" else _lines(pack, body)))
    return IN_SYNC


@command.command("open")
@click.argument("which")
@click.pass_obj
def open_(config: str | None, which: str) -> int:
    """Show the report in the browser; without a screen, say where it lies. The pack is checked first: exit code 1, and
    what is wrong, where it does not hold; it is shown all the same."""
    with _packs(config, which) as found:
        pack = found[-1]
        report = pack.file(REPORT)
        if not report.exists():
            raise EvidenceBroken(f"{report}: it is not there: the pack is unfinished, or it was changed")
        checked = verify(pack)
    _say_verified(pack, checked)
    if not (on_terminal() and webbrowser.open(report.absolute().as_uri())):
        say(f"no browser here; the report is at {report}: copy it to a machine that has one")
    return ERROR if checked.findings else IN_SYNC


@command.command("export")
@click.argument("which")
@click.option("--to", metavar="FILE", type=click.Path(path_type=Path), help="The zip file to write. [ID.zip, here]")
@click.pass_obj
def export_(config: str | None, which: str, to: Path | None) -> int:
    """One pack as one zip file, for an auditor. It is checked first; one that does not hold is not exported."""
    with _packs(config, which) as found:
        pack = found[-1]
        checked = verify(pack)
        _say_verified(pack, checked)
        if checked.findings:
            return ERROR
        target = to or Path(f"{pack.environment}-{pack.transition}.zip")
        export(pack, target)
    say(f"written: {target}; whoever has it checks it with: reconcile evidence verify {target}")
    return IN_SYNC


@command.command("verify")
@click.argument("which", nargs=-1)
@_output
@click.pass_obj
def verify_(config: str | None, which: tuple[str, ...], output: str) -> int:
    """Recompute digests, chain, figures and verdict from the raw records, with nothing but the pack.

    Without WHICH, every pack there is. Exit code 1 when anything is not what was written, or does not follow.
    """
    results: list[tuple[Pack, Verified]] = []
    for one in which or (str(load(Path(config) if config else None).evidence_path),):
        with _packs(config, one, latest=False) as found:
            results += [(pack, verify(pack)) for pack in found]
    if output == "json":
        say(json.dumps({"packs": [_as_json(pack, checked) for pack, checked in results]}))
    else:
        for pack, checked in results:
            _say_verified(pack, checked)
    return ERROR if any(checked.findings for _, checked in results) else IN_SYNC


@contextmanager
def _packs(config: str | None, which: str, *, latest: bool = True) -> Iterator[list[Pack]]:
    """What a word on the command line means, oldest first. `latest`: an unfinished pack is none, unless it is named."""
    path = Path(which)
    if path.is_file() and path.name != MANIFEST:
        with opened(path) as found:
            yield _some(found, which)
        return
    root = load(Path(config) if config else None).evidence_path if not path.exists() else path
    yield _some(_below(root, path, latest=latest), which)


def _below(root: Path, path: Path, *, latest: bool) -> list[Pack]:
    if path.exists():
        folder = (path.parent if path.is_file() else path).absolute()
        inside = [*packs(folder), *packs(folder.parent, folder.name)]
        return [one for one in inside if one.finished or not latest] or [Pack(folder)]
    known = list(packs(root))
    named = [one for one in known if one.transition == path.name]
    return named or [one for one in known if one.environment == path.name and (one.finished or not latest)]


def _some(found: list[Pack], which: str) -> list[Pack]:
    if not found:
        raise UsageError(
            f"'{which}' is no pack, and no environment or transition that has one; reconcile evidence list"
        )
    return found


def _told(pack: Pack) -> dict[str, Any]:
    told = {"environment": pack.environment, "transition": pack.transition, "path": str(pack.folder)}
    try:
        found = manifest.read(pack)["verdict"] if pack.finished else {"outcome": "unfinished", "zero_downtime": ""}
    except EvidenceBroken:
        found = {"outcome": "broken: see verify", "zero_downtime": ""}
    found = {"drill": "", **found}
    return {**told, "outcome": found["outcome"], "zeroDowntime": found["zero_downtime"], "drill": found["drill"]}


def _ended(verdict: dict[str, Any]) -> str:
    """How it ended; and that nobody had changed anything."""
    return f"{verdict['outcome']} (drill: {verdict['drill']})" if verdict.get("drill") else str(verdict["outcome"])


def _lines(pack: Pack, body: dict[str, Any]) -> list[str]:
    verdict = body["verdict"]
    proof = paint(verdict["zero_downtime"], COLOURS.get(verdict["zero_downtime"]))
    lines = [f"{paint(pack.environment, bold=True)}  {pack.transition}  {_ended(verdict)}  zero downtime: {proof}"]
    lines += [f"  {reason}" for reason in verdict["reasons"]]
    files = {**body["files"], MANIFEST: manifest.digest(pack.file(MANIFEST))}
    lines += [f"  {pack.folder}", *(f"    {name}  {each['bytes']:,} bytes" for name, each in files.items())]
    return lines


def _say_verified(pack: Pack, checked: Verified) -> None:
    if checked.findings:
        say(f"{pack.transition}: {paint('it does not hold', 'red')}", *(f"  {one}" for one in checked.findings))
    else:
        proof = checked.body["verdict"]["zero_downtime"] if checked.body else ""
        say(f"{pack.transition}: it holds; zero downtime: {paint(proof, COLOURS.get(proof))}")
    for note in checked.notes:
        click.echo(f"  {note}", file=sys.stderr)


def _as_json(pack: Pack, checked: Verified) -> dict[str, Any]:
    findings = [{"file": one.file, "what": one.what} for one in checked.findings]
    return {**_told(pack), "holds": not findings, "findings": findings, "notes": list(checked.notes)}
