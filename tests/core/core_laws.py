"""The laws of DESIGN section 7 as predicates on one decision: each gives a sentence when it is broken, else nothing.

Written from the page and not from the code: nothing here calls a rule.
"""

from __future__ import annotations

from core_world import Edge

from reconciler.core.events import (
    Accepted,
    Admitted,
    Approved,
    Began,
    DrillBegan,
    DrillEnded,
    Ended,
    Event,
    LetGo,
    Phase,
    Rebound,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
)
from reconciler.core.model import (
    Admission,
    DrillKind,
    Mode,
    Outcome,
    Release,
    SetWeight,
    Slot,
    Stage,
    Traffic,
    Weights,
    all_on,
)
from reconciler.core.reading import MemberStatus
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import Transition, Word
from reconciler.core.steps import CloseGateway, Migrate, Route, Start, Stop, TakeSnapshot, TryRestore

READY, STOPPED, UNKNOWN = MemberStatus.READY, MemberStatus.STOPPED, MemberStatus.UNKNOWN
STANDBY = MemberStatus.STANDBY
NOTHING = all_on(Slot.BLUE).replace(Slot.BLUE, 0)


def act(edge: Edge) -> object:
    return edge.decision.answer.act if isinstance(edge.decision.answer, Do) else None


def event(edge: Edge) -> Event | None:
    return edge.decision.answer.event if isinstance(edge.decision.answer, Record) else None


def before(edge: Edge) -> Weights:
    gateway = edge.observed.gateway
    return gateway.weights if gateway and gateway.weights else NOTHING


def serves(edge: Edge) -> bool:
    """Users get answers now: moving them is something else than opening."""
    gateway = edge.observed.gateway
    return bool(gateway and gateway.up and gateway.weights)


def statuses(edge: Edge, slot: Slot, traffic: Traffic = Traffic.WEIGHTED) -> list[tuple[MemberStatus, str | None]]:
    assert edge.spec
    pairs = zip(edge.spec.members, edge.observed.members[slot], strict=True)
    return [(reading.status, reading.version) for member, reading in pairs if member.traffic is traffic]


def healthy(edge: Edge, slot: Slot) -> bool:
    return all(status is READY for status, _ in statuses(edge, slot))


def bad(edge: Edge, slot: Slot) -> bool:
    """Known bad: something in it is read as not ready. Unknown is neither."""
    return any(status not in (READY, UNKNOWN) for status, _ in statuses(edge, slot))


def wanted(edge: Edge, slot: Slot) -> Release | None:
    """The release that should be in a slot that has, or gets, traffic."""
    t = edge.state.transition
    known = (t.stable, t.newcomer) if t else (edge.state.stable, edge.spec.target if edge.spec else None)
    return next((release for release in known if release and release.slot is slot), None)


def rises(edge: Edge) -> list[Slot]:
    step = act(edge)
    return [s for s in Slot if step.after.weights[s] > before(edge)[s]] if isinstance(step, Route) else []


def climbs(edge: Edge) -> bool:
    """The newcomer is given more than the rung it stands on."""
    step, t = act(edge), edge.state.transition
    return isinstance(step, Route) and t is not None and step.after.weights[t.newcomer.slot] > t.rung


def law_01(edge: Edge) -> str:
    step = act(edge)
    if not isinstance(step, Route):
        return ""
    shares = [step.after.weights[slot] for slot in Slot]
    if sum(shares) != 100 or min(shares) < 0:
        return f"weights {shares} do not sum to 100"
    taken = [s for s in rises(edge) if serves(edge) and bad(edge, s) and healthy(edge, s.other)]
    return f"traffic goes to {taken[0]}, which is known bad, from a healthy slot" if taken else ""


def law_02(edge: Edge) -> str:
    step, t = act(edge), edge.state.transition
    if not isinstance(step, Route):
        return ""
    if t is None:
        stable = edge.state.stable
        raised = [slot for slot in rises(edge) if stable and slot is not stable.slot]
        return f"{raised[0]} rises without a transition" if raised else ""
    weight, rung = step.after.weights[t.newcomer.slot], t.rung
    if t.going_back or weight <= rung:
        return "the newcomer rises on the way back" if t.going_back and t.newcomer.slot in rises(edge) else ""
    ladder = [s.weight for s in t.steps if isinstance(s, SetWeight) and s.weight > rung]
    following = min(ladder, default=None)
    return "" if weight == following else f"from {rung} to {weight}, not to the next rung {following}"


