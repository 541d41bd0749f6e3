"""What works for as long as it owns: the host's file says who does, and is looked at between two pieces of work."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import folder
from jobs import StaleError
from serving import Given, Member

LOOK_S = 0.05  # between two looks when there is nothing to do


class Owning(Member):
    """Standing by, it does nothing. As the owner it works by the number that it was granted; asked to let go, it takes
    nothing new, finishes what it holds, and says so. Both are told by /healthz, with the number that was read last."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.role, self.number = ("standby", 0) if given.ownership else ("owner", 0)
        self._said = (self.role, self.number)  # replaced as one, so that nobody reads a role with another's number

    def health(self) -> dict[str, Any]:
        role, number = self._said
        return {"role": role, "number": number} if self.given.ownership else {}

    def work(self, stop: threading.Event) -> None:
        """Until told to stop; what it holds is always finished."""
        if self.given.told.never_ready:
            stop.wait()
        if self.role == "owner" and not stop.is_set():
            self.begin(self.number)
        while not stop.is_set():
            if not self._turn():
                stop.wait(LOOK_S)
        while self.role != "standby" and self._worked(self.finish):
            pass

    def begin(self, number: int) -> None:
        """It owns from now on."""

    def step(self, number: int) -> bool:  # noqa: ARG002
        """One piece of work; False when there is none."""
        return False

    def finish(self, number: int) -> bool:  # noqa: ARG002
        """One piece of what is left when nothing new is taken; False when nothing is."""
        return False

    def _turn(self) -> bool:
        owner, number = _read(self.given.ownership) if self.given.ownership else (self.given.me.slot, 0)
        if owner == self.given.me.slot:
            return self._own(number) and self._worked(self.step)
        if self.role != "standby":
            self._say("letting-go", self.number)
            if self._worked(self.finish):
                return True
        self._say("standby", number)
        return False

    def _own(self, number: int) -> bool:
        if (self.role, self.number) != ("owner", number):
            try:
                self.begin(number)
            except StaleError:
                self._say("standby", number)
                return False
            self._say("owner", number)
        return True

    def _worked(self, piece: Any) -> bool:
        """Refused by the fence, it owns nothing any more, whatever it has read."""
        try:
            return bool(piece(self.number))
        except StaleError as error:
            print(f"{self.given.me.member} {self.given.me.slot}: refused: {error}", flush=True)
            self._say("standby", self.number)
            return False

    def _say(self, role: str, number: int) -> None:
        self.role, self.number = self._said = (role, number)


def _read(file: Path) -> tuple[str | None, int]:
    """Who owns, and the number; nobody while there is no such file."""
    said = json.loads(folder.contents(file) or b'{"owner": null, "number": 0}')
    return said["owner"], said["number"]
