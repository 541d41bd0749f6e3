"""What the operator says about one certificate: which files hold it, and from when on its end is warned of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from reconciler.durations import Duration

DAY = 86400.0  # seconds
_DAYS = re.compile(r"[0-9]{1,4}d")


def _days(value: object) -> object:
    """Whoever thinks of certificates thinks in days."""
    return int(value[:-1]) * DAY if isinstance(value, str) and _DAYS.fullmatch(value) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Days = Annotated[
    Duration,
    BeforeValidator(_days),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"}),
]


class Certificate(BaseModel):
    """One `[certificates.NAME]` table; files are relative to `base`. They are read anew whenever they change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    certificate: Text = Field(description="PEM: the certificate, and behind it those that lead to its authority")
    key: Text = Field(description="PEM: its private key, without a passphrase")
    ca: Text | None = Field(None, description="PEM: the authority that users trust; the chain must lead to it")
    warn_before: Days = Field(default="21d", gt=0, validate_default=True)
    base: Path = Field(default_factory=Path.cwd)

    def file(self, name: str) -> Path:
        return (self.base / name).absolute()

    @property
    def chain_file(self) -> Path:
        return self.file(self.certificate)

    @property
    def key_file(self) -> Path:
        return self.file(self.key)

    def files(self) -> tuple[Path, ...]:
        return (self.chain_file, self.key_file, *([self.file(self.ca)] if self.ca else []))
