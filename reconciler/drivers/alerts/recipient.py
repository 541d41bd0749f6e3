"""Where alerts go, and which: one `[alerts.NAME]` table of the operator's file. No manifest can name one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reconciler.drivers import secret
from reconciler.drivers.secret import LONGEST

WHAT = "the alert's url"
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class Kind(StrEnum):
    """What there is to be told."""

    APPROVAL = "approval"
    ROLLED_BACK = "rolledBack"
    STALLED = "stalled"
    DRIFTED = "drifted"
    SUCCEEDED = "succeeded"


class Recipient(BaseModel):
    """An address in the form that apprise reads. It often is a secret as a whole, so it is shown nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    url: Text | None = Field(None, repr=False)
    url_env: Text | None = None  # the variable that holds it
    url_file: Text | None = None  # the file that holds it, relative to `base`
    on: tuple[Kind, ...] = Field(tuple(Kind), min_length=1)
    environments: tuple[Text, ...] = Field(("*",), min_length=1)
    base: Path = Field(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _one_address(self) -> Recipient:
        if sum(one is not None for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("expected exactly one of url, url_env and url_file")
        return self

    def wants(self, kind: Kind, environment: str) -> bool:
        patterns = (pattern.replace("[", "[[]").replace("?", "[?]") for pattern in self.environments)
        return kind in self.on and any(fnmatchcase(environment, pattern) for pattern in patterns)

    def address(self, environ: Mapping[str, str] = os.environ) -> str:
        """Read anew for every message, so that a secret can be changed while the loop runs. Raises
        InvalidConfiguration naming the variable or the file, never what it holds."""
        if self.url is not None:
            return self.url
        if self.url_env is not None:
            return secret.from_variable(self.url_env, environ, WHAT)
        return secret.from_file(self.base / (self.url_file or ""), WHAT)