def law_03(edge: Edge) -> str:
    t = edge.state.transition
    if not climbs(edge) or t is None or edge.spec is None:
        return ""
    reached = {Stage.PREFLIGHT} | ({Stage.SHIFT} if t.rung else set())
    good = {r.name for r in edge.observed.gates if r.window == t.window and r.outcome is Outcome.SUCCESSFUL}
    missing = [g.name for g in edge.spec.gates if g.mode is Mode.ENFORCE and g.stage in reached and g.name not in good]
    return f"a rise without a good verdict of {missing[0]} in this window" if missing else ""


def law_04(edge: Edge) -> str:
    began, t = event(edge), edge.state.transition
    if isinstance(began, Began) and not began.back and edge.state.is_held(began.newcomer.version):
        return f"{began.newcomer} is held, and begins"
    gains = t and t.newcomer.slot in rises(edge) and edge.state.is_held(t.newcomer.version)
    return f"{t.newcomer} is held, and gains" if gains and t else ""


def law_10(edge: Edge) -> str:
    step, gateway, now = act(edge), edge.observed.gateway, edge.now
    if not isinstance(step, Stop) or edge.spec is None:
        return ""
    if not set(step.members) & set(edge.spec.names(Traffic.WEIGHTED)):
        return ""
    refusal = edge.state.refusal
    if edge.state.down and refusal and refusal.act == CloseGateway():
        return ""  # `down`, behind a gateway that is not ours to close: that is what was asked for
    if gateway is None:
        return f"{step.slot} is stopped, and what it serves is unknown"
    if not serves(edge):
        return ""
    since, counters = edge.state.closed[step.slot], gateway.counters[step.slot]
    if gateway.weights and gateway.weights[step.slot]:
        return f"{step.slot} is stopped with {gateway.weights[step.slot]} %"
    if gateway.admission[step.slot] is not Admission.CLOSED:
        return f"{step.slot} is stopped and still admits"
    drained = counters is not None and counters.in_flight == 0
    late = since is not None and now >= since + edge.spec.drain_timeout
    return "" if drained or late else f"{step.slot} is stopped with requests in flight"


def law_11(edge: Edge) -> str:
    t = edge.state.transition
    if t is None or t.newcomer.slot not in rises(edge):
        return ""
    failed = any(r.window == t.window and r.outcome is Outcome.FAILED for r in edge.observed.gates)
    worse = bad(edge, t.newcomer.slot) or failed or t.going_back
    stable_bad = bad(edge, t.stable.slot) or t.one_way  # it does not work with the data any more
    return "the newcomer is bad, and gains" if worse and not stable_bad else ""


def law_12(edge: Edge) -> str:
    if not serves(edge):
        return ""
    for slot in rises(edge):
        unseen = any(status is UNKNOWN for status, _ in statuses(edge, slot)) and not edge.observed.serving[slot]
        if healthy(edge, slot.other) and (bad(edge, slot) or unseen):
            return f"traffic goes blindly from {slot.other} to {slot}"
    return ""


def law_14(edge: Edge) -> str:
    accepted = isinstance(event(edge), Accepted) and edge.state.accepted is not None
    return "an older state is accepted" if accepted and not _may_accept(edge) else ""


def _may_accept(edge: Edge) -> bool:
    return edge.desired.forward or edge.state.accept_rewritten


def asked_for(edge: Edge) -> str:
    """What becomes of a newcomer is said of the commit that asked for it, whatever the head of the branch is now."""
    said, accepted, good = event(edge), edge.state.accepted, edge.state.good
    if not isinstance(said, Began | Rebound) or edge.state.drill:  # of a drill git is told nothing
        return ""
    newcomer = said.newcomer if isinstance(said, Began) else edge.state.transition and edge.state.transition.newcomer
    known = [one.revision for one in (accepted, good.blue, good.green) if one and one.target in (newcomer, None)]
    asked = said.revision in known if known else said.revision == ""
    return "" if asked else f"{newcomer} is said to be asked for at {said.revision}, and {known} did"


