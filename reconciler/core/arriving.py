"""Rules for the beginning: bootstrap, adoption, a gateway that somebody else wrote, and the end (`down`)."""

from __future__ import annotations

from reconciler.core.events import Adopted, Bootstrapped, RequestRefused, Verb, WentDown
from reconciler.core.gates import pending
from reconciler.core.members import at_rest, owned, prepare, shared, vacate, whole
from reconciler.core.model import Release, Slot, Weights, all_on
from reconciler.core.reading import MemberStatus
from reconciler.core.saving import unsafe
from reconciler.core.situation import RUNNING, Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import CloseGateway, Route, StageFiles, Start, Stop

FOREIGN = "another journal wrote this gateway"
BY_HAND = "somebody moved all traffic by hand"


def bring_down(s: Situation) -> Answer | None:
    """`reconcile down`: stop listening, then every member; stay so until `resume`."""
    if not s.state.down:
        return None
    refused = s.state.refusal is not None and s.state.refusal.act == CloseGateway()  # it is not ours to stop
    if not refused and (s.gateway is None or s.gateway.up):  # one that runs and does not answer has to end, too
        return Do(CloseGateway(), f"down: {s.state.down}")
    for slot in Slot:
        alive = tuple(m.name for m in s.spec.members if s.status(slot, m.name) in RUNNING)
        if alive:
            return Do(Stop(slot, alive), f"down: {s.state.down}")
    unknown = any(s.status(slot, m.name) is MemberStatus.UNKNOWN for slot in Slot for m in s.spec.members)
    if unknown:
        return Wait("MemberUnknown", "whether everything has stopped cannot be read")
    if not s.state.went_down:
        return Record(WentDown())
    return Wait("Down", f"{s.state.down}; to start again: reconcile resume {s.spec.environment}", blocked=True)


def gateway_unreachable(s: Situation) -> Answer | None:
    """Unknown is not zero: nothing moves until the gateway can be read."""
    return Wait("GatewayUnreachable", s.observed.detail or "no answer", alert=True) if s.gateway is None else None


def adopt_on_request(s: Situation) -> Answer | None:
    """`reconcile adopt ENV --stable SLOT`: what runs there is stable from now on."""
    slot = s.state.adopt
    if slot is None:
        return None
    version = _version_in(s, slot)
    if version is None:
        why = f"{slot}: its members are not all ready at one version; ask again when they are"
        return Record(RequestRefused(Verb.ADOPT, why))  # kept for later it would move users when nobody looks
    return Record(Adopted(Release(slot, version)))


def arrive(s: Situation) -> Answer | None:
    """No stable yet: ours in the making, somebody's running system, or nothing at all."""
    gateway = s.gateway
    if s.state.stable or gateway is None:
        return None
    if gateway.weights is None and gateway.stamp is None:
        return _bootstrap(s)
    if gateway.stamp is not None and gateway.stamp.by_hand:
        return needs_person(s, BY_HAND)
    ours = gateway.stamp is not None and gateway.stamp.journal == s.state.journal
    if ours and gateway.weights == all_on(s.spec.active) and not _overtaken(s):
        return _open(s)
    return _adopt(s, gateway.weights, foreign=not ours and gateway.stamp is not None)


def _overtaken(s: Situation) -> bool:
    """Git moved on before it was on record that we opened: what serves is what we had started, not what is asked."""
    target, up = s.spec.target, s.gateway is not None and s.gateway.up
    return up and bool(s.misfits(target)) and s.state.started[target.slot] != target.version


def _bootstrap(s: Situation) -> Answer:
    """Nothing was ever here: start the active slot, see it healthy, and only then open the listener."""
    target = s.spec.target
    step = prepare(s, target, warm=False) or owned(s, target)
    return step or Do(Route(None, whole(target.slot)), f"open the listener on {target}")


def _open(s: Situation) -> Answer:
    """We opened the listener, and died before it was on record."""
    target = s.spec.target
    step = prepare(s, target, warm=False)
    if step:
        return step
    if s.gateway and s.gateway.up:
        return Record(Bootstrapped(target))
    return Do(Route(all_on(target.slot), whole(target.slot)), "reopen")


def _adopt(s: Situation, weights: Weights | None, *, foreign: bool) -> Answer:
    """A gateway at 100 on one slot, written by no reconciler, is adopted as it runs; anything else needs a person."""
    alone = [slot for slot in Slot if weights == all_on(slot)]
    version = _version_in(s, alone[0]) if alone and not foreign else None
    if version is not None:
        return Record(Adopted(Release(alone[0], version)))
    return needs_person(s, FOREIGN if foreign else f"the gateway stands at {_shown(weights)}")


def claim_gateway(s: Situation) -> Answer | None:
    """Another journal's stamp on the gateway: hands off. An operator who adopted it a moment ago takes it over."""
    gateway, stable = s.gateway, s.state.stable
    if gateway is None or stable is None:
        return None
    if s.state.claim:
        step = None if s.runs(stable) else prepare(s, stable, warm=False)
        return step or Do(Route(gateway.weights, whole(stable.slot)), f"take the gateway over on {stable}")
    foreign = gateway.stamp is not None and gateway.stamp.journal != s.state.journal
    return needs_person(s, FOREIGN) if foreign else None


