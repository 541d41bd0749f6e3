"""Standing orders: who has to approve, and when nothing may go forward; and what people do about them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from sim_world import Place

from reconciler.core.events import Requested, Verb
from reconciler.core.model import Stage

if TYPE_CHECKING:
    from sim_history import History

AUTHOR, STRANGER = "cid", "eve"  # an approver who made the change, and one who is nobody
SHUT_EVERY, SHUT_FOR = 120, 20  # seconds: the windows below, by the wall
WINDOWS = '  windows: [{deny: "*/2 * * * *", duration: 20s, reason: "the till is counted"}]\n'
DRILL = '  drill: {schedule: "*/3 * * * *", kind: switch-and-back, expires: 30m}\n'
ORDERS = (
    "",
    "  approvals: {before: [shift], approvers: [ann], deadline: 60s}\n",
    "  approvals: {before: [preflight, handOver, finalise], approvers: [ann, bob, cid], minimum: 2,"
    " selfApproval: false, expires: 1h}\n",
    WINDOWS,
    "  approvals: {before: [shift, finalise], approvers: [ann, bob], expires: 30s}\n" + WINDOWS,
    "  rollback: {git: note}\n",
)


@dataclass(frozen=True)
class Ballot:
    """Somebody's word, and what is really to be said of it."""

    id: str
    stage: Stage
    plan: str
    by: str
    approve: bool
    verified: bool
    written: float  # seconds since 1970, by the voter's clock
    question: int  # the entry that asked it; 0: none that ever was


class Orders:
    """Faults, as methods of their names, like those of `Trouble`."""

    _history: History

    def vote_approve(self, draw: Random, place: Place) -> bool:
        return self._vote(place, draw.choice(("ann", "ann", "bob")))

    def vote_reject(self, draw: Random, place: Place) -> bool:
        return draw.random() < 0.3 and self._vote(place, "ann", approve=False)

    def vote_forged(self, draw: Random, place: Place) -> bool:
        return self._vote(place, "ann", approve=draw.random() < 0.7, verified=False)

    def vote_author(self, draw: Random, place: Place) -> bool:
        return self._vote(place, AUTHOR)

    def vote_stranger(self, draw: Random, place: Place) -> bool:
        return self._vote(place, STRANGER)

    def vote_yesterday(self, draw: Random, place: Place) -> bool:
        """Any word of before, once more: a replay."""
        old = self._history.git.ballots[place.name]
        plan = draw.choice(old).plan if old else "0" * 64
        return self._vote(place, "bob", plan=plan)

    def vote_clock_wrong(self, draw: Random, place: Place) -> bool:
        return self._vote(place, "ann", ahead=draw.choice((-1e6, 1e6)))

    def override(self, draw: Random, place: Place) -> bool:
        if not place.orders or not self._history.laws.state(place.name).seq:
            return False
        return self._history.ask(place, Requested(Verb.RESUME, override=True, reason="urgent"))

    def git_obstacle(self, draw: Random, place: Place) -> None:
        """Somebody has the file open, changed, in a work tree."""
        obstacles = self._history.git.obstacles
        obstacles.add(place.name)
        self._history.timeline.after(draw.uniform(2.0, 40.0), lambda: obstacles.discard(place.name))

    def git_old_work_tree(self, draw: Random, place: Place) -> bool:
        """And commits it as it was before it was put back."""
        git = self._history.git
        duty = self._history.laws.state(place.name).duty
        if duty is None or (place.name, duty.transition) not in git.made or duty.revision not in git.commits:
            return False
        failed = git.files(duty.revision).get(f"environments/{place.name}.yaml")
        if failed is None or failed == git.files().get(f"environments/{place.name}.yaml"):
            return False
        self._history.commit(place, failed)
        return True

    def _vote(
        self, place: Place, by: str, *, approve: bool = True, verified: bool = True, plan: str = "", ahead: float = 0.0
    ) -> bool:
        """False: nobody is asked, so there is nothing to vote on."""
        t = self._history.laws.state(place.name).transition
        if t is None or t.asked is None:
            return False
        self._history.vote(place, t.asked, by, approve=approve, verified=verified, plan=plan, ahead=ahead)
        return True
