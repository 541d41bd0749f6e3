"""What our two scripts are asked, and what they answer, checked: it comes from another machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.drivers.windows.script import Run, Script, load
from reconciler.errors import Refused

MARK = load(Path(__file__).with_name("mark.ps1"))
RECORDS = load(Path(__file__).with_name("records.ps1"))
AT_ONCE = 1000  # records of one log in one answer

Number = Annotated[int, Field(ge=0, lt=1 << 63, strict=True)]
Text = Annotated[str, Field(max_length=300)]
Answer = TypeVar("Answer", bound=BaseModel)


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(Said):
    """The record of a log up to which it was read; 0: there was none in it."""

    record: Number
    written: Text = ""  # when, to the tick: another record under its number was written at another time
    created: Text = ""  # when the log was


class Marked(Said):
    """Where each log stood, and of what: for people who look into the file."""

    logs: dict[str, Place]
    of: Text = ""


class Group(Said):
    """Records of one level, source and id. `record`, `at`: the first of them."""

    level: Annotated[int, Field(ge=1, le=3, strict=True)]  # 1 critical, 2 error, 3 warning
    source: Text
    id: Number
    times: Number
    record: Number
    at: Text


class Stand(Said):
    """A log, and what came in it after a record up to `upto`. All but the groups is of after that was read."""

    log: Text
    newest: Number
    upto: Number
    written: Text  # the record `upto`
    oldest: Number
    empty: bool
    created: Text
    anchor: Text  # when the record after which was read was written; empty: it is not there
    groups: Annotated[tuple[Group, ...], Field(max_length=AT_ONCE)]


class _Kept(Said):
    file: Text
    words: str


class _Stands(Said):
    logs: tuple[Stand, ...]


def stands(run: Run, logs: Sequence[str], after: Sequence[int]) -> tuple[Stand, ...]:
    """Raises Refused for an answer that makes no sense, and whatever `run` raises."""
    said = run(RECORDS, {"Logs": list(logs), "After": list(after), "Most": AT_ONCE})
    found = _checked(_Stands, said, RECORDS).logs
    if [one.log for one in found] != list(logs):
        raise Refused(f"{RECORDS.name}: its answer is about other logs")
    return found


def marked(run: Run, key: str, place: Marked | None = None) -> Marked | None:
    """The mark under a key; with `place`, that one if there is none yet. None: there is none."""
    words = place.model_dump_json() if place else ""
    kept = _checked(_Kept, run(MARK, {"Key": key, "Words": words}), MARK)
    if not kept.words:
        return None
    try:
        return Marked.model_validate_json(kept.words)
    except ValidationError:
        raise Refused(f"the mark {kept.file} there cannot be read") from None


def _checked(model: type[Answer], said: Mapping[str, Any], script: Script) -> Answer:
    try:
        return model.model_validate_json(json.dumps(said))
    except (ValidationError, ValueError, RecursionError):
        raise Refused(f"{script.name}: its answer makes no sense") from None
