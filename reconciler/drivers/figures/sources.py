"""Where a gate's figure may come from: exactly one of several places."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from reconciler.core.reading import Window
from reconciler.drivers.figures import query
from reconciler.drivers.figures.figure import Figure
from reconciler.drivers.figures.json_answer import JsonSource
from reconciler.drivers.figures.prometheus import PrometheusSource
from reconciler.drivers.http import Client
from reconciler.drivers.named import Name, Named
from reconciler.drivers.protocols import GateContext


class Sources(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)
    KNOWN: ClassVar[tuple[str, ...]] = ("http", "prometheus", "sql")

    http: JsonSource | None = None
    prometheus: PrometheusSource | None = None
    sql: Annotated[Name | None, Named("queries"), Field(description="[queries.NAME] of the operator's file.")] = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if len([name for name in self.KNOWN if getattr(self, name) is not None]) != 1:
            raise ValueError(f"expected exactly one of: {', '.join(self.KNOWN)}")
        return self

    def figure(self, context: GateContext, window: Window, client: Client, deadline: float) -> Figure:
        """Raises ReconcilerError when there is none."""
        if self.sql is not None:
            return query.read(self.sql, context, deadline)
        source = self.http or self.prometheus
        assert source is not None, "the validator saw one"
        return source.read(context, window, client, deadline)