def law_15(edge: Edge) -> str:
    said, drill = event(edge), edge.state.drill
    moved = isinstance(said, Accepted | Began) and not getattr(said, "back", "")
    if isinstance(said, Began) and drill and drill.turned and said.newcomer == drill.home:
        return ""  # no wish of that head's: the way home of what was begun before
    return "an unusable head sets something going" if edge.desired.head is None and moved else ""


def law_17(edge: Edge) -> str:
    for slot in rises(edge) if serves(edge) else []:
        release = wanted(edge, slot)
        others = [v for status, v in statuses(edge, slot) if v and status is not STOPPED and release]
        lying = [v for v in others if release and v != release.version]
        if lying:
            return f"{slot} gains and runs {lying[0]}"
    return ""


FORWARD = (StagePassed, StepPassed, SoakBegan)


def law_19(edge: Edge) -> str:
    state, t, said = edge.state, edge.state.transition, event(edge)
    ordered = t is not None and (t.condition == "Aborted" or bool(state.abort))
    if state.suspended and not ordered and act(edge) is not None:
        return f"suspended, and {act(edge)} is done"
    if not state.paused:
        return ""
    ahead = isinstance(said, FORWARD) or (isinstance(said, Began) and not said.back)
    ahead = ahead or (isinstance(said, Ended) and said.phase is Phase.SUCCEEDED) or climbs(edge)
    return "paused, and a step is made forward" if ahead else ""


def law_21(edge: Edge) -> str:
    step, spec = act(edge), edge.spec
    if not isinstance(step, Start) or spec is None:
        return ""
    for member, reading in zip(spec.members, edge.observed.members[step.slot.other], strict=True):
        owned = member.traffic is Traffic.EXCLUSIVE and member.name in step.members
        sworn = reading.status is UNKNOWN and edge.state.forced is step.slot.other  # a person saw what we cannot
        idle = reading.status is STOPPED or (member.standby and reading.status is STANDBY)
        grants = step.owner or not member.standby
        if owned and grants and not idle and not sworn:
            return f"{member.name} is started in {step.slot} while the other slot's reads {reading.status}"
    return ""


def migrated_first(edge: Edge) -> str:
    """Nothing of a newcomer starts, and nobody gets it, on data that were not made for it; and those only once."""
    t, step = edge.state.transition, act(edge)
    waiting = t is not None and t.migrates and not t.migrated
    if t is None or t.going_back:
        runs = isinstance(step, Migrate) and not (t and step.only_ask)
        return "a migration without a transition that goes forward" if runs else ""
    started = isinstance(step, Start) and step.slot is t.newcomer.slot and not step.owner
    if waiting and (started or (climbs(edge) and not t.rung)):
        return f"{t.newcomer} is brought up before its data is migrated"
    if isinstance(step, Migrate) and not waiting:
        return "it is migrated already"
    if isinstance(step, Migrate) and any(reading.status is not STOPPED for reading in edge.observed.members[step.slot]):
        return f"{t.newcomer} runs, or may, while its data is migrated"
    back = event(edge)
    begins = isinstance(back, RollbackBegan) and back.ends is Phase.ROLLED_BACK
    return "users go back onto data that stable does not work with" if t.one_way and begins else ""


def saved_first(edge: Edge) -> str:
    """Where a recovery point is asked for nothing of a newcomer starts, nobody gets it and its data are not migrated
    before there is one; and none is made of what the newcomer may have been at."""
    t, step, wanted = edge.state.transition, act(edge), edge.spec.snapshot if edge.spec else None
    if t is None or t.going_back:
        early = wanted is not None and starts_target(edge)
        return f"{edge.spec.target} is started before the data are saved" if early and edge.spec else _pointless(step)
    if isinstance(step, TryRestore):
        return (
            "" if t.saved and t.drill is DrillKind.RESTORE else "something is put back beside, and no drill asks for it"
        )
    if isinstance(step, TakeSnapshot):
        late = t.rung or t.begun or wanted is None
        return "a recovery point of what the newcomer may have been at, or that nobody asks for" if late else ""
    saved = wanted is None or (t.saved is not None and t.saved.snapshot == wanted) or t.rung or t.begun
    touched = isinstance(step, Migrate) or (isinstance(step, Start) and step.slot is t.newcomer.slot) or climbs(edge)
    return "" if saved or not touched else f"{t.newcomer} is at data that were not saved"


