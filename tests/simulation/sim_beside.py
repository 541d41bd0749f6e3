"""Git beside the desired state, in place of `desired.votes.Votes` and `desired.writing.Writing`: the same answers, the
same errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_orders import AUTHOR

from reconciler.core.model import Stage
from reconciler.core.reading import GitReading, Vote
from reconciler.core.steps import Note, PutBack
from reconciler.desired.repository import FOLDER
from reconciler.errors import Conflict, InvalidDesired, Problem, Refused, Unreachable

if TYPE_CHECKING:
    from sim_process import Process


class Votes:
    """Of all environments, as one process reads them by its machine's clock."""

    def __init__(self, process: Process) -> None:
        self._process, self._history = process, process.history

    def read(self, environment: str, stage: Stage, plan: str, since: str, revision: str) -> tuple[Vote, ...]:
        git = self._history.git
        if git.unreadable or self._history.weather.strikes("votes-unread"):
            raise InvalidDesired(Problem(FOLDER, 0, 0, "votes cannot be read"))
        now = self._process.clock.now().timestamp()
        return tuple(
            Vote(one.id, one.stage, one.plan, one.approve, one.by, one.verified, one.by == AUTHOR, now - one.written)
            for one in git.ballots[environment]
        )


class Writing:
    """The file that is put back, and the notes."""

    def __init__(self, process: Process) -> None:
        self._process, self._history = process, process.history

    def reading(self, environment: str, transition: str, failed: str, good: str, branch: str) -> GitReading | None:
        git = self._history.git
        if git.unreadable or git.gone & {failed, good} or self._history.weather.strikes("git-beside-unread"):
            return GitReading(transition, None)
        bad, fine = self._text(environment, failed), self._text(environment, good)
        if bad is None or fine is None or bad == fine:
            return None
        asks = self._text(environment, git.head) == bad
        made = "" if asks or self._text(environment, git.head) != fine else git.made.get((environment, transition), "")
        obstacle = "it is changed in a work tree" if asks and self._kept(environment) else ""
        return GitReading(transition, asks, obstacle, made)

    def put_back(self, environment: str, act: PutBack, seal: str) -> str:
        history, git = self._history, self._history.git
        self._send("put-back")
        bad, fine = self._text(environment, act.failed), self._text(environment, act.good)
        if self._text(environment, git.head) != bad:
            made = git.made.get((environment, act.transition), "")
            if made and self._text(environment, git.head) == fine:
                return made
            raise Refused("it is not as it failed: somebody has changed it since")
        if self._kept(environment) or fine is None or fine == bad:
            raise Refused("it is changed in a work tree, or there is nothing to put back")
        history.laws.puts_back(history.places[environment], act)
        history.commit(history.places[environment], fine)
        git.made[environment, act.transition] = git.head
        self._answered("put-back")
        return git.made[environment, act.transition]

    def note(self, environment: str, act: Note, seal: str) -> None:
        self._send("note")
        if act.revision not in self._history.git.commits:
            raise Refused("there is no such commit")
        self._history.git.notes[environment, act.revision] = act.text
        self._answered("note")

    def _send(self, what: str) -> None:
        """All that may happen before git has done anything."""
        self._process.may_die(f"before git is told ({what})")
        if self._history.git.unreadable or self._history.weather.strikes(f"{what}-lost", 3.0):
            raise Unreachable("git does not answer")
        if self._history.weather.strikes(f"{what}-conflict", 3.0):
            files = self._history.git.files()
            number = str(len(self._history.git.commits)).encode()
            self._history.push({**files, "README": number})  # somebody's, for something else
            raise Conflict("the branch has moved")

    def _answered(self, what: str) -> None:
        self._process.may_die(f"after git was told ({what})")
        if self._history.weather.strikes(f"{what}-reply-lost", 3.0):
            raise Unreachable("git does not answer in time")

    def _text(self, environment: str, revision: str) -> bytes | None:
        return self._history.git.files(revision).get(f"environments/{environment}.yaml")

    def _kept(self, environment: str) -> bool:
        return environment in self._history.git.obstacles
