"""What a manifest says of the gate `windows-event-log`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from reconciler.drivers.event_log.scripts import Group
from reconciler.drivers.named import Name, Named
from reconciler.durations import Duration
from reconciler.spelling import clip

Log = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _./()-]{0,199}$")]
Source = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,200}$")]


class Known(BaseModel):
    """Records that are known, and do not count."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    source: Source
    id: int = Field(ge=0, le=65535, strict=True)


class Settings(BaseModel):
    """Which logs of which machine, and what in them counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    INTERVAL: ClassVar = 10.0  # seconds between two looks, where nobody says

    machine: Annotated[Name, Named("machines"), Field(description="[machines.NAME] of the operator's file.")]
    logs: tuple[Log, ...] = Field(("Application", "System"), min_length=1, max_length=10)
    sources: tuple[Source, ...] = Field((), max_length=50, description="Whose records count; without, everybody's.")
    errors: int = Field(0, ge=0, le=1_000_000, strict=True, description="So many are tolerated.")
    warnings: int | None = Field(None, ge=0, le=1_000_000, strict=True, description="Likewise; without, all of them.")
    ignore: tuple[Known, ...] = Field((), max_length=100, description="Records that do not count.")
    timeout: Duration = Field(20.0, gt=0, le=60, description="For one look.")

    @field_validator("logs")
    @classmethod
    def _each_once(cls, logs: tuple[str, ...]) -> tuple[str, ...]:
        if len({log.casefold() for log in logs}) < len(logs):
            raise ValueError("a log stands here twice; remove one")
        return logs

    @model_validator(mode="after")
    def _ignores_what_counts(self) -> Self:
        for one in self.ignore:
            if self.sources and one.source.casefold() not in self._sources:
                raise ValueError(f"'{clip(one.source)}' is none of `sources`, so its records do not count anyway")
        return self

    @property
    def _sources(self) -> set[str]:
        return {source.casefold() for source in self.sources}

    def wanted(self, group: Group) -> bool | None:
        """None: none of ours. False: known, and does not count. Windows knows no small letters in names."""
        source = group.source.casefold()
        if self.sources and source not in self._sources:
            return None
        return not any((one.source.casefold(), one.id) == (source, group.id) for one in self.ignore)
