"""What our scripts are asked, and what they answer, checked: it comes from another machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.drivers.windows.script import Run, Script, load
from reconciler.errors import Unreachable

LOOK, START, STOP, RELEASE, PREPARED = (
    load(Path(__file__).with_name(f"{name}.ps1")) for name in ("look", "start", "stop", "release", "prepared")
)

State = Literal["Absent", "Starting", "Started", "Stopping", "Stopped", "Unknown"]
Text = Annotated[str, Field(max_length=1000)]
Answer = TypeVar("Answer", bound=BaseModel)


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Life(Said):
    """One life of one process there."""

    pid: Annotated[int, Field(gt=0, strict=True)]
    started: Text
    name: Text


class Stand(Said):
    """A site and the pool of the same name. `release`: the label of the pin that it was started for; `auto`: it comes
    back after a reboot; `processes`: worker processes, and what they have started."""

    name: Text
    pool: State
    site: State
    path: Text
    release: Text
    auto: bool
    processes: Annotated[tuple[Life, ...], Field(max_length=1000)]


class Change(Said):
    """After a start or a stop. `changed`: applicationHost.config was written; `before`: how the other sites stood."""

    changed: bool
    before: tuple[Stand, ...]
    stands: tuple[Stand, ...]


class Prepared(Said):
    rights: bool
    installed: bool
    version: Text
    modules: Annotated[tuple[Text, ...], Field(max_length=1000)]
    taken: tuple[Text, ...]  # for each port who has it; empty: nobody
    odd: Annotated[tuple[Text, ...], Field(max_length=100)]


class _Stands(Said):
    stands: tuple[Stand, ...]


def look(run: Run, names: Sequence[str]) -> tuple[Stand, ...]:
    """Raises Unreachable for an answer that makes no sense, and whatever `run` raises; so do the others."""
    found = _checked(_Stands, run(LOOK, {"Sites": list(names)}), LOOK).stands
    if [one.name for one in found] != list(names):
        raise _senseless(LOOK)
    return found


def start(run: Run, asked: Mapping[str, Any]) -> Change:
    return _checked(Change, run(START, asked), START)


def stop(run: Run, name: str, seconds: int, others: Sequence[str]) -> Change:
    return _checked(Change, run(STOP, {"Site": name, "Seconds": seconds, "Others": list(others)}), STOP)


def prepared(run: Run, names: Sequence[str], ports: Sequence[int]) -> Prepared:
    return _checked(Prepared, run(PREPARED, {"Sites": list(names), "Ports": list(ports)}), PREPARED)


def _checked(model: type[Answer], said: Mapping[str, Any], script: Script) -> Answer:
    try:
        return model.model_validate_json(json.dumps(said))
    except (ValidationError, ValueError, RecursionError):
        raise _senseless(script) from None


def _senseless(script: Script) -> Unreachable:
    return Unreachable(f"{script.name}: its answer makes no sense, so nothing is known")
