"""Everything that can go wrong, by name; which of it is in the air in one history, and how often it struck."""

from __future__ import annotations

from collections import Counter
from random import Random

POINTS = ("observed", "intent-written", "effect-done", "effect-read-back", "outcome-written")
VERBS = ("abort", "pause", "resume", "promote", "retry", "rollback", "suspend", "adopt", "handover", "down", "drill")

# At a call: the chance is per call.
CALLS = {
    "disk": ("disk-ioerr-lost", "disk-ioerr-applied", "disk-busy", "disk-read-error", "crash-at-commit", "torn-write"),
    "gateway": (
        "write-lost", "write-reply-lost", "write-delayed", "write-duplicate", "write-refused", "read-lost",
        "seal-reply-lost", "counters-missing",
    ),
    "host": (
        "host-slow-start", "host-slow-stop", "host-unreadable", "host-late", "start-lost", "start-reply-lost",
        "start-refused", "start-partial", "stop-lost", "stage-refused", "warm-fails",
    ),
    "data": (
        "migration-fails", "migration-check-unknown", "migration-check-late", "migration-slow", "snapshot-fails",
        "snapshot-slow",
    ),
    "gate": ("gate-late", "gate-error", "gate-raises", "gate-missing", "gate-nan", "gate-reset", "gate-inconclusive"),
    "git": ("git-missing-object", "git-corrupt-object", "git-stale-read"),
    "beside": (
        "votes-unread", "git-beside-unread", "put-back-lost", "put-back-conflict", "put-back-reply-lost", "note-lost",
        "note-conflict", "note-reply-lost",
    ),
    "process": (
        *(f"crash-{point}" for point in POINTS), "crash-in-call", "pause-and-take-over", "word-in-between", "hint-lost",
    ),
}  # fmt: skip
# Between two turns: the chance is per turn.
TURNS = {
    "clock": ("clock-day-ahead", "clock-wall-jumps", "clock-double"),
    "disk": ("disk-full",),
    "gateway": (
        "gateway-restart-kept", "gateway-restart-lost", "gateway-silent", "gateway-moved-by-hand",
        "gateway-moved-with-script", "gateway-foreign", "counters-reset", "drain-stuck",
    ),
    "host": ("host-dies", "slot-dies", "health-flaps", "machine-reboots"),
    "git": (
        "git-commit", "git-storm", "git-revert", "git-force-push", "git-invalid", "git-deleted", "git-unreadable",
        "git-commit-gone", "git-obstacle", "git-old-work-tree",
    ),
    "orders": (
        "vote-approve", "vote-reject", "vote-forged", "vote-author", "vote-stranger", "vote-yesterday",
        "vote-clock-wrong", "override",
    ),
    "people": tuple(f"say-{verb}" for verb in VERBS),
    "process": ("kill",),
}  # fmt: skip
# Of a version, for good: what somebody built is what they deployed.
VERSIONS = (
    "version-never-ready", "version-dies", "version-lies", "version-bad", "version-seen-too-little", "version-flaps",
)  # fmt: skip

ALL = (*(name for names in (*CALLS.values(), *TURNS.values()) for name in names), *VERSIONS)
IN_TURN = tuple(name for names in TURNS.values() for name in names)
BASE = {
    "write-delayed": 0.25,
    "stop-lost": 0.06,  # there are few stops
    **dict.fromkeys(
        (*CALLS["gateway"][:2], *CALLS["gateway"][3:5], *CALLS["gate"]), 0.06
    ),  # there are few writes and few windows
    **dict.fromkeys(("say-pause", "say-suspend", "say-down", "machine-reboots", "gateway-foreign"), 0.003),
    "say-drill": 0.06,  # mostly refused: something is wrong
    **dict.fromkeys(CALLS["beside"], 0.06),  # there are few ends
    **dict.fromkeys((*TURNS["orders"], "git-old-work-tree"), 0.1),  # it is not often that somebody is asked
    **dict.fromkeys(("git-commit", "say-promote", "say-resume", "say-retry", "clock-day-ahead"), 0.04),
}  # the others: 0.02 per call, 0.01 per turn
SHARE = 0.4  # of all faults are in the air in one history: few at once get further, many get deeper


class Weather:
    """Drawn from the seed. Every fault has a stream of its own, so that leaving one out does not change the others."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset(), only_files: bool = False) -> None:
        self.seed = seed
        self.struck: Counter[str] = Counter()
        self.calm = False
        draw = Random(f"{seed}:weather")
        fierce = draw.choice((0.3, 1.0, 2.0))
        share = draw.choice((0.15, SHARE, SHARE))
        drawn = ((name, self._drawn(name, share)) for name in ALL if name not in without)
        self._chance = {name: fierce * chance for name, chance in drawn if chance}
        self._streams: dict[str, Random] = {}

    def _drawn(self, name: str, share: float) -> float:
        """Its chance, of a stream of its own too: a new kind of fault leaves the others' histories as they were."""
        draw = Random(f"{self.seed}:{name}:weather")
        wanted, strength = draw.random() < share or name == "git-commit", draw.choice((0.3, 1.0, 3.0))
        return wanted * strength * BASE.get(name, 0.01 if name in IN_TURN else 0.02)

    def draw(self, name: str) -> Random:
        """The stream of one fault's details."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self.seed}:{name}")
        return self._streams[name]

    def has(self, name: str) -> bool:
        return name in self._chance

    def may(self, name: str, times: float = 1.0) -> bool:
        """Should it strike here? To be followed by `strike` when it does."""
        chance = self._chance.get(name)
        return chance is not None and not self.calm and self.draw(name).random() < chance * times

    def strike(self, name: str) -> None:
        self.struck[name] += 1

    def strikes(self, name: str, times: float = 1.0) -> bool:
        if not self.may(name, times):
            return False
        self.strike(name)
        return True
