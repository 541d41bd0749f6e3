"""Acts, events and numbers in words: the one way in which journal, log, preview and screen speak of them."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.core.events import (
    Accepted,
    Admitted,
    Adopted,
    Applied,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Bootstrapped,
    CertificateEnding,
    CertificateRefused,
    CertificateShown,
    Created,
    DriftFound,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Ended,
    Event,
    EvidenceSealed,
    Froze,
    GenerationTaken,
    HealthNoted,
    HoldBegan,
    Intended,
    Judged,
    LetGo,
    Migrated,
    MigrationNoted,
    MovedByHand,
    PausedByRule,
    Rebound,
    Requested,
    RequestRefused,
    RestoreBegan,
    Restored,
    RestoreGivenUp,
    RestoreTried,
    Retired,
    RollbackBegan,
    SnapshotTaken,
    SoakBegan,
    StagePassed,
    StepPassed,
    Thawed,
    Watched,
    WentDown,
)
from reconciler.core.model import (
    Admission,
    Analysis,
    HandOver,
    Pause,
    Routing,
    SetWeight,
    Slot,
    Snapshot,
    StrategyStep,
    Weights,
)
from reconciler.core.reading import Trial
from reconciler.core.steps import (
    Act,
    CloseGateway,
    Migrate,
    Note,
    PutBack,
    Route,
    StageFiles,
    Start,
    Stop,
    TakeSnapshot,
    TryRestore,
    Warm,
)
from reconciler.core.tally import Tally

LINE_END = "\n"


def duration(seconds: float) -> str:
    """`95.0` -> `1m35s`; under ten seconds with one decimal."""
    if seconds < 10:
        return f"{seconds:.1f}s".replace(".0s", "s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def day(seconds: float) -> str:
    """Of a time stamp, seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def ending(ends: float, now: float) -> str:
    """Until when something is good, and how long that is from `now`; both in seconds since 1970."""
    days = int(abs(ends - now) // 86400)
    span = f"{days} day{'' if days == 1 else 's'}" if days else "less than a day"
    return f"until {day(ends)}, {span} left" if now < ends else f"it ended on {day(ends)}, {span} ago"


def weights(found: Weights | None) -> str:
    return f"blue {found.blue} %, green {found.green} %" if found else "unknown"


def size(count: int) -> str:
    """`1536` -> `1.5 KB`."""
    if count < 1024:
        return f"{count} bytes"
    number, units = count / 1024, ["KB", "MB", "GB", "TB"]
    while number >= 1024 and len(units) > 1:
        number, units = number / 1024, units[1:]
    return f"{number:.1f} {units[0]}"


def saved(snapshot: Snapshot) -> str:
    """What a recovery point holds."""
    folders = f"folders {', '.join(snapshot.folders)}" if snapshot.folders else ""
    return "; ".join(one for one in (folders, snapshot.command and f"the dump of {snapshot.command}") if one)


def tried(trial: Trial, before: Trial | None = None) -> str:
    """How much came back, and how long that took; and what it was the last time."""
    than = f" (before: {size(before.bytes)} in {duration(before.took)})" if before else ""
    return f"{trial.files:,} files, {size(trial.bytes)} in {duration(trial.took)}{than}"


def describe(what: Act | Event | StrategyStep) -> str:
    """One line for people."""
    return _act(what) or _decided(what) or _happened(what) or _step(what) or type(what).__name__


def _because(text: str) -> str:
    return f": {text}" if text else ""


def _act(what: Act | Event | StrategyStep) -> str:
    match what:
        case StageFiles(slot, version):
            return f"stage the files of {version} in {slot}"
        case Start(slot, version, members, owner):
            return f"start {', '.join(members)} {version} in {slot}{', as owner' if owner else ''}"
        case Stop(slot, members, owner):
            return f"stop {', '.join(members)} in {slot}{', as owner' if owner else ''}"
        case Migrate(_, version, only_ask=True):
            return f"ask what became of the data for {version}"
        case Migrate(_, version):
            return f"migrate the data for {version}"
        case TakeSnapshot(_, _, _, snapshot):
            return f"take a recovery point: {saved(snapshot)}"
        case TryRestore(_, _, _, snapshot):
            return f"put the recovery point back beside, and compare every file: {saved(snapshot)}"
        case Warm(slot, version):
            return f"warm {slot} up: first requests to {version}"
        case Route(before, after):
            return f"weights: {weights(after.weights)}" if before != after.weights else _admission(after)
        case CloseGateway():
            return "close the gateway's listener"
        case PutBack(_, failed, good):
            return f"put the file back in git: from {failed[:12]} to what it was at {good[:12]}"
        case Note(_, revision, text):
            return f"note in git, at {revision[:12]}: {text.partition(LINE_END)[0]}"
        case Intended(Route(_, after), "reopen-gateway"):
            return f"intent (reopen-gateway): start the gateway again at {weights(after.weights)}"
        case Intended(act, rule):
            return f"intent ({rule}): {_act(act)}"
        case Applied(result, reason):
            return f"outcome: {result}{_because(reason)}"
    return ""


def _admission(after: Routing) -> str:
    """A write that leaves the weights as they are, and says who else may come in."""
    closed = [slot for slot in Slot if after.admission[slot] is Admission.CLOSED]
    if closed:
        return f"admit nobody to {', '.join(closed)}"
    return "withdraw the fallback" if after.fallback is None else "weights as they are"


def _decided(what: Act | Event | StrategyStep) -> str:
    match what:
        case Accepted(digest, revision):
            return f"desired state {digest[:12]} of {revision[:12]} is in force"
        case Bootstrapped(stable) | Adopted(stable):
            return f"{stable} is stable"
        case Began(transition, stable, newcomer, back=back, drill=drill):
            way = f"{newcomer} goes back to {stable}" if back else f"{stable} -> {newcomer}"
            return f"{f'drill ({drill}), ' if drill else ''}transition {transition}: {way}{_because(back)}"
        case Rebound(_, revision):
            return f"policy changed at {revision[:12]}: same weight, new window"
        case StagePassed(stage, evidence):
            return f"{stage} passed{_because(evidence)}"
        case Admitted(stage, plan, by):
            agreed = f" is approved by {', '.join(by)}" if by else ""
            return f"{stage} may begin: plan {plan[:12]}{agreed}"
        case MigrationNoted(status, _, detail):
            return f"the migration is {status}{_because(detail)}"
        case Migrated(version, evidence):
            return f"the data is migrated for {version}{_because(evidence)}"
        case SnapshotTaken(name, digest, bytes_, snapshot, detail):
            archive = f" {name}, {size(bytes_)}, SHA-256 {digest[:12]}" if name else ""
            return f"there is a recovery point{archive}: {detail or saved(snapshot)}"
        case RestoreTried(name, _, trial, before):
            figures = f" {name} was put back beside, and is what was saved: {tried(trial, before)}" if name else ""
            return f"the recovery point{figures or ' was put back beside, and is what was saved'}"
        case StepPassed(cursor, evidence, handed):
            passed = f"{', '.join(handed)} handed over" if handed else f"step {cursor + 1} passed"
            return f"{passed}{_because(evidence)}"
        case LetGo(members):
            return f"{', '.join(members)}: the old owner has let go, nobody owns"
        case SoakBegan():
            return "soak begins: full weight, still measured"
        case RollbackBegan(_, condition, reason):
            return f"going back ({condition}): {reason}"
        case Ended(phase, reason):
            return f"{phase}{_because(reason)}"
        case Retired(slot):
            return f"{slot} is retired"
    return ""


def _happened(what: Act | Event | StrategyStep) -> str:
    match what:
        case Created(journal):
            return f"first entry of this environment in journal {journal}"
        case GenerationTaken(generation):
            return f"generation {generation} may act from here on"
        case Requested(verb, reason=reason, override=override, drill=drill):
            asked = f"{verb} ({drill})" if drill else verb
            return f"asked: {asked}{', although a window is closed' if override else ''}{_because(reason)}"
        case ApprovalAsked(stage, plan):
            return f"approval asked: before {stage}, of plan {plan[:12]}"
        case Approved(stage, plan, by, verified=verified, reason=reason):
            signed = ", signature verified" if verified else ""
            return f"approved: {stage}, plan {plan[:12]}, by {by}{signed}{_because(reason)}"
        case ApprovalVoided(stage, plan, reason):
            return f"approval void: {stage}, plan {plan[:12]}{_because(reason)}"
        case DriftFound(expected, found):
            return f"drift: found {weights(found)}, expected {weights(expected)}"
        case MovedByHand(found):
            return f"somebody moved all traffic by hand: found {weights(found)}"
        case HealthNoted(ready, reason):
            return "the newcomer is ready again" if ready else f"the newcomer is not ready{_because(reason)}"
        case Judged(outcome, reason):
            return f"the gates say {outcome}{_because(reason)}"
        case PausedByRule(reason):
            return f"paused{_because(reason)}"
        case Froze(why, until):
            return f"frozen: {why}{f'; it opens at {until}' if until else ''}"
        case Thawed():
            return "no window is closed any more, or somebody overrides it"
        case HoldBegan(reason):
            return f"holding in place{_because(reason)}"
        case RequestRefused(verb, reason):
            return f"{verb} refused{_because(reason)}"
        case RestoreBegan(name, digest, reason):
            return f"recovery point {name} (SHA-256 {digest[:12]}) is being put back{_because(reason)}"
        case RestoreGivenUp(name, _, reason):
            return f"recovery point {name} is not put back after all{_because(reason)}"
        case Restored(name, _, detail):
            return f"recovery point {name} was put back{_because(detail)}"
        case EvidenceSealed(transition, digest):
            return f"the evidence of {transition} is complete (SHA-256 of its manifest: {digest[:12]})"
        case CertificateShown(name, serial, ends):
            return f"users are shown certificate '{name}', serial number {serial}, until {day(ends)}"
        case CertificateRefused(name, reason):
            return f"certificate '{name}' {'cannot be renewed' if reason else 'is a pair again'}{_because(reason)}"
        case CertificateEnding(name, serial, ends, at):
            return f"certificate '{name}', serial number {serial}: {ending(ends, at)}"
        case DrillBegan(kind, home, due=due):
            return f"drill begins: {kind}, with the version of {home}{f'; it was due at {due}' if due else ''}"
        case DrillEnded(phase, reason):
            return f"drill ended: {phase}{_because(reason)}"
        case DrillScheduled(schedule, _):
            return f"drills are scheduled: {schedule}" if schedule else "drills are not scheduled any more"
        case DrillMissed(due, reason):
            return f"the drill that was due at {due} is left out{_because(reason)}"
        case WentDown():
            return "everything has stopped"
        case Watched(tally):
            return f"watched{_because(_users(tally) if tally else '')}"
    return ""


def _users(tally: Tally) -> str:
    """What users got, in numbers."""
    requests, failed = tally.requests
    told = [f"{requests:,} requests, {failed:,} failed"]
    told += [f"nobody could serve for {duration(tally.out)}"] if tally.out else []
    told += [f"not counted for {duration(tally.uncounted)}"] if tally.uncounted else []
    return ", ".join(told)


def _step(what: Act | Event | StrategyStep) -> str:
    match what:
        case SetWeight(weight):
            return f"set weight {weight} %"
        case Pause(seconds):
            return f"pause {duration(seconds)}" if seconds is not None else "pause until promote"
        case Analysis(at_most, confident):
            return f"analysis{' until confident' if confident else ''}, at most {duration(at_most)}"
        case HandOver(members):
            return f"hand over {', '.join(members)}"
    return ""
