"""What is remembered of the data: what was made of them, or may have been, and which release they have left behind.

One law: from when a migration that the old version does not work with was run, or may have been, that version counts as
left behind, whatever becomes of the transition, until the same check says that it is not applied, another release is
stable, or what the data were before is put back.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.events import Migrated, MigrationNoted, RestoreBegan
from reconciler.core.model import Migration
from reconciler.core.reading import MigrationStatus
from reconciler.core.state import Behind, State, Transition
from reconciler.core.steps import Migrate

REMEMBERED = 8  # migrations that one release was left behind by; more tell nothing new


def begun(state: State, act: Migrate) -> State:
    """The check was asked, and the command perhaps run. One that was begun before, and whose end nobody has seen, may
    have gone all the way."""
    t = state.transition
    if t is None:
        return state
    state = _left(state, t, t.unseen) if t.unseen else state
    assert state.transition
    t = replace(state.transition, begun=True, up=False, ran=t.ran or t.unseen is not None)
    return replace(state, transition=t if act.only_ask else replace(t, unseen=act.migration))


def noted(state: State, t: Transition, event: MigrationNoted) -> State:
    """What was seen of it counts, whatever git asks for since."""
    unseen = t.unseen if event.status is MigrationStatus.RUNNING else None
    t = replace(t, noted=event, unseen=unseen)
    if event.status is MigrationStatus.FAILED:
        return _as_it_was(state, t, event.migration)
    if not event.ran:
        return replace(state, transition=t)
    return _left(state, replace(t, ran=True), event.migration)


def migrated(state: State, t: Transition, event: Migrated) -> State:
    """Its data is ready: what comes now is measured from now on."""
    t = replace(t, migrated=True, one_way=event.one_way)
    t = t if t.going_back else replace(t, opened=state.watched, since=state.watched)
    known = not event.one_way or not state.bears(t.stable)
    return replace(state, transition=t) if known else _behind(state, t, event.migration)


def _left(state: State, t: Transition, migration: Migration | None) -> State:
    """This was run, or may have been."""
    if migration is None or migration.old_version_works:
        return replace(state, transition=t)
    return _behind(state, t, migration)


def _behind(state: State, t: Transition, migration: Migration | None) -> State:
    here = Behind(t.stable, t.newcomer.version, migration.check if migration else "")
    others = tuple(behind for behind in state.behind if behind != here)
    return replace(state, behind=(*others[1 - REMEMBERED :], here), transition=replace(t, one_way=True))


def _as_it_was(state: State, t: Transition, migration: Migration | None) -> State:
    """Its check says that it is not applied: by this one nothing was left behind."""
    check = migration.check if migration else ""
    left = tuple(behind for behind in state.behind if (behind.version, behind.check) != (t.newcomer.version, check))
    state = replace(state, behind=left)
    return replace(state, transition=replace(t, ran=False, one_way=not state.bears(t.stable)))


def restoring(state: State, event: RestoreBegan) -> State:
    """Until it has ended nobody knows what the data are. What one before it has kept is still there: it is kept since
    the first. Earlier versions, which wrote no stamp, said no more of one that was refused: theirs are all over."""
    if not event.stamp:
        return state
    first = state.restoring.stamp if state.restoring else event.stamp
    return replace(state, restoring=replace(event, stamp=first))


def restored(state: State, version: str) -> State:
    """The data are as they were before a transition to this version: by what was made of them for it, nothing is left
    behind any more. In the midst of one nobody knows."""
    state = replace(state, restoring=None)
    if state.transition:
        return state
    return replace(state, behind=tuple(behind for behind in state.behind if behind.version != version))


def what_became(t: Transition) -> str:
    """What is to be said of the data when a transition did not succeed; empty when they are as they were."""
    done = t.noted is not None and t.noted.status in (MigrationStatus.APPLIED, MigrationStatus.FAILED)
    if t.begun and not (t.migrated or (done and t.unseen is None)):
        doubt = f", and {t.stable} may not work with them" if t.one_way else ""
        return f"; whether its data were migrated is not known{doubt}"
    return f"; its data stay migrated, and {t.stable} does not work with them" if t.one_way else ""
