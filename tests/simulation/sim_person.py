"""What people do when all is calm again: what the status asks them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_git import CURE, VERSIONS, Wish
from sim_world import Place

from reconciler.core.events import Requested, Verb
from reconciler.core.model import Slot, all_on
from reconciler.core.state import State

if TYPE_CHECKING:
    from sim_history import History


class Person:
    """Somebody who does what the status asks for, when all is calm again."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._read = ("", "")  # what was answered last, and of which environment

    def answer(self, place: Place, reason: str) -> None:
        state = self._history.laws.state(place.name)
        stable = state.in_charge
        self._history.say("person", lambda: f"reads {reason} ({place.name})")
        match reason:
            case "Holding" if self._read == (place.name, reason):  # trying on did not help
                self._say(place, Verb.ABORT)
            case "Suspended" | "Down" | "Paused" | "Holding":
                self._say(place, Verb.RESUME)
            case "WaitingApproval" if state.transition and state.transition.asked:
                for by in ("ann", "bob"):
                    self._history.vote(place, state.transition.asked, by)
            case "WaitingApproval":  # somebody was quicker
                pass
            case "Frozen":
                self._history.ask(place, Requested(Verb.RESUME, override=True, reason="as told"))
            case "PromotionAwaited":
                self._say(place, Verb.PROMOTE)
            case "BranchRewritten":
                self._say(place, Verb.RETRY, accept_rewritten=True)
            case "GatewayChanged":
                self._say(place, Verb.DOWN)
            case "AdoptionNeeded":
                self._adopt(place, state)
            case "Drifted" if stable:
                place.gateway.move_by_hand(all_on(stable.slot))
            case "Refused" if state.down:  # this gateway is not ours to stop
                self._say(place, Verb.RESUME)
            case "DrillAway":
                self._say(place, Verb.RETRY)
            case "RevisionHeld":
                pass
            case "StableDegraded" | "StableUnknown" | "OwnerMissing" if stable:
                self._repair(place, stable.slot, stable.version)
            case _:
                self._pin(place, state)
        self._read = (place.name, reason)

    def _say(self, place: Place, verb: Verb, slot: Slot | None = None, *, accept_rewritten: bool = False) -> None:
        self._history.ask(place, Requested(verb, slot=slot, reason="as told", accept_rewritten=accept_rewritten))

    def _adopt(self, place: Place, state: State) -> None:
        ready = [slot for slot in Slot if place.answers(slot) and self._one_version(place, slot)]
        if not ready:
            slot = state.stable.slot if state.stable else Slot.BLUE
            self._repair(place, slot, VERSIONS[0])
            ready = [slot]
        place.releases.cure(str(place.members.weighted(ready[0])[0].version))
        self._say(place, Verb.ADOPT, ready[0])

    def _one_version(self, place: Place, slot: Slot) -> bool:
        return len({place.members.reads(one).version for one in place.members.weighted(slot)}) == 1

    def _repair(self, place: Place, slot: Slot, version: str) -> None:
        """Deploy it by hand, whole."""
        place.releases.cure(version)
        for one in place.members.weighted(slot):
            place.members.die(one)
            place.members.start(one, version)

    def _pin(self, place: Place, state: State) -> None:
        """A commit that can be accepted: stable as it is, nothing else."""
        stable = state.in_charge
        slot, version = (stable.slot, stable.version) if stable else (Slot.BLUE, CURE)
        place.releases.cure(version)
        self._history.commit(place, Wish(str(slot), **{"blue": None, str(slot): version}).text(place.name, place.warm))
