"""What the operator decides of recovery points: `[snapshots]` of his file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from reconciler.drivers.named import Name
from reconciler.durations import Duration


class SnapshotsSection(BaseModel):
    """Where archives lie, how many are kept and for how long, and what a file that changes meanwhile means."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    folder: Annotated[str, Field(min_length=1)] | None = None  # without: `snapshots` in the state's folder
    keep: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5  # the latest so many of each environment
    keep_for: Annotated[Duration, Field(gt=0)] | None = None  # and none that is older; but always the latest
    changing: Literal["refuse", "record"] = "refuse"  # a file that is written to again and again while it is read
    timeout: Annotated[Duration, Field(gt=0)] = 3600.0  # seconds for all folders; a dump has its command's
    restore: dict[Name, Name] = {}  # the command that makes a dump -> the one that loads it
