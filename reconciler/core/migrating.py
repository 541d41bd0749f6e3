"""The rule of the migration: the newcomer's data is made ready before the newcomer starts, once, and proved.

A migration is not safe to repeat. So nothing here ever trusts what became of a command: the named check says whether it
was applied, before it is run and after, and where the check cannot tell, a person is asked.
"""

from __future__ import annotations

from reconciler.core.events import Migrated, StagePassed
from reconciler.core.gates import pending, verdict
from reconciler.core.model import Stage
from reconciler.core.reading import MigrationStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import Migrate, StageFiles


def migrate(s: Situation) -> Answer | None:
    """The newcomer's data is migrated before anything of it starts: asked, run if need be, and asked again."""
    t = s.transition
    if t is None or t.going_back or not pending(t):
        return None
    return _files(s, t) or _allowed(s, t) or _applied(s, t)


def _files(s: Situation, t: Transition) -> Do | None:
    """Missing files are found out before anything is changed for them."""
    slot, version = t.newcomer.slot, t.newcomer.version
    there = version in (s.state.files[slot], s.state.started[slot])
    return None if there else Do(StageFiles(slot, version), f"stage the files of {t.newcomer}")


def _allowed(s: Situation, t: Transition) -> Record | Wait | None:
    """What the gates before a migration say, on record before it begins."""
    if Stage.MIGRATE in t.passed:
        return None
    found = verdict(s.spec, t, s.observed.gates)
    if not found.good:
        return Wait(f"Gate{found.outcome}", found.reason)
    return Record(StagePassed(Stage.MIGRATE, found.reason))


def _applied(s: Situation, t: Transition) -> Answer:
    found = s.observed.migration
    act = Migrate(t.newcomer.slot, t.newcomer.version, t.id)
    if found.transition != t.id:
        return Do(act, f"migrate for {t.newcomer}")
    match found.status:
        case MigrationStatus.APPLIED:
            return Record(applied(s, t))
        case MigrationStatus.RUNNING:
            return Wait("Migrating", found.detail)
        case MigrationStatus.UNKNOWN if s.too_soon(act):
            message = f"{found.detail}; mend that, or: reconcile abort {s.spec.environment}"
            return Wait("MigrationUnknown", message, blocked=True, alert=True)
    return Do(act, f"migrate for {t.newcomer}")


def applied(s: Situation, t: Transition) -> Migrated:
    """What is said once the check says so. That stable does not work with the data any more is only true if they were
    made in this transition: by the command that we saw, or perhaps by one whose end nobody saw."""
    wanted, found = s.spec.migration, s.observed.migration
    ours = found.ran or t.migrations > 1
    return Migrated(t.newcomer.version, found.detail, ours and not (wanted and wanted.old_version_works))


def unfinished(s: Situation, t: Transition) -> Answer | None:
    """On the way back: a migration that still runs is waited for, and what it did is on record before the end."""
    found = s.observed.migration
    if not pending(t) or found.transition != t.id:
        return None
    if found.status is MigrationStatus.RUNNING:
        return Wait("Migrating", f"{found.detail}; users are on {t.stable} already", alert=True)
    return Record(applied(s, t)) if found.status is MigrationStatus.APPLIED else None