def start_stable(s: Situation) -> Answer | None:
    """The release that a rollback returns to is up, always; and a newcomer from which nothing leads back. One that ends
    again and again stops nothing else."""
    t, stable = s.transition, s.state.in_charge
    alone = t.newcomer if t and s.state.outgrown and t.rung else None
    answers = (_keep_up(s, release) for release in (alone, stable) if release)
    return next((answer for answer in answers if answer), None)


def _keep_up(s: Situation, stable: Release) -> Answer | None:
    stopped = s.having(stable.slot, MemberStatus.STOPPED)
    if not stopped:
        return None
    if s.misfits(stable):
        return _refit(s, stable)
    slot, version = stable.slot, stable.version
    step = Do(Start(slot, version, tuple(stopped)), f"start {', '.join(stopped)} in {slot}")
    if version not in (s.state.files[slot], s.state.started[slot]):
        step = Do(StageFiles(slot, version), f"stage the files of {stable}")
    return None if s.too_soon(step.act) else step


def _refit(s: Situation, stable: Release) -> Answer | None:
    """One member runs another version beside stopped ones: replaced only where nobody is served."""
    if s.gateway and s.gateway.up and s.gateway.weights and s.gateway.weights[stable.slot]:
        return None
    return vacate(s, stable.slot) or Do(Stop(stable.slot, tuple(s.misfits(stable))), f"make room for {stable}")


def reopen_gateway(s: Situation) -> Answer | None:
    """A managed gateway that ended comes back with the weights it should have: never more for the newcomer."""
    gateway, stable = s.gateway, s.state.in_charge
    if gateway is None or stable is None or (gateway.up and gateway.weights is not None):
        return None
    t = s.transition
    if t and _alone(s, t, stable):
        return _reopen_alone(s, t)
    weight = _kept(s, stable)
    if not weight and s.having(stable.slot, MemberStatus.STOPPED, MemberStatus.UNREADY, MemberStatus.STOPPING):
        lost = s.spec.pinned(stable.slot) != stable.version  # then nobody knows how to start it: only a commit helps
        way = f"; it is not pinned, so it cannot be started: pin {stable.version} in {stable.slot}" if lost else ""
        return Wait("NotReady", f"the gateway stays closed until {stable} is ready{way}", blocked=lost, alert=True)
    routing = shared(t, weight) if t and weight else at_rest(s, stable)
    return Do(Route(gateway.weights, routing), "bring the gateway back")


def _alone(s: Situation, t: Transition, stable: Release) -> bool:
    """Nothing leads back to stable; and it is not waited for where the newcomer's data are made, or being made."""
    ready = t.begun or (t.up and not pending(t))
    return s.state.outgrown and (t.rung > 0 or (ready and not s.runs(stable)))


def _reopen_alone(s: Situation, t: Transition) -> Answer | None:
    """Stable does not work with the data any more: the newcomer, or nobody. One that had no users yet is brought up
    behind the closed listener, where no gate can judge it; so a person says whether it may have them."""
    if t.migrating or unsafe(s, t):
        return None
    closed = f"the gateway stays closed until {t.newcomer} is ready: {t.stable} does not work with its data"
    if not t.rung:
        return prepare(s, t.newcomer, warm=False) or _nobody_serves(s, t)
    if not s.runs(t.newcomer):
        return Wait("NotReady", closed, alert=True)
    return Do(Route(s.gateway.weights if s.gateway else None, shared(t, t.rung)), "bring the gateway back")


def _nobody_serves(s: Situation, t: Transition) -> Wait:
    name = s.spec.environment
    why = f"{t.stable} is not ready, and may not get so on data that were migrated for {t.newcomer}"
    ways = f"to open the gateway on {t.newcomer}, which no gate has judged: reconcile adopt {name} --stable"
    message = f"{why}; {ways} {t.newcomer.slot}; to wait for {t.stable} only: reconcile abort {name}"
    return Wait("NotReady", message, blocked=True, alert=True)


def _kept(s: Situation, stable: Release) -> int:
    """The newcomer's weight after a restart: what it had, at most our rung. On the way back only if stable is bad."""
    t, weights = s.transition, s.gateway.weights if s.gateway else None
    if t is None or weights is None or not s.runs(t.newcomer) or (t.going_back and s.runs(stable)):
        return 0
    return min(weights[t.newcomer.slot], t.rung)


def _version_in(s: Situation, slot: Slot) -> str | None:
    """The one version at which all weighted members of a slot are ready, as they report it themselves."""
    readings = s.readings(slot).values()
    versions = {reading.version for reading in readings if reading.status is MemberStatus.READY}
    ready = len(versions) == 1 and all(reading.status is MemberStatus.READY for reading in readings)
    return versions.pop() if ready else None


def needs_person(s: Situation, why: str, then: str = "") -> Wait:
    """Which slot is good cannot be known here. `then`: what to type after that is said."""
    command = f"reconcile adopt {s.spec.environment} --stable blue|green{then}"
    return Wait("AdoptionNeeded", f"{why}; say which slot is good: {command}", blocked=True, alert=True)


def _shown(weights: Weights | None) -> str:
    return f"blue {weights.blue} %, green {weights.green} %" if weights else "no weights"