def put_back_whole(edge: Edge) -> str:
    """While a restore has not ended nothing starts on the data, they are neither saved nor migrated, and no newcomer
    gains users or begins."""
    if edge.state.restoring is None:
        return ""
    step = act(edge)
    begins = isinstance(event(edge), Began | DrillBegan)
    started = isinstance(step, Start | Migrate | TakeSnapshot)
    return "data that may be half of a recovery point are used" if started or begins or climbs(edge) else ""


def _pointless(step: object) -> str:
    pointless = isinstance(step, TakeSnapshot | TryRestore)
    return "a recovery point without a transition that goes forward" if pointless else ""


def left_behind(edge: Edge) -> str:
    """Whatever came before: nobody is led to a stable that does not work with the data, and nothing of it works on them
    once the newcomer has all users. What becomes of it again is a person's word (`abort`, another commit)."""
    t, step = edge.state.transition, act(edge)
    if t is None or t.going_back:
        return ""
    if not t.one_way:
        return "" if edge.state.bears(t.stable) else f"that {t.stable} is left behind is forgotten"
    if isinstance(step, Route) and _leads_to(t.stable.slot, step, edge):
        return f"users are led to {t.stable}, which does not work with the data"
    works = isinstance(step, Start) and step.owner and step.slot is t.stable.slot and t.rung == 100
    return f"{t.stable} owns what it does not work with" if works else ""


def _leads_to(stable: Slot, step: Route, edge: Edge) -> bool:
    """By a weight, a fallback or a cookie. One without any users yet keeps them all where they are."""
    t, after = edge.state.transition, step.after
    assert t
    left = 100 - t.rung  # what the newcomer's rung leaves to stable
    more = after.weights[stable] > left or (t.rung > 0 and serves(edge) and stable in rises(edge))
    admits = after.weights[stable.other] == 100 and after.admission[stable] is not Admission.CLOSED
    return more or admits or after.fallback is not None


def law_21_gates(edge: Edge) -> str:
    """The gates of a hand-over prove something only from when the old owner was read to have let go."""
    said, step, t, spec = event(edge), act(edge), edge.state.transition, edge.spec
    gated = spec is not None and any(gate.stage is Stage.HAND_OVER for gate in spec.gates)
    if t is None or spec is None or not gated:
        return ""
    if isinstance(said, StagePassed) and said.stage is Stage.HAND_OVER and not t.let_go:
        return "the hand-over is proved before the old owner was read to have let go"
    names = said.members if isinstance(said, LetGo) else ()
    for member, reading in zip(spec.members, edge.observed.members[t.stable.slot], strict=True):
        if member.name in names and reading.status not in (STOPPED, STANDBY):
            sworn = reading.status is UNKNOWN and edge.state.forced is t.stable.slot
            if not sworn:
                return f"{member.name} is said to have let go, and reads {reading.status}"
        newer = edge.observed.members[t.newcomer.slot][spec.members.index(member)].status
        if member.name in names and newer is READY:
            return f"nobody is said to own {member.name}, and the newcomer does"
    forward = isinstance(step, Start) and step.owner and step.slot is t.newcomer.slot and not t.going_back
    return "an owner is made without the gates of the hand-over" if forward and not t.let_go else ""


