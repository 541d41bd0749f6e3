"""A share as the operator defines it in `reconciler.toml`: where it is, whose eyes count, and what must be so there."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from reconciler.drivers.named import Name, Named

UNC = re.compile(r"""\\\\[^\\/:*?"<>|\x00-\x1f]+\\[^/:*?"<>|\x00-\x1f]+""")
LOCAL = re.compile(r"""[A-Za-z]:\\[^/:*?"<>|\x00-\x1f]*""")


class Share(BaseModel):
    """One `[shares.NAME]` table. A relative path is relative to `base`, the folder of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    unc: str = Field(min_length=1, max_length=400)
    machine: Annotated[Name | None, Named("machines")] = None
    queue: str | None = Field(None, min_length=1, max_length=200)
    writable: bool = Field(True, strict=True)
    marker: str | None = Field(
        None,
        pattern=r'^[^/\\:*?"<>|\x00-\x1f]{1,200}$',
        description="a file that lies in the real one: a share that is not mounted looks like an empty folder",
    )
    base: Path = Field(default_factory=Path.cwd)

    @field_validator("queue")
    @classmethod
    def _below_it(cls, queue: str | None) -> str | None:
        path = PureWindowsPath(queue or "x")  # knows both kinds of slashes
        if path.anchor or ".." in path.parts or not path.parts or re.search(r'[:*?"<>|\x00-\x1f]', queue or ""):
            raise ValueError(r"expected a folder below the share, such as 'outbox' or 'sync\outbox'")
        return queue

    @model_validator(mode="after")
    def _as_that_machine_sees_it(self) -> Share:
        if self.machine is not None and not (UNC.fullmatch(self.unc) or LOCAL.fullmatch(self.unc)):
            raise ValueError(rf"unc: expected '\\SERVER\SHARE', or 'D:\FOLDER', as '{self.machine}' sees it")
        return self

    @property
    def root(self) -> Path:
        """Where this machine finds it."""
        return self.base / self.unc

    @property
    def queue_parts(self) -> tuple[str, ...]:
        return PureWindowsPath(self.queue).parts if self.queue else ()
