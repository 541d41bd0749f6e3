"""`reconcile restore`: which recovery points there are, and one of them put back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from reconciler.cli.layout import say
from reconciler.cli.look import Look, look
from reconciler.cli.unfinished import settle, the_same
from reconciler.configuration import Configuration
from reconciler.core.diff import standing
from reconciler.core.events import RestoreBegan, Restored, RestoreGivenUp, SnapshotTaken
from reconciler.core.model import Slot
from reconciler.core.reading import MemberStatus
from reconciler.drivers.snapshots.reading import Archive, digest_of
from reconciler.drivers.snapshots.restoring import Halfway, InPlace, beside
from reconciler.drivers.snapshots.shelf import ENDING, Shelf
from reconciler.drivers.snapshots.taking import summary
from reconciler.drivers.snapshots.watch import Watch
from reconciler.errors import Refused, UsageError
from reconciler.session import Session, actor
from reconciler.spelling import unknown
from reconciler.wording import size

DECLINED = 1
WHERE = "say where: --into FOLDER puts it into a folder of its own; --in-place puts it back into its place"


@click.command("restore")
@click.argument("environment")
@click.option("--list", "list_", is_flag=True, help="Only say which there are.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="With --list.")
@click.option(
    "--snapshot",
    metavar="NAME",
    help="Which one: its name, or its transition (default: the latest, but none of a drill).",
)
@click.option("--into", type=click.Path(path_type=Path), help="Put it into this folder, which is not there yet.")
@click.option("--in-place", is_flag=True, help="Put it back into its place; what is there is kept beside it.")
@click.option("--yes", is_flag=True, help="With --in-place: do not ask.")
@click.option("--force", is_flag=True, help="With --in-place: although something runs, or a transition is under way.")
@click.option("--settled", is_flag=True, help="One that did not end is over: somebody has put the data right by hand.")
@click.option("--reason", "-m", default="", help="Why; goes into the journal. --force and --settled need it.")
@click.pass_obj
def command(
    config: str | None,
    environment: str,
    list_: bool,
    output: str,
    snapshot: str | None,
    into: Path | None,
    in_place: bool,
    yes: bool,
    force: bool,
    settled: bool,
    reason: str,
) -> int:
    """Put a recovery point back, after every byte of it was verified: into a folder of its own, or into its place.

    In place it needs an environment that is down: nobody may write to what is put back. What was there is renamed and
    stays beside it; a dump is loaded by the command that the operator's file names for it. One that is killed in the
    midst of it is on record: nothing starts on these data until it was done again, or is --settled.
    """
    if settled:
        return settle(config, environment, reason, into is None and not in_place)
    with Session.open(config, read_only=True) as session:
        session.chosen((environment,))
        shelf = Shelf(session.configuration.snapshots_dir / environment)
        if list_:
            return _listed(shelf, output)
        _sensible(into, in_place, force, reason)
        begun = session.state(environment).restoring if in_place else None
        path = shelf.folder / _chosen(shelf, environment, snapshot or (begun.name if begun else None))
        if begun and not force:
            the_same(environment, begun.name, path.name)
        digest = _verified(session, environment, path)
        if in_place and not force:
            _at_rest(look(session, environment), session)
    if into:
        with Archive(path) as archive:
            beside(archive, into, Watch().check)
        say(f"{environment}: recovery point {path.name} is in {into}")
        return 0
    return _in_place(config, environment, path, digest, yes=yes, reason=reason)


# ---- which -----------------------------------------------------------------------------------------------------------


def _listed(shelf: Shelf, output: str) -> int:
    found = [_about(shelf.folder / name) for name in shelf.names()]
    if output == "json":
        say(json.dumps(found))
    elif found:
        say(*(f"{one['name']}  {one['taken']}  {size(one['size'])}  {one['holds']}" for one in found))
        say(f"in {shelf.folder}; one of them is put back by: reconcile restore {shelf.folder.name} --snapshot NAME")
    else:
        say(f"there is none in {shelf.folder}: a manifest's `snapshot` has one taken before each transition")
    return 0


def _about(path: Path) -> dict[str, Any]:
    """By what it says of itself; nothing of it is verified."""
    found: dict[str, Any] = {"name": path.name, "path": str(path), "size": path.stat().st_size}
    try:
        with Archive(path) as archive:
            return {**asdict(archive.manifest), **found, "holds": summary(archive)}
    except Refused as error:
        return {**found, "taken": "", "drill": "", "holds": f"damaged: {error}"}


def _chosen(shelf: Shelf, environment: str, wanted: str | None) -> str:
    """Raises UsageError."""
    names = shelf.names()
    if not names:
        raise UsageError(f"restore {environment}: there is no recovery point in {shelf.folder}")
    if wanted is None:
        earnest = next((name for name in names if not shelf.drill(name)), None)
        if earnest is None:
            only = f"the only one is of a drill: to put that back: --snapshot {names[0].removesuffix(ENDING)}"
            raise UsageError(f"restore {environment}: {only}")
        return earnest
    fit = [name for name in names if wanted in (name, name.removesuffix(ENDING), _transition(name))]
    if not fit:
        raise UsageError(unknown("recovery point", wanted, names))
    return fit[0]


def _transition(name: str) -> str:
    return name.removesuffix(ENDING).partition("-")[2].partition("-")[2]


def _verified(session: Session, environment: str, path: Path) -> str:
    """Its SHA-256. Raises Refused for one that is damaged, another environment's, or not the one on record."""
    check = Watch().check
    with Archive(path) as archive:
        if archive.manifest.environment != environment:
            raise Refused(f"recovery point {path.name} is one of '{archive.manifest.environment}'")
        archive.verify(check)
        say(f"{path.name}: {summary(archive)}; verified")
    digest = digest_of(path, check)
    known = {event.digest for event in _taken(session, environment) if event.name == path.name}
    if known and digest not in known:
        raise Refused(f"recovery point {path.name} is not the one that the journal knows: its SHA-256 is another")
    if not known:
        click.echo("the journal does not know it, so nothing vouches for it but its own list of digests", err=True)
    return digest