def approved(edge: Edge) -> str:
    """Where approvals are asked, no stage begins that nobody has agreed to; and nobody agrees in others' names."""
    t, spec, step, said = edge.state.transition, edge.spec, act(edge), event(edge)
    if spec is None or spec.approvals is None or (t and t.going_back):
        return ""
    if t is None:
        early = Stage.PREFLIGHT in spec.approvals.before and starts_target(edge)
        return f"{spec.target} is started, and nobody was asked" if early else ""
    started = isinstance(step, Start) and step.slot is t.newcomer.slot
    begun = {
        Stage.PREFLIGHT: (started or isinstance(step, Migrate | TakeSnapshot | TryRestore))
        and not (t.rung or Stage.PREFLIGHT in t.passed),
        Stage.MIGRATE: isinstance(step, Migrate) and not t.begun,
        Stage.SHIFT: climbs(edge),
        Stage.HAND_OVER: isinstance(step, Start) and step.owner and step.slot is t.newcomer.slot,
        Stage.FINALISE: isinstance(said, Ended) and said.phase is Phase.SUCCEEDED,
    }
    missing = [stage for stage in spec.approvals.before if begun[stage] and stage not in t.admitted]
    if missing:
        return f"{missing[0]} begins, and nobody has approved it"
    if t.asked and begun.get(t.asked.stage) and (gone := unmeant(edge)):
        return f"{t.asked.stage} begins, and {gone} does not mean it any more"
    if isinstance(said, Admitted):
        there = {vote.id for vote in edge.observed.votes if vote.age < spec.approvals.expires}
        young = [one for one in t.agreed if one.age + edge.now - one.at < spec.approvals.expires]
        fresh = {one.by for one in young if one.vote in there}
        asked = t.asked is not None and (t.asked.stage, t.asked.plan) == (said.stage, said.plan)
        return "" if asked and len(fresh) >= spec.approvals.minimum else f"{said.stage} is admitted without a quorum"
    if isinstance(said, Approved):
        known = [v for v in edge.observed.votes if v.id == said.vote and v.approve and v.plan == said.plan]
        return "" if known and (known[0].verified or not spec.approvals.signed) else "an approval that nobody gave"
    return ""


def starts_target(edge: Edge) -> bool:
    """Something of what is to serve is started, and no transition has begun."""
    step, spec, stable = act(edge), edge.spec, edge.state.stable
    if not isinstance(step, Start) or spec is None or stable is None or edge.state.transition:
        return False
    return step.slot is not stable.slot and Release(step.slot, step.version) == spec.target


def unmeant(edge: Edge) -> str:
    """Who let the stage begin, and whose approval is not there any more, or is too old, or not signed."""
    t, spec = edge.state.transition, edge.spec
    if t is None or t.asked is None or spec is None or spec.approvals is None:
        return ""
    policy, plan = spec.approvals, t.asked.plan
    given = [vote for vote in edge.observed.votes if vote.approve and vote.plan == plan and vote.age < policy.expires]
    mean = {vote.by for vote in given if vote.verified or not policy.signed}
    return next((name for name in t.asked.by if name not in mean), "")


def in_time(edge: Edge) -> str:
    """In closed windows nothing goes forward but what a person has let through."""
    t, spec, step = edge.state.transition, edge.spec, act(edge)
    override = edge.state.override
    through = override is not None and spec is not None and override[0] in (spec.digest, spec.base)
    now = any(one.begins <= edge.now and (one.ends is None or one.ends > edge.now) for one in edge.observed.closed)
    if (t and t.going_back) or through or not now:
        return ""
    if t is None:
        return "a target is started in a closed window" if starts_target(edge) else ""
    owner = isinstance(step, Start) and step.owner and step.slot is t.newcomer.slot
    ahead = climbs(edge) or isinstance(step, Migrate | TakeSnapshot | TryRestore) or (owner and not t.handed)
    return "a step forward in a closed window" if ahead else ""


def handled(edge: Edge) -> str:
    """What somebody moved by hand is on record before anything else is done; and where it is not at stable, nobody is
    led on but by a person's word, which names where to."""
    gateway, state, t, step = edge.observed.gateway, edge.state, edge.state.transition, act(edge)
    stamp, stable = gateway.stamp if gateway else None, state.in_charge
    if gateway is None or gateway.weights is None or stamp is None or not stamp.by_hand or step is None:
        return ""
    if stamp.journal != state.journal:
        return ""  # anothers' business
    if stable and state.by_hand is Word.NONE:
        return f"moved by hand, which is not on record, and {step} is done"
    told = state.claim or state.down or (t and t.condition == "Aborted" and state.by_hand is Word.GIVEN)
    astray = stable is None or gateway.weights != all_on(stable.slot)
    return f"moved by hand, nobody has said where to, and {step} is done" if astray and not told else ""


