"""Where the log goes: one `[logs.NAME]` table of the operator's file. No manifest can name one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from reconciler.drivers import secret
from reconciler.drivers.logs.sending import Send
from reconciler.drivers.logs.syslog import FACILITIES, Address
from reconciler.drivers.logs.syslog import address as syslog_address
from reconciler.durations import Duration
from reconciler.sizes import Size

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Printable = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=2000)]
Header = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
Value = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,16384}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")]

HTTP = ("url", "headers", "headers_env", "headers_file", "timeout")
KEYS = {
    "file": ("path", "max_size", "keep", "max_age"),
    "syslog": ("address", "facility", "timeout"),
    "otlp": HTTP,
    "loki": (*HTTP, "labels"),
}
NEEDED = {"file": "path", "syslog": "address", "otlp": "url", "loki": "url"}


class Destination(BaseModel):
    """What each kind needs, and what it may have."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    kind: Literal["file", "syslog", "otlp", "loki"]
    path: Text | None = None  # relative to `base`
    max_size: Size = Field("16MiB", ge=1 << 16, validate_default=True)
    keep: int = Field(5, ge=1, le=1000)  # files beside the present one
    max_age: Duration | None = Field(None, gt=0)
    address: Text | None = None
    facility: Text = "daemon"
    url: Printable | None = None
    headers: dict[Header, Value] = Field({}, repr=False)
    headers_env: dict[Header, Text] = {}
    headers_file: dict[Header, Text] = {}
    labels: dict[Label, Text] = {}
    timeout: Duration = Field(10.0, gt=0, le=60)
    base: Path = Field(default_factory=Path.cwd)

    @field_validator("address")
    @classmethod
    def _readable(cls, written: str | None) -> str | None:
        if written is not None:
            syslog_address(written)
        return written

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://none")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("no name, password or query may stand in it; use headers_env or headers_file")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("expected http://host:port or https://host:port, and a path where it is another one")
        return url

    @field_validator("facility")
    @classmethod
    def _known(cls, facility: str) -> str:
        if facility not in FACILITIES:
            raise ValueError(f"expected one of {', '.join(FACILITIES)}")
        return facility

    @model_validator(mode="after")
    def _of_its_kind(self) -> Destination:
        for key in sorted(self.model_fields_set - {"kind", "base", *KEYS[self.kind]}):
            raise ValueError(f"kind '{self.kind}' has no key '{key}'; it has {', '.join(KEYS[self.kind])}")
        if getattr(self, NEEDED[self.kind]) is None:
            raise ValueError(f"kind '{self.kind}' needs the key '{NEEDED[self.kind]}'")
        return self

    @property
    def host(self) -> str:
        """Who must be allowed to be asked; empty where that is nobody."""
        if self.url:
            return urlsplit(self.url).hostname or ""
        return syslog_address(self.address).host if self.address else ""

    @property
    def where(self) -> str:
        """For people: no header, and no secret, stands in it."""
        return str(self.file) if self.path else self.url or self.address or ""

    @property
    def file(self) -> Path:
        return (self.base / (self.path or "")).absolute()

    @property
    def syslog(self) -> Address:
        return syslog_address(self.address or "")

    def all_headers(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Read anew for every request. Raises InvalidConfiguration naming the variable or the file."""
        what = "the value of a header"
        by_variable = {key: secret.from_variable(name, environ, what) for key, name in self.headers_env.items()}
        by_file = {key: secret.from_file(self.base / name, what) for key, name in self.headers_file.items()}
        return {**self.headers, **by_variable, **by_file}


def sender(destination: Destination) -> Send:
    """Loads what its kind needs."""
    match destination.kind:
        case "file":
            from reconciler.drivers.logs.file import File

            return File(destination)
        case "syslog":
            from reconciler.drivers.logs.syslog import Syslog

            return Syslog(destination.syslog, destination.facility, destination.timeout)
        case "otlp":
            from reconciler.drivers.logs.otlp import Otlp

            return Otlp(destination)
        case "loki":
            from reconciler.drivers.logs.loki import Loki

            return Loki(destination)
