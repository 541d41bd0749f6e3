"""Where the packs lie, and what the files in them are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLAN = "plan.json"
REQUESTS, GATEWAY, READINGS = "requests.jsonl.gz", "gateway.jsonl.gz", "gates.jsonl.gz"
STREAMS = (REQUESTS, GATEWAY, READINGS)
STEPS = "steps.jsonl"
ROLLBACK_SH, ROLLBACK_PS1 = "rollback.sh", "rollback.ps1"
SCRIPTS = (ROLLBACK_SH, ROLLBACK_PS1)  # by which a person goes back when the reconciler is gone
MANIFEST = "manifest.json"
MOST_DIGITS = 20  # of a transition's number
HALF = re.compile(r"\.(.+)\.new")  # what `plan.replace_file` writes, until it is whole
_TRANSITION = re.compile(r"[0-9]{6,}-(?:blue|green)-.+")


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack's folder: `.../<environment>/<transition>`. Whether anything is there is another question."""

    folder: Path

    @property
    def transition(self) -> str:
        return self.folder.name

    @property
    def environment(self) -> str:
        return self.folder.parent.name

    @property
    def finished(self) -> bool:
        return (self.folder / MANIFEST).is_file()

    def file(self, name: str) -> Path:
        return self.folder / name


def pack(root: Path, environment: str, transition: str) -> Pack:
    return Pack(root / environment / transition)


def packs(root: Path, environment: str | None = None) -> Iterator[Pack]:
    """Every pack below `root`, by environment, each one's oldest first."""
    for each in sorted(_folders(root)):
        if environment in (None, each.name):
            found = (folder for folder in _folders(each) if _TRANSITION.fullmatch(folder.name))
            yield from map(Pack, sorted(found, key=lambda folder: (_number(folder.name), folder.name)))


def before(one: Pack) -> Pack | None:
    """The pack of the same environment before this one, finished or not."""
    number, earlier = _number(one.transition), None
    for other in packs(one.folder.parent.parent, one.environment):
        if _number(other.transition) >= number:
            break
        earlier = other
    return earlier


def is_transition(name: str) -> bool:
    """Can it be a transition's id? Then it is a plain file name, too."""
    return bool(_TRANSITION.fullmatch(name)) and not set(name) & set("/\\\0")


def _number(transition: str) -> int:
    digits = transition.partition("-")[0]
    return int(digits) if digits.isdecimal() and len(digits) < MOST_DIGITS else 0


def unfinished(root: Path, environment: str, under_way: str) -> list[Pack]:
    """Packs of transitions that are over, left open by a process that ended before them. `under_way`: the transition
    that is not; empty: there is none."""
    return [one for one in packs(root, environment) if not one.finished and one.transition != under_way]


def _folders(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
