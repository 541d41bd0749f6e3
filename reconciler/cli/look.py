"""One environment at one moment: looked at, decided about, and told in a few lines with what to type next."""

from __future__ import annotations

import dataclasses
from typing import Any

from reconciler.cli.ask import NOBODY
from reconciler.cli.layout import broken, paint
from reconciler.cli.rehearsals import as_json as drills
from reconciler.cli.rehearsals import drill_lines
from reconciler.clock import shown
from reconciler.core.conditions import ERROR, Status, status, unpin, what_next
from reconciler.core.events import Requested
from reconciler.core.history import fold
from reconciler.core.model import Desired
from reconciler.core.plan import decide
from reconciler.core.reading import Agenda, CertificateReading, Observed
from reconciler.core.situation import Wait
from reconciler.core.state import State
from reconciler.errors import ReconcilerError
from reconciler.loop.keeper import Keeper
from reconciler.session import Session
from reconciler.wording import duration, ending, weights

OUTDATED = "the running loop has an older operator's file, which was changed since it started"
AGAIN = "end the loop with Ctrl-C, and start it again: reconcile run"


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One environment at one moment; `error` when it could not even be looked at."""

    name: str
    status: Status | None
    state: State
    observed: Observed | None = None
    error: str = ""
    attended: bool = True  # a loop works on this journal
    outdated: bool = False  # it has read the operator's file before that was changed
    wall: float = 0.0  # when this was, seconds since 1970
    until: float | None = None  # watched seconds at which what is waited for ends by itself

    @property
    def reason(self) -> str:
        return self.status.reason if self.status else ""

    @property
    def exit_code(self) -> int:
        return self.status.exit_code if self.status else ERROR


def see(keeper: Keeper, asking: Requested | None = None) -> tuple[State, Desired, Observed]:
    """Everything but the gates: whoever acts on them asks them, and a second asker would send users' requests twice.
    `asking`: as it would be if this were on record."""
    state = keeper.catch_up()
    state = fold(state, asking, seq=state.seq) if asking else state
    desired = keeper.desired(state)
    return state, desired, keeper.observe(desired, state, gates=False)


def look(session: Session, name: str) -> Look:
    """Read everything, decide, and do nothing about it."""
    try:
        state, desired, observed = see(session.keeper(name))
        decision = decide(desired, observed, state, state.watched)
        found = status(desired, observed, state, decision)
        until = decision.answer.until if isinstance(decision.answer, Wait) else None
        mark = session.journal.mark()
        outdated = bool(mark) and mark != session.configuration.digest
        return Look(
            name,
            found,
            state,
            observed,
            attended=mark is not None,
            outdated=outdated,
            wall=session.clock.now().timestamp(),
            until=until,
        )
    except ReconcilerError as error:
        return Look(name, None, State(), error=str(error))


def as_json(found: Look) -> dict[str, Any]:
    shown = dataclasses.asdict(found.status) if found.status else {}
    code = shown.pop("exit_code", None)
    return {
        **shown,
        "environment": found.name,
        "held": [dataclasses.asdict(held) for held in found.state.held],
        "last": dataclasses.asdict(found.state.last) if found.state.last else None,
        "drill": drills(found.state, _agenda(found)),
        "refused": found.state.request_refused,
        "waits": _asked_since(found),
        "recoveryPoint": _saved(found),
        "certificate": _shown(found),
        "attended": found.attended,
        "outdated": found.outdated,
        "error": found.error,
        "next": next_step(found),
        "exitCode": found.exit_code if code is None else code,
    }


def next_step(found: Look) -> str:
    if found.status is None:
        return "see the error"
    if left_alone(found):
        return "reconcile run"
    if found.reason == "StablePinned" and found.status.stable:
        return unpin(found.name, found.status.stable, found.status.target)
    if found.state.transition:
        default = "reconcile status {env} --watch"
    elif found.outdated:
        default = AGAIN
    elif found.attended:
        default = "the running loop does it: reconcile status {env} --watch"
    else:
        default = "reconcile --once shows the steps, reconcile run takes them"
    return what_next(found.status.reason, found.name, default)


def lines(found: Look) -> list[str]:
    """A few lines per environment."""
    name = paint(found.name, bold=True)
    if found.status is None:
        first, *more = found.error.splitlines() or [""]
        return [f"{name}  {paint('error', 'red')}: {first}", *(f"  {line}" for line in more)]
    s = found.status
    colour = {"Healthy": "green", "Degraded": "red", "Progressing": "yellow"}.get(s.health, "magenta")
    phase = "" if s.phase == "None" else s.phase
    told = {
        "traffic": _traffic(found),
        "stable": f"{s.stable or 'none yet'}    git asks for {s.target or 'nothing usable'}",
        "newcomer": f"{s.newcomer} at {s.rung} %" if s.newcomer else "",
        "saved": _kept(found),
        "last": _last(found) if not s.newcomer else "",
        "held": _held(found),
        "drill": drill_lines(found.state, _agenda(found)),
        "https": _certificate(found),
        "why": _why(found, s),
        "asked": _on_record(found),
        "waits": _waits(found),
        "stalled": _stalled(s),
        "refused": found.state.request_refused,
        "loop": NOBODY if left_alone(found) else OUTDATED if found.outdated else "",
        "next": next_step(found),
    }
    rows = (f"  {word:<10}{broken(text, 12)}" for word, text in told.items() if text)
    return [f"{name}  {s.sync}  {paint(s.health, colour)}  {phase}".rstrip(), *"\n".join(rows).splitlines()]


def _agenda(found: Look) -> Agenda:
    return found.observed.agenda if found.observed else Agenda()


def left_alone(found: Look) -> bool:
    """Something is under way, or was asked for, and nobody is there to do it."""
    state = found.state
    asked = bool(state.abort or state.rollback or state.adopt or state.down or state.drill_asked)
    moving = state.transition is not None or state.drill is not None
    return not found.attended and (moving or (asked and found.reason != "Down"))


def _traffic(found: Look) -> str:
    """Nothing and not known are two things."""
    gateway = found.observed.gateway if found.observed else None
    if gateway is None:
        return f"unknown: {found.observed.detail}" if found.observed and found.observed.detail else "unknown"
    return weights(gateway.weights) if gateway.up else "none: the gateway is down"


def _certified(found: Look) -> CertificateReading | None:
    gateway = found.observed.gateway if found.observed else None
    return gateway.certificate if gateway else None


def _shown(found: Look) -> dict[str, Any] | None:
    """`endsSoon`: from so long before its end on as the operator wants it told."""
    one = _certified(found)
    if one is None:
        return None
    soon = one.ends is not None and found.wall >= one.ends - one.warn_before
    ends = None if one.ends is None else shown(one.ends)
    said = {"name": one.name, "serial": one.serial, "notAfter": ends, "endsSoon": soon}
    return {**said, "problem": one.problem, "newer": one.newer}


def _certificate(found: Look) -> str:
    one = _certified(found)
    if one is None:
        return ""
    told = [f"certificate {one.name}, " + (ending(one.ends, found.wall) if one.ends is not None else "shown to nobody")]
    if one.ends is not None and found.wall >= one.ends - one.warn_before:
        told.append(one.cure or f"put a new pair where [certificates.{one.name}] points")
    told += [one.problem] if one.problem else []
    told += ["a newer one lies there"] if one.newer else []
    return paint("; ".join(told), "yellow") if len(told) > 1 else told[0]


def _why(found: Look, s: Status) -> str:
    if not found.state.seq and s.reason not in ("DesiredInvalid", "RevisionUnverified"):
        return "it was never run: the journal has no entry of it"
    if s.reason == "GatePending":
        t = found.state.transition
        so_far = f"so far: {t.said}" if t and t.judged else f"how they see it: reconcile gates {found.name}"
        return f"the gates have to agree; {so_far}"
    if s.reason.islower() and " " in s.message:  # a rule's name says nothing to who does not know the rules
        return f"about to be done: {s.message}"
    return f"{s.reason}{': ' + s.message if s.message else ''}"


def _on_record(found: Look) -> str:
    """What somebody has asked for that cannot be done before it goes on: else they would have to trust that."""
    state = found.state
    if not (state.down or state.suspended):
        return ""
    words = {"rollback": state.rollback, "adopt": state.adopt or "", "drill": state.drill_asked is not None}
    told = " and ".join(f"{verb} ({word})" if isinstance(word, str) else verb for verb, word in words.items() if word)
    return f"{told} is on record, and is done after: reconcile resume {found.name}" if told else ""


def _asked_since(found: Look) -> dict[str, Any] | None:
    """The stage that somebody is asked about, and for how many watched seconds already."""
    t = found.state.transition
    if t is None or t.asked is None or not t.asking:
        return None
    return {"stage": str(t.asked.stage), "since": found.state.watched - t.asked.since}


def _waits(found: Look) -> str:
    """Since when, and until when. The reason does not say it: it would be another one with every second."""
    asked = _asked_since(found)
    if asked is None:
        return ""
    since = f"{asked['stage']} since {duration(asked['since'])}"
    if found.reason != "WaitingApproval" or found.until is None:
        return since
    return f"{since}; if nobody answers it goes back in {duration(max(0.0, found.until - found.state.watched))}"


def _saved(found: Look) -> str:
    """The recovery point of the transition that is under way."""
    t = found.state.transition
    return t.saved.name if t and t.saved else ""


def _kept(found: Look) -> str:
    """Where it lies, and whether it is whole, says `restore`."""
    name = _saved(found)
    return f"{name}; to see it, or put it back: reconcile restore {found.name} --list" if name else ""


def _last(found: Look) -> str:
    last = found.state.last
    return f"{last.newcomer} {last.phase} ({last.revision[:12]}) {last.reason}".rstrip() if last else ""


def _held(found: Look) -> str:
    """What will not be tried again, also where git does not ask for it just now."""
    told = [f"{held.version} ({held.condition}: {held.reason})" for held in found.state.held]
    return "; ".join(told) if found.reason != "RevisionHeld" else ""


def _stalled(s: Status) -> str:
    """What else stands in the way, beside the reason that was told."""
    stalled = next((one for one in s.conditions if one.type == "Stalled" and one.status), None)
    return f"{stalled.reason}: {stalled.message}" if stalled and stalled.reason != s.reason else ""
