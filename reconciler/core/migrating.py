"""The rule of the migration: the newcomer's data is made ready before the newcomer starts, once, and proved.

A migration is not safe to repeat. So nothing here ever trusts what became of a command: the named check says whether it
was applied, before it is run and after, and where the check cannot tell, a person is asked. What is found out about one
migration says nothing of another that git asks for since.
"""

from __future__ import annotations

from reconciler.core.events import Migrated, MigrationNoted, StagePassed
from reconciler.core.gates import pending, verdict
from reconciler.core.members import vacate
from reconciler.core.model import Stage
from reconciler.core.reading import MemberStatus, MigrationReading, MigrationStatus
from reconciler.core.situation import RUNNING, Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import Migrate, StageFiles, Stop


def note_migration(s: Situation) -> Answer | None:
    """Journal what is known of the migration when it changes, on the way back too: what was made of the data counts
    for whatever comes after."""
    t = s.transition
    found = about(s, t) if t else None
    if t is None or found is None or not pending(t):
        return None
    event = MigrationNoted(found.status, found.ran, found.detail, found.migration)
    ended = found.status is not MigrationStatus.RUNNING
    return Record(event) if t.noted != event or (ended and t.unseen) else None


def about(s: Situation, t: Transition) -> MigrationReading | None:
    """What can be read now of a migration that was begun in this transition."""
    found = s.observed.migration
    asked = found.transition == t.id and found.status is not MigrationStatus.UNASKED
    return found if asked else None


def answer(s: Situation, t: Transition) -> MigrationReading | None:
    """Likewise, if it is about the one that git asks for; where git asks for none any more, about the one that was
    begun."""
    found = about(s, t)
    return found if found and s.spec.migration in (None, found.migration) else None


def migrate(s: Situation) -> Answer | None:
    """The newcomer's data is migrated before anything of it runs: asked, run if need be, and asked again."""
    t = s.transition
    if t is None or t.going_back or not pending(t):
        return None
    return files(s, t) or allowed(s, t) or _applied(s, t)


def files(s: Situation, t: Transition) -> Do | None:
    """Missing files are found out before anything is changed for them."""
    slot, version = t.newcomer.slot, t.newcomer.version
    there = version in (s.state.files[slot], s.state.started[slot])
    return None if there else Do(StageFiles(slot, version), f"stage the files of {t.newcomer}")


def allowed(s: Situation, t: Transition) -> Record | Wait | None:
    """What the gates before a migration say, on record before it begins."""
    if Stage.MIGRATE in t.passed:
        return None
    found = verdict(s.spec, t, s.observed.gates)
    if not found.good:
        return Wait(f"Gate{found.outcome}", found.reason)
    return Record(StagePassed(Stage.MIGRATE, found.reason))


def _applied(s: Situation, t: Transition) -> Answer:
    under_way, found, wanted = about(s, t), answer(s, t), s.spec.migration
    if under_way and under_way.status is MigrationStatus.RUNNING:
        return said(s.spec.environment, under_way)
    if found and found.status is MigrationStatus.APPLIED:
        return Record(applied(s, t, found))
    if wanted is None:
        again = f"put `migrate` back, or: reconcile abort {s.spec.environment}"
        message = f"it was taken out of the manifest after it was begun, and what became of it is not known; {again}"
        return Wait("MigrationUnknown", message, blocked=True, alert=True)
    act = Migrate(t.newcomer.slot, t.newcomer.version, t.id, wanted)
    if found and found.status is MigrationStatus.UNKNOWN and s.too_soon(act):
        return said(s.spec.environment, found)
    return _empty(s, t) or Do(act, f"migrate for {t.newcomer}")


def _empty(s: Situation, t: Transition) -> Do | Wait | None:
    """What was staged, or is left of an earlier attempt, does not run on data that are being made ready for it."""
    slot, members = t.newcomer.slot, [member.name for member in s.spec.members]
    alive = tuple(name for name in members if s.status(slot, name) in RUNNING)
    if alive:
        return vacate(s, slot) or Do(Stop(slot, alive), f"the data of {t.newcomer} are migrated before it runs")
    unknown = [name for name in members if s.status(slot, name) is MemberStatus.UNKNOWN]
    return Wait("MemberUnknown", f"whether {unknown[0]} in {slot} runs cannot be read") if unknown else None


def applied(s: Situation, t: Transition, found: MigrationReading) -> Migrated:
    """What is said once the check says so. That stable does not work with the data is only true if they were made
    here: by a command that we saw, by one whose end nobody saw, or in an earlier transition."""
    wanted = s.spec.migration or found.migration
    ours = (found.ran or t.ran) and wanted is not None and not wanted.old_version_works
    return Migrated(t.newcomer.version, found.detail, t.one_way or ours, found.migration)


def said(environment: str, found: MigrationReading | MigrationNoted) -> Wait:
    """Of a migration that has not come to a clear end."""
    if found.status is MigrationStatus.RUNNING:
        return Wait("Migrating", found.detail)
    message = f"{found.detail}; mend that, or: reconcile abort {environment}"
    return Wait("MigrationUnknown", message, blocked=True, alert=True)


def unfinished(s: Situation, t: Transition) -> Answer | None:
    """On the way back: a migration that still runs is waited for, and what became of the data is on record before the
    end. Where nobody has seen that, the check is asked once, and nothing is run."""
    found = about(s, t)
    if not pending(t):
        return None
    if found and found.status is MigrationStatus.RUNNING:
        return Wait("Migrating", f"{found.detail}; users are on {t.stable} already", alert=True)
    if found and found.status is MigrationStatus.APPLIED:
        return Record(applied(s, t, found))
    act = Migrate(t.newcomer.slot, t.newcomer.version, t.id, t.unseen, only_ask=True)
    refused = s.state.refusal is not None and s.state.refusal.act == act
    return None if t.unseen is None or refused else Do(act, f"ask what became of the data of {t.newcomer}")
