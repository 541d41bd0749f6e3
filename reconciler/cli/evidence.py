"""`reconcile evidence`: the packs that transitions left behind: which there are, what they prove, whether they hold."""

from __future__ import annotations

import json
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import click

from reconciler.cli.layout import on_terminal, paint, say, table
from reconciler.clock import SYSTEM
from reconciler.configuration import load
from reconciler.core.conditions import BLOCKED, ERROR, IN_SYNC
from reconciler.errors import EvidenceBroken, EvidenceForeign, InvalidConfiguration, UsageError
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.archive import export, opened
from reconciler.evidence.pack.place import MANIFEST, Pack, packs
from reconciler.evidence.pack.sealing import Seals
from reconciler.evidence.pack.verify import Finding, Verified, verify
from reconciler.journal.sqlite import open_journal
from reconciler.spelling import unknown

REPORT = "report.html"
FRESH = 3600.0  # seconds: what nobody has written into for so long is not under way
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
        if not report.is_file():
            raise EvidenceBroken(f"{report}: it is not there: the pack is unfinished, or it was changed")
        checked = verify(pack)
        if Path(which).is_file() and Path(which).name != MANIFEST:  # what was unpacked is gone before anybody sees it
            kept = Path(mkdtemp(prefix="report-")) / REPORT
            report = Path(shutil.copyfile(report, kept))
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
@click.option("--journal", "url", metavar="URL", help="Compare with this one, too. [ours, for packs in their place]")
@_output
@click.pass_obj
def verify_(config: str | None, which: tuple[str, ...], url: str | None, output: str) -> int:
    """Recompute digests, chain, figures and verdict from the raw records, with nothing but the pack. Where the journal
    is at hand, it is asked whether this is the pack that was finished then.

    Without WHICH, every pack there is. Exit code 1 when anything is not what was written, or does not follow; 3 when
    nothing of that is so, and a part was written by another version, which this one cannot check, or the journal cannot
    be read. A transition that is under way has no finished pack yet: it is told, and is wrong only where it was named.
    """
    results: list[tuple[Pack, Verified]] = []
    for one in which or (str(load(Path(config) if config else None).evidence_path),):
        results += _checked(config, one, url)
    if output == "json":
        say(json.dumps({"packs": [_as_json(pack, checked) for pack, checked in results]}))
    else:
        for pack, checked in results:
            _say_verified(pack, checked)
    if any(checked.findings for _, checked in results):
        return ERROR
    return BLOCKED if any(checked.unchecked for _, checked in results) else IN_SYNC


def _checked(config: str | None, which: str, url: str | None) -> list[tuple[Pack, Verified]]:
    try:
        with _packs(config, which, latest=False) as found:
            alone = len(found) == 1 and found[0].transition in (which, Path(which).absolute().name)
            with _seals(config, found[-1], url) as seals:
                return [
                    (pack, _under_way(pack) if not alone and is_fresh(pack) else verify(pack, seals)) for pack in found
                ]
    except EvidenceBroken as error:  # a zip file of which nothing can be told but that
        return [(Pack(Path(which).absolute()), Verified((Finding(Path(which).name, _without(which, error)),)))]


@contextmanager
def _seals(config: str | None, pack: Pack, url: str | None) -> Iterator[Seals | None]:
    """Of the journal that was named, else of ours."""
    if (url := url or _ours(config, pack)) is None:
        yield None
        return
    with closing(open_journal(url, read_only=True)) as journal:
        yield Seals(journal)


def _ours(config: str | None, pack: Pack) -> str | None:
    """Our journal, for a pack that lies where ours do."""
    try:
        found = load(Path(config) if config else None)
    except InvalidConfiguration:
        return None  # an auditor has none, and whatever lies about here is not his
    return found.journal_url if pack.folder.absolute().is_relative_to(found.evidence_path.absolute()) else None


def _under_way(pack: Pack) -> Verified:
    return Verified((), (f"{pack.transition} is not finished yet",))


def is_fresh(pack: Pack) -> bool:
    """Unfinished, and somebody writes into it: once a second while a transition is under way."""
    if pack.finished:
        return False
    try:
        written = max((path.lstat().st_mtime for path in pack.folder.iterdir()), default=0.0)
    except FileNotFoundError:
        return True  # it was renamed a moment ago, as whoever writes does
    return SYSTEM.now().timestamp() - written < FRESH


def _without(which: str, error: EvidenceBroken) -> str:
    return str(error).removeprefix(f"{which}: ")


@contextmanager
def _packs(config: str | None, which: str, *, latest: bool = True) -> Iterator[list[Pack]]:
    """What a word on the command line means, oldest first. `latest`: an unfinished pack is none, unless it is named."""
    path = Path(which)
    if path.is_file() and path.name != MANIFEST:
        with opened(path) as found:
            yield [found]
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
    except EvidenceForeign:
        found = {"outcome": "in another format", "zero_downtime": ""}
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
    proof = checked.body["verdict"]["zero_downtime"] if checked.body else ""
    shown = f"zero downtime: {paint(proof, COLOURS.get(proof))}"
    if checked.findings:
        say(f"{pack.transition}: {paint('it does not hold', 'red')}", *(f"  {one}" for one in checked.findings))
    elif checked.unchecked:
        said = f"{paint('nothing contradicts it, and not all of it could be checked', 'yellow')}"
        say(f"{pack.transition}: {said}{f'; {shown}' if proof else ''}")
    elif checked.body:
        say(f"{pack.transition}: it holds; {shown}")
    say(*(f"  {one}" for one in checked.unchecked))
    for note in checked.notes:
        click.echo(f"  {note}", file=sys.stderr)


def _as_json(pack: Pack, checked: Verified) -> dict[str, Any]:
    findings = [{"file": one.file, "what": one.what} for one in checked.findings]
    told = {**_told(pack), "holds": checked.holds and checked.body is not None, "findings": findings}
    return {**told, "unchecked": list(checked.unchecked), "notes": list(checked.notes)}
