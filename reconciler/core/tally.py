"""What users got while an environment was watched. Nothing is decided by it: added up look by look (`serving`), it goes
on record with the heartbeats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.model import Pair, Slot

TIMES = ("up", "out", "unclear", "off", "uncounted", "bridged", "answered")


@dataclass(frozen=True, slots=True)
class Users:
    """Requests by the users' road, as the gateway counts them: also our own that go by it, not what goes by a forced
    one."""

    requests: int = 0
    failed: int = 0  # answers 5xx, no answer, or no connection


@dataclass(frozen=True, slots=True)
class Tally:
    """Seconds of watched time, by what they were; and the users in it."""

    up: float = 0.0
    out: float = 0.0
    unclear: float = 0.0
    off: float = 0.0
    users: Pair[Users] = Pair(Users(), Users())
    uncounted: float = 0.0  # seconds, of all of these, whose requests are not known: counters unread, or reset
    bridged: float = 0.0  # seconds beside these, in which nobody watched, and whose requests are known all the same
    answered: float = 0.0  # seconds, of those, between two looks between which enough were answered, and nobody badly

    @property
    def seconds(self) -> float:
        return self.up + self.out + self.unclear + self.off

    @property
    def requests(self) -> tuple[int, int]:
        """Of both slots together, and how many of them failed."""
        blue, green = self.users.blue, self.users.green
        return blue.requests + green.requests, blue.failed + green.failed

    def plus(self, other: Tally) -> Tally:
        users = (_sum(self.users[slot], other.users[slot]) for slot in Slot)
        return Tally(
            self.up + other.up, self.out + other.out, self.unclear + other.unclear, self.off + other.off,
            Pair(*users), self.uncounted + other.uncounted, self.bridged + other.bridged,
            self.answered + other.answered,
        )  # fmt: skip

    def share(self, part: float) -> Tally:
        """So much of it, as if it had been the same all the time; requests are whole numbers."""
        users = (self.users[slot] for slot in Slot)
        some = Pair(*(Users(round(part * one.requests), round(part * one.failed)) for one in users))
        return Tally(**{name: part * getattr(self, name) for name in TIMES}, users=some)

    def less(self, other: Tally) -> Tally:
        """What is left without `other`, a share of it."""
        users = (self.users[slot] for slot in Slot)
        taken = (Users(-one.requests, -one.failed) for one in (other.users[slot] for slot in Slot))
        left = Pair(*(_sum(one, gone) for one, gone in zip(users, taken, strict=True)))
        return Tally(**{name: getattr(self, name) - getattr(other, name) for name in TIMES}, users=left)

    def rounded(self) -> Tally:
        """To milliseconds, as it goes on record."""
        return replace(self, **{name: round(getattr(self, name), 3) for name in TIMES})


def _sum(one: Users, other: Users) -> Users:
    return Users(one.requests + other.requests, one.failed + other.failed)
