"""A figure from a database, by a query of the operator's file: nobody else says what is asked, and of whom."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reconciler.drivers.figures.figure import Figure, number
from reconciler.drivers.protocols import GateContext
from reconciler.durations import Duration
from reconciler.errors import Refused

SQLITE, POSTGRES = "sqlite:///", ("postgresql://", "postgres://")


class Query(BaseModel):
    """One `[queries.NAME]` table. An SQLite file's path is relative to `base`, the folder of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str = Field(repr=False)  # may hold a password
    sql: str = Field(min_length=1, max_length=100_000)  # gives one row, and in it one number
    timeout: Duration = Field(5.0, gt=0, le=60)
    base: Path = Field(default_factory=Path.cwd)

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if not url.startswith((SQLITE, *POSTGRES)):
            raise ValueError("expected sqlite:///PATH or postgresql://HOST/DATABASE")
        return url

    @property
    def file(self) -> Path | None:
        """Of an SQLite database."""
        return (self.base / self.url.removeprefix(SQLITE)).absolute() if self.url.startswith(SQLITE) else None


def read(name: str, context: GateContext, deadline: float) -> Figure:
    """What the named query gives. Raises ReconcilerError when that is not one number."""
    if context.queries is None:
        raise Refused(f"query '{name}' is not defined in the operator's file")
    query: Query = context.queries(name)
    patience = min(query.timeout, deadline)
    ask = _sqlite if query.file else _postgres
    return Figure(number(ask(name, query, patience), f"what query '{name}' gives"))


def _sqlite(name: str, query: Query, patience: float) -> object:
    from reconciler.drivers.figures.sqlite import one_value

    return one_value(name, query, patience)


def _postgres(name: str, query: Query, patience: float) -> object:
    from reconciler.drivers.figures.postgres import one_value

    return one_value(name, query, patience)
