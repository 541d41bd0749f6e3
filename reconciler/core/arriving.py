"""Rules for the beginning: bootstrap, adoption, a gateway that somebody else wrote, and the end (`down`)."""

from __future__ import annotations

from reconciler.core.members import owned, prepare, vacate
from reconciler.core.model import MemberStatus, Release, Routing, Slot, Weights, all_on, share
from reconciler.core.situation import ALIVE, Answer, Do, Record, Situation, Wait
from reconciler.core.steps import Adopted, Bootstrapped, CloseGateway, Route, Stop

FOREIGN = "another journal wrote this gateway"


def bring_down(s: Situation) -> Answer | None:
    """`reconcile down`: stop listening, then every member; stay so until `resume`."""
    if not s.state.down:
        return None
    if s.gateway is None:
        return Wait("GatewayUnreachable", s.observed.detail)
    if s.gateway.up:
        return Do(CloseGateway(), f"down: {s.state.down}")
    for slot in Slot:
        alive = tuple(m.name for m in s.spec.members if s.status(slot, m.name) in ALIVE)
        if alive:
            return Do(Stop(slot, alive), f"down: {s.state.down}")
    unknown = any(s.status(slot, m.name) is MemberStatus.UNKNOWN for slot in Slot for m in s.spec.members)
    if unknown:
        return Wait("MemberUnknown", "whether everything has stopped cannot be read")
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
        return Wait("AdoptionNeeded", f"{slot}: its members are not all ready at one version", blocked=True)
    return Record(Adopted(Release(slot, version)))


def arrive(s: Situation) -> Answer | None:
    """No stable yet: ours in the making, somebody's running system, or nothing at all."""
    gateway = s.gateway
    if s.state.stable or gateway is None:
        return None
    if gateway.weights is None and gateway.stamp is None:
        return _bootstrap(s)
    ours = gateway.stamp is not None and gateway.stamp.journal == s.state.journal
    if ours and gateway.weights == all_on(s.spec.active):
        return _open(s)
    return _adopt(s, gateway.weights, foreign=not ours and gateway.stamp is not None)


def _bootstrap(s: Situation) -> Answer:
    """Nothing was ever here: start the active slot, see it healthy, and only then open the listener."""
    target = s.spec.target
    step = prepare(s, target, warm=False) or owned(s, target)
    return step or Do(Route(None, Routing(all_on(target.slot))), f"open the listener on {target}")


def _open(s: Situation) -> Answer:
    target = s.spec.target
    if not s.gateway or not s.gateway.up:
        return prepare(s, target, warm=False) or Do(Route(all_on(target.slot), Routing(all_on(target.slot))), "reopen")
    if s.runs(target):
        return Record(Bootstrapped(target))
    return Wait("NotReady", f"{target} has the traffic but is not ready", alert=True)


def _adopt(s: Situation, weights: Weights | None, *, foreign: bool) -> Answer:
    """A gateway at 100 on one slot, written by no reconciler, is adopted as it runs; anything else needs a person."""
    whole = [slot for slot in Slot if weights == all_on(slot)]
    version = _version_in(s, whole[0]) if whole and not foreign else None
    if version is not None:
        return Record(Adopted(Release(whole[0], version)))
    return _needs_person(s, FOREIGN if foreign else f"the gateway stands at {_shown(weights)}")


def claim_gateway(s: Situation) -> Answer | None:
    """Another journal's stamp on the gateway: hands off, unless an operator adopted it a moment ago."""
    gateway, stable = s.gateway, s.state.stable
    if gateway is None or stable is None or gateway.stamp is None or gateway.stamp.journal == s.state.journal:
        return None
    if not s.state.claim:
        return _needs_person(s, FOREIGN)
    if not s.runs(stable):
        return Wait("StableDegraded", f"{stable} was adopted but is not ready", alert=True)
    return Do(Route(gateway.weights, Routing(all_on(stable.slot))), f"take the gateway over on {stable}")


def start_stable(s: Situation) -> Answer | None:
    """The release that a rollback returns to is up, always."""
    stable = s.state.in_charge
    if stable is None or not s.having(stable.slot, MemberStatus.STOPPED):
        return None
    if s.misfits(stable):
        return _refit(s, stable)
    return prepare(s, stable, warm=False)


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
    if s.having(stable.slot, MemberStatus.UNREADY) and not s.having(stable.slot.other, MemberStatus.READY):
        return Wait("NotReady", f"{stable} is starting", alert=True)
    return Do(Route(gateway.weights, _routing(s, stable)), "bring the gateway back")


def _routing(s: Situation, stable: Release) -> Routing:
    transition = s.transition
    if transition is None or transition.going_back or not s.runs(transition.newcomer):
        return Routing(all_on(stable.slot))
    held = s.gateway.weights[transition.newcomer.slot] if s.gateway and s.gateway.weights else 0
    weight = min(held, transition.rung)
    return Routing(share(transition.newcomer.slot, weight), fallback=stable.slot if weight else None)


def _version_in(s: Situation, slot: Slot) -> str | None:
    """The one version at which all weighted members of a slot are ready, as they report it themselves."""
    readings = s.readings(slot).values()
    versions = {reading.version for reading in readings if reading.status is MemberStatus.READY}
    ready = len(versions) == 1 and all(reading.status is MemberStatus.READY for reading in readings)
    return versions.pop() if ready else None


def _needs_person(s: Situation, why: str) -> Wait:
    command = f"reconcile adopt {s.spec.environment} --stable blue|green"
    return Wait("AdoptionNeeded", f"{why}; say which slot is good: {command}", blocked=True, alert=True)


def _shown(weights: Weights | None) -> str:
    return f"blue {weights.blue} %, green {weights.green} %" if weights else "no weights"
