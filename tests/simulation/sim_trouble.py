"""What happens between two looks: to clocks, disks, gateways, hosts, branches; and what people do, well or badly."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from sim_faults import IN_TURN, VERBS
from sim_git import INVALID, VERSIONS, Wish
from sim_members import ALIVE
from sim_orders import ORDERS, Orders
from sim_world import Place

from reconciler.core.events import Requested, Verb
from reconciler.core.model import DrillKind, Slot, all_on, share
from reconciler.core.reading import MemberStatus, Stamp

if TYPE_CHECKING:
    from sim_history import History

DAY = 86_400.0


class Trouble(Orders):
    """Every fault of `sim_faults.TURNS`, as a method of its name."""

    def __init__(self, history: History) -> None:
        self._history, self._weather, self._timeline = history, history.weather, history.timeline

    def strike(self) -> None:
        """Whatever is due now. A fault that finds nothing to break has not struck."""
        for name in IN_TURN:
            if not self._weather.may(name):
                continue
            draw = self._weather.draw(name)
            place = self._history.places[draw.choice(sorted(self._history.places))]
            kind, _, detail = name.partition("-")
            struck = self._say(draw, place, Verb(detail)) if kind == "say" else self._do(name, draw, place)
            if struck is not False:
                self._weather.strike(name)

    def _do(self, name: str, draw: Random, place: Place) -> object:
        self._history.say("fault", lambda: f"{name} ({place.name})")
        return getattr(self, name.replace("-", "_"))(draw, place)

    # ---- machines

    def clock_day_ahead(self, draw: Random, place: Place) -> None:
        self._history.clock.jump(DAY)

    def clock_wall_jumps(self, draw: Random, place: Place) -> None:
        self._history.clock.jump_wall(draw.choice((-DAY, DAY, -3600.0)))

    def clock_double(self, draw: Random, place: Place) -> None:
        self._history.clock.run_at(2.0)
        self._timeline.after(draw.uniform(5.0, 60.0), lambda: self._history.clock.run_at(1.0))

    def disk_full(self, draw: Random, place: Place) -> bool:
        """Counted where somebody is refused."""
        disk = self._history.disk
        disk.full = True
        self._timeline.after(draw.uniform(1.0, 20.0), lambda: setattr(disk, "full", False))
        return False

    def kill(self, draw: Random, place: Place) -> bool:
        living = [one for one in self._history.processes if one.alive]
        if living:
            self._history.die(draw.choice(living), "SIGKILL")
        return bool(living)

    def machine_reboots(self, draw: Random, place: Place) -> None:
        for one in place.members.all.values():
            place.members.die(one)
        place.gateway.restart(keep=True)
        for process in [one for one in self._history.processes if one.alive]:
            self._history.die(process, "reboot")

    # ---- gateway and members

    def gateway_restart_kept(self, draw: Random, place: Place) -> None:
        place.gateway.restart(keep=True)

    def gateway_restart_lost(self, draw: Random, place: Place) -> None:
        place.gateway.restart(keep=False)

    def gateway_silent(self, draw: Random, place: Place) -> None:
        place.gateway.silent = True
        self._timeline.after(draw.uniform(1.0, 40.0), lambda: setattr(place.gateway, "silent", False))

    def gateway_moved_by_hand(self, draw: Random, place: Place) -> bool:
        if not place.gateway.up:
            return False
        place.gateway.move_by_hand(share(draw.choice(list(Slot)), draw.choice((0, 10, 30, 80))))
        return True

    def gateway_moved_with_script(self, draw: Random, place: Place) -> bool:
        """Of the last transition, or of an older one: back to where it once came from."""
        if not place.gateway.up or place.gateway.routes.stamp is None:
            return False
        place.gateway.move_with_script(draw.choice(list(Slot)))
        return True

    def gateway_foreign(self, draw: Random, place: Place) -> bool:
        if not place.gateway.up or draw.random() < 0.7:
            return False
        place.gateway.move_by_hand(all_on(draw.choice(list(Slot))), Stamp("another", 9, 9))
        return True

    def counters_reset(self, draw: Random, place: Place) -> None:
        place.gateway.reset_counters()

    def drain_stuck(self, draw: Random, place: Place) -> None:
        """Downloads and WebSockets that never end."""
        place.gateway.drain = draw.choice((0.0, 2.0, 1e9))

    def host_dies(self, draw: Random, place: Place) -> bool:
        alive = [one for one in place.members.all.values() if one.status in ALIVE]
        if alive:
            place.members.die(draw.choice(alive))
        return bool(alive)

    def slot_dies(self, draw: Random, place: Place) -> bool:
        """All that runs in one slot, at once: stable's or the newcomer's."""
        slot = draw.choice(list(Slot))
        alive = [one for one in place.members.all.values() if one.slot is slot and one.status in ALIVE]
        for one in alive:
            place.members.die(one)
        return len(alive) > 1

    def health_flaps(self, draw: Random, place: Place) -> bool:
        """A member that was well is well no more, and is again, and so on for a while."""
        well = [one for one in place.members.all.values() if one.status is MemberStatus.READY]
        over = self._timeline.now + draw.uniform(2.0, 60.0)

        def goes_on() -> bool:
            return self._timeline.now < over and not self._weather.calm

        if well:
            place.members.flap(draw.choice(well), draw, goes_on)
        return bool(well)

    # ---- git

    def git_commit(self, draw: Random, place: Place) -> None:
        self._history.commit(place, self._wish(draw, place).text(place.name, place.warm))

    def git_storm(self, draw: Random, place: Place) -> None:
        for _ in range(draw.randint(5, 25)):
            self._history.commit(place, self._wish(draw, place).text(place.name, place.warm))

    def git_revert(self, draw: Random, place: Place) -> bool:
        git = self._history.git
        parent = git.commits[git.head].parent
        if parent:
            self._history.push(git.files(parent))
        return bool(parent)

    def git_force_push(self, draw: Random, place: Place) -> None:
        """Another commit beside the head's parents: what was in force is in nobody's history."""
        git = self._history.git
        ancestors = [git.head]
        while ancestors[-1] and len(ancestors) < 5:
            ancestors.append(git.commits[ancestors[-1]].parent)
        parent = draw.choice(ancestors[1:])
        files = {**git.files(parent), **self._file(place, self._wish(draw, place).text(place.name, place.warm))}
        self._history.push(files, parent)

    def git_commit_gone(self, draw: Random, place: Place) -> bool:
        """A gc took what nobody names any more, as after a force-push."""
        accepted = self._history.laws.state(place.name).accepted
        git = self._history.git
        if accepted and accepted.revision != git.head:
            git.gone.add(accepted.revision)
            return True
        return False

    def git_invalid(self, draw: Random, place: Place) -> None:
        wish = Wish() if draw.random() < 0.3 else self._wish(draw, place)
        data = wish.text(place.name, place.warm)
        good, bad = draw.choice(INVALID)
        self._history.commit(place, data.replace(good, bad, 1))

    def git_deleted(self, draw: Random, place: Place) -> None:
        git = self._history.git
        files = git.files()
        files.pop(next(iter(self._file(place, b""))), None)
        self._history.push(files)

    def git_unreadable(self, draw: Random, place: Place) -> None:
        git = self._history.git
        git.unreadable = True
        self._timeline.after(draw.uniform(0.5, 20.0), lambda: setattr(git, "unreadable", False))

    def _file(self, place: Place, data: bytes) -> dict[str, bytes]:
        return {f"environments/{place.name}.yaml": data}

    def _wish(self, draw: Random, place: Place) -> Wish:
        """Mostly what people ask for: another version in the idle slot. Sometimes nonsense."""
        orders = self._weather.draw("orders").randrange(len(ORDERS)) if place.orders else 0
        wish = replace(self._wanted(draw, place), orders=orders, drills=place.drills)
        if place.drills and self._weather.draw("drills").random() < 0.5:  # nothing is staged that would be in the way
            stable = self._history.laws.state(place.name).in_charge
            if stable:
                wish = replace(wish, active=str(stable.slot), **{str(stable.slot.other): None})
        return wish

    def _wanted(self, draw: Random, place: Place) -> Wish:
        stable = self._history.laws.state(place.name).in_charge
        slot, version = (stable.slot, stable.version) if stable else (Slot.BLUE, VERSIONS[0])
        other, policy = draw.choice(VERSIONS), draw.randrange(12)
        pins = {str(slot): version, str(slot.other): other}
        kind = draw.random()
        if kind < 0.6:
            return Wish(str(slot.other), policy=policy, **pins)
        if kind < 0.8:
            return Wish(str(slot), policy=policy, **pins)
        if kind < 0.9:
            return Wish(str(slot), policy=policy, **{**pins, str(slot.other): None})
        return Wish(str(draw.choice(list(Slot))), other, draw.choice(VERSIONS), policy)

    # ---- people

    def interrupt(self, draw: Random) -> None:
        """Somebody asks for something while a step is being made."""
        place = self._history.places[draw.choice(sorted(self._history.places))]
        self._say(draw, place, draw.choice((Verb.ABORT, Verb.SUSPEND, Verb.PAUSE, Verb.ROLLBACK)))

    def _say(self, draw: Random, place: Place, verb: Verb) -> bool:
        state = self._history.laws.state(place.name)
        request = _request(draw, place, verb)
        if request is None or not state.seq or verb not in VERBS:
            return False
        if verb in (Verb.PAUSE, Verb.SUSPEND, Verb.DOWN):  # and takes it back, sooner or later
            again = Requested(Verb.RESUME, reason="that is over")
            self._timeline.after(draw.uniform(1.0, 15.0), lambda: self._history.asks_soon(place, again))
        return self._history.ask(place, request)


def _request(draw: Random, place: Place, verb: Verb) -> Requested | None:
    """What an operator types. Nobody swears that a worker has stopped without having seen it."""
    if verb is Verb.HANDOVER:
        dead = [slot for slot in Slot if place.members.all["worker", slot].status not in ALIVE]
        return Requested(verb, slot=draw.choice(dead), reason="seen") if dead else None
    if verb is Verb.DRILL:
        return Requested(verb, drill=draw.choice((None, *DrillKind)), reason="chaos")
    leave, accept = draw.random() < 0.5, draw.random() < 0.5
    slot = draw.choice(list(Slot)) if verb is Verb.ADOPT else None
    return Requested(verb, slot=slot, reason="chaos", leave_split=leave, accept_rewritten=accept)