def _taken(session: Session, environment: str) -> Iterable[SnapshotTaken]:
    events = (entry.event for entry in session.journal.entries(environment))
    return (event for event in events if isinstance(event, SnapshotTaken))


# ---- may it be -------------------------------------------------------------------------------------------------------


def _sensible(into: Path | None, in_place: bool, force: bool, reason: str) -> None:
    """Raises UsageError for options that do not go together."""
    if (into is None) == (not in_place):
        raise UsageError(f"{WHERE}; --list says which there are" if into is None else f"one of them only: {WHERE}")
    if force and not in_place:
        raise UsageError("--force is about --in-place: into a folder of its own it can always be put")
    if force and not reason.strip():
        raise UsageError("--force puts data back under what may be writing to them: say why with --reason")


def _at_rest(found: Look, session: Session) -> None:
    """Raises UsageError while somebody may write to what would be put back."""
    name, t = found.name, found.state.transition
    anyway = "or, if you know that nobody writes to these data: --force --reason WHY"
    if t:
        way = f"wait for its end, or: reconcile abort {name}"
        raise UsageError(f"restore {name}: transition {t.id} is under way; {way}; {anyway}")
    down = f"reconcile down {name}; after the restore: reconcile resume {name}"
    spec = standing(session.desired(name, found.state), found.state).spec
    alive = _alive(found, [member.name for member in spec.members] if spec else [])
    if alive:
        raise UsageError(f"restore {name}: {', '.join(alive)}; first: {down}; {anyway}")
    if session.journal.attended() and not (found.state.down or found.state.suspended or found.state.restoring):
        raise UsageError(f"restore {name}: a loop works on it and would start it meanwhile; first: {down}; {anyway}")


def _alive(found: Look, members: list[str]) -> list[str]:
    """What runs, or may."""
    if found.observed is None or not members:
        return [f"whether anything of it runs cannot be read{f': {found.error}' if found.error else ''}"]
    both = ((slot, name, one) for slot in Slot for name, one in zip(members, found.observed.members[slot], strict=True))
    return [f"{name} in {slot} is {one.status}" for slot, name, one in both if one.status is not MemberStatus.STOPPED]


# ---- done ------------------------------------------------------------------------------------------------------------


def _in_place(config: str | None, name: str, path: Path, digest: str, *, yes: bool, reason: str) -> int:
    """On record before anything is moved, and afterwards. Raises Refused."""
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"restore {name} replaces what is there: add --yes where nobody can be asked")
    if not yes and not click.confirm(f"Put {path.name} back into its place? What is there is kept beside it"):
        say("nothing was done")
        return DECLINED
    with Session.open(config) as session, Shelf(path.parent).held(), Archive(path) as archive:
        stamp, before = f"{session.clock.now():%Y%m%d-%H%M%S}", session.state(name).restoring
        work = replace(_work(session.configuration, archive, stamp), since=before.stamp if before else "")
        session.journal.append(name, RestoreBegan(path.name, digest, reason, stamp), actor=actor())
        try:
            done = work.run(archive, Watch().check)
        except Refused as error:
            if isinstance(error, Halfway) or before:
                click.echo(f"nothing starts on these data until that has ended: reconcile status {name}", err=True)
            else:
                untouched = f"nothing of the data was touched: {error}"
                session.journal.append(name, RestoreGivenUp(path.name, digest, untouched), actor=actor())
            raise
        session.journal.append(name, Restored(path.name, digest, done, archive.manifest.label), actor=actor())
        session.journal.wake(name)
    say(f"{name}: {done}")
    say(f"if the release from before is to serve these data again: reconcile rollback {name}")
    say(f"then: reconcile resume {name}")
    return 0


def _work(configuration: Configuration, archive: Archive, stamp: str) -> InPlace:
    """Raises InvalidConfiguration for a name that the operator's file does not have any more."""
    said = archive.manifest
    folders = {name: configuration.named("folders", name) for name in said.folders}
    loads = configuration.snapshots.restore.get(said.command)
    load = configuration.named("commands", loads) if loads else None
    return InPlace(folders, load, archive.path.parent, stamp)
