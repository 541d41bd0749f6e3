"""A restore that has not ended, at the command line: which one goes on, and a person's word that it is over."""

from __future__ import annotations

from reconciler.cli.layout import say
from reconciler.core.events import RestoreGivenUp
from reconciler.drivers.snapshots.shelf import Shelf
from reconciler.errors import UsageError
from reconciler.session import Session, actor


def the_same(environment: str, begun: str, wanted: str) -> None:
    """Raises UsageError for another one than the one that has not ended: it may hold other folders."""
    if wanted != begun:
        raise UsageError(
            f"restore {environment}: that of {begun} was begun and has not ended; leave out --snapshot, which does it "
            "again; or, if this one is to be there instead: --force --reason WHY"
        )


def settle(config: str | None, name: str, reason: str, alone: bool) -> int:
    """On record that somebody has seen to the data. Raises UsageError where there is nothing to end, and Refused while
    somebody restores at this very moment."""
    if not alone or not reason.strip():
        raise UsageError(f"restore {name} --settled says that the data were put right: add --reason WHY, and no more")
    with Session.open(config) as session:
        session.chosen((name,))
        with Shelf(session.configuration.snapshots_dir / name).held():
            begun = session.state(name).restoring
            if begun is None:
                raise UsageError(f"restore {name}: none was begun that has not ended")
            session.journal.append(name, RestoreGivenUp(begun.name, begun.digest, reason), actor=actor())
            session.journal.wake(name)
    say(f"{name}: the restore of {begun.name} is over, by your word; what runs on these data may start again")
    return 0
