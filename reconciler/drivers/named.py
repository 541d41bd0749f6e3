"""Names in a manifest that stand for something in the operator's file: who validates can find them in any settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"),
    Field(json_schema_extra={"patternErrorMessage": "the name of something in the operator's file"}),
]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Annotates a field that holds a name, or several, of a section: `Annotated[Name, Named("commands")]`."""

    section: str


def names(settings: BaseModel) -> Iterator[tuple[Path, str, str]]:
    """Every such name with its place in the settings, as a manifest writes it, and its section."""
    for field, info in type(settings).model_fields.items():
        value, place = getattr(settings, field), info.alias or field
        for mark in info.metadata:
            if isinstance(mark, Named):
                yield from (((place, *at), mark.section, name) for at, name in _each(value))
        if isinstance(value, BaseModel):
            yield from (((place, *at), section, name) for at, section, name in names(value))


def _each(value: object) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield (), value
    elif isinstance(value, tuple):
        yield from (((index,), name) for index, name in enumerate(value))
