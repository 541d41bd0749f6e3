"""Who owns a member that can stand by: one small file, the only place where it stands, which its processes poll.

    {"owner": "green", "number": 25, "since": {"blue": 21, "green": 25}}

`owner` null: nobody. `number` never falls: whoever acts checks it against the highest that was seen, and so shuts out a
process that woke up late. `since`: the number at which a slot was granted or asked to let go last. A process tells the
number that it has read; one that has not yet read its slot's latest proves nothing by what it says.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.core.model import Pair, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.process.record import put
from reconciler.errors import Refused, Unreachable

OWNER, LETTING_GO, STANDBY = "owner", "letting-go", "standby"  # what a process says of itself
NEVER = Pair(0, 0)


@dataclass(frozen=True, slots=True)
class Ownership:
    owner: Slot | None = None
    number: int = 0
    since: Pair[int] = NEVER


def load(path: Path) -> Ownership:
    """Nobody, by number 0, where nothing was ever granted. Raises Unreachable for a file that cannot be read."""
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return Ownership()
    except (OSError, ValueError) as error:
        raise Unreachable(f"{path} cannot be read, so who owns is unknown: {type(error).__name__}") from error


def parsed(text: str, where: str) -> Ownership:
    """What stands in a file. Raises Unreachable where it makes no sense."""
    try:
        found = json.loads(text)
        owner = None if found["owner"] is None else Slot(found["owner"])
        return Ownership(owner, int(found["number"]), Pair(*(int(found["since"][slot]) for slot in Slot)))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unreachable(f"{where} cannot be read, so who owns is unknown: {type(error).__name__}") from error


def written(now: Ownership) -> str:
    """As it stands in a file."""
    return json.dumps(asdict(now))


def grant(path: Path, slot: Slot, number: int) -> None:
    """Raises Refused for a number that is not above all that were given, but for the same grant once more."""
    now = load(path)
    _save(path, now, granted(now, slot, number, str(path)))


def release(path: Path, slot: Slot, number: int) -> None:
    """Name nobody, if this slot is named. Raises Refused as `grant` does."""
    now = load(path)
    _save(path, now, released(now, slot, number, str(path)))


def forget(path: Path, slot: Slot) -> None:
    """What is about to be started owns nothing, whatever an earlier life of it did."""
    now = load(path)
    _save(path, now, forgotten(now, slot))


def granted(now: Ownership, slot: Slot, number: int, where: str) -> Ownership:
    """The same where that is so already. Raises Refused."""
    if (now.owner, now.number) == (slot, number):
        return now
    _newer(where, now, number)
    return Ownership(slot, number, now.since.replace(slot, number))


def released(now: Ownership, slot: Slot, number: int, where: str) -> Ownership:
    """The same where this slot is not named. Raises Refused."""
    if now.owner is not slot:
        return now
    _newer(where, now, number)
    return Ownership(None, number, now.since.replace(slot, number))


def forgotten(now: Ownership, slot: Slot) -> Ownership:
    return replace(now, owner=None) if now.owner is slot else now


def typed(path: Path, owner: Slot | None) -> str:
    """A line of POSIX shell by which a person names the owner, or nobody, by the next number."""
    file, named = shlex.quote(str(path.absolute())), "null" if owner is None else f'"{owner}"'
    number = r"""$(sed -n 's/.*"number": \([0-9]*\).*/\1/p' "$f")"""
    text = f'{{"owner": {named}, "number": %d, "since": {{"blue": %d, "green": %d}}}}'
    write = f"""printf '{text}' "$n" "$n" "$n" > "$f.new" && mv "$f.new" "$f\""""
    return f"(umask 077; f={file}; n=$(( {number} + 1 )) && {write})"


def judge(slot: Slot, now: Ownership, alive: MemberReading, said: Mapping[str, Any]) -> MemberReading:
    """What a process that answers well, and says its role and number, is to the file that tells it who owns."""
    role, number, named = said.get("role"), said.get("number"), now.owner is slot
    if role not in (OWNER, LETTING_GO, STANDBY) or not isinstance(number, int):
        return _is(alive, MemberStatus.UNREADY, "does not say its `role` (owner, letting-go, standby) and `number`")
    if named and role == OWNER and number == now.number:
        return alive
    if named:
        return _is(alive, MemberStatus.UNREADY, f"was granted {now.number}, and is {role} by {number}")
    if role == STANDBY and number >= now.since[slot]:
        return _is(alive, MemberStatus.STANDBY, "stands by")
    return _is(alive, MemberStatus.STOPPING, f"asked to let go, is {role} by {number}")


def _is(alive: MemberReading, status: MemberStatus, detail: str) -> MemberReading:
    return replace(alive, status=status, detail=detail)


def _newer(where: str, now: Ownership, number: int) -> None:
    if number <= now.number:
        raise Refused(
            f"{where}: number {now.number} was given already, so {number} is refused: somebody else acts on this "
            "member, or the journal is not the one that gave it"
        )


def _save(path: Path, before: Ownership, now: Ownership) -> None:
    if now != before:
        put(path, written(now))