def drills(edge: Edge) -> str:
    """A drill begins at rest, with all users on what it is to come home to; all its versions are stable's; nothing is
    held for it; and it is over when they are home, or when git asks for something else. Where a restore is rehearsed
    nobody is moved, and nothing is started."""
    state, said, drill = edge.state, event(edge), edge.state.drill
    t, spec = state.transition, edge.spec
    if t and t.drill is DrillKind.RESTORE and drill and (moved := _moves(edge, t)):
        return moved
    match said:
        case DrillBegan():
            still = state.paused or state.suspended or state.down
            home = state.stable == said.home and serves(edge) and before(edge) == all_on(said.home.slot)
            fine = home and healthy(edge, said.home.slot) and not (t or drill or still)
            return "" if fine else "a drill begins where not all is at rest and well"
        case Began() if spec is not None and (said.drill or spec.base):
            same = said.newcomer.version == said.stable.version
            whole = drill is not None and said.drill is drill.kind and drill.home in (said.newcomer, said.stable)
            return "" if same and whole else "a drill moves users to something else"
        case RollbackBegan() if t and t.drill:
            return "stable's version would be held for a drill" if said.hold else ""
        case DrillEnded() if spec is not None and not spec.base:
            return "" if state.in_charge and spec.pinned(state.in_charge.slot) == state.in_charge.version else "lost"
        case DrillEnded():
            return "" if drill and state.stable == drill.home and not t else "a drill is over, and users are not home"
    return ""


def _moves(edge: Edge, t: Transition) -> str:
    step, said = act(edge), event(edge)
    if isinstance(step, Start) and step.slot is t.newcomer.slot:
        return f"{t.newcomer} is started, and only a restore is rehearsed"
    if isinstance(step, Route) and step.after.weights != all_on(t.stable.slot):
        return "users are moved, and only a restore is rehearsed"
    done = isinstance(said, RollbackBegan) and said.condition == "Drill"
    return "a restore counts as rehearsed, and nothing was put back" if done and t.trial is None else ""


def speaks(edge: Edge) -> str:
    """Liveness on one edge: a wait says who or what ends it, and never for a moment that is over."""
    wait = edge.decision.answer
    if not isinstance(wait, Wait):
        return ""
    if not wait.reason:
        return "waits without a reason"
    over = wait.until is not None and wait.until <= edge.now and not wait.blocked
    return f"{wait.reason} waits for a moment that is over" if over else ""


LAWS = {
    "1": law_01, "2": law_02, "3": law_03, "4": law_04, "10": law_10, "11": law_11, "12": law_12, "14": law_14,
    "15": law_15, "17": law_17, "19": law_19, "21": law_21, "21 (gates)": law_21_gates, "liveness": speaks,
    "migration": migrated_first, "left behind": left_behind, "approval": approved, "windows": in_time,
    "git": asked_for,
    "by hand": handled,
    "recovery point": saved_first,
    "drill": drills,
    "restore": put_back_whole,
}  # fmt: skip
FOR_FACTS = (
    "4",
    "14",
    "15",
    "19",
    "21 (gates)",
    "migration",
    "left behind",
    "approval",
    "git",
    "drill",
    "restore",
)  # others have nothing to say of facts
FOR_ACTS = tuple(number for number in LAWS if number not in ("14", "15", "git", "liveness"))
ABOUT = {kind: [(number, LAWS[number]) for number in numbers] for kind, numbers in (
    (Do, FOR_ACTS), (Record, FOR_FACTS), (Wait, ("liveness",)),
)}  # fmt: skip


def broken(edge: Edge) -> list[str]:
    """Every law that this decision breaks, with the sentence. Only those are asked that speak of such an answer; that
    the others have nothing to say is a test of its own (test_every_situation)."""
    laws = ABOUT[type(edge.decision.answer)]
    return [f"law {number}: {said} ({edge.decision.rule})" for number, law in laws if (said := law(edge))]
