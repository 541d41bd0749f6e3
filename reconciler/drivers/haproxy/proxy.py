"""What the operator says about an HAProxy of his own: where its runtime socket is, and where its maps lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reconciler.drivers.local.addresses import host_and_port


def _socket(value: str) -> str:
    if not Path(value).is_absolute():
        try:
            host_and_port(value)
        except ValueError as error:
            raise ValueError(f"'{value}' is neither an absolute path nor host:port") from error
    return value


def _folder(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f"'{value}' is no absolute path")
    return value


class Proxy(BaseModel):
    """One `[proxies.NAME]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    socket: Annotated[str, AfterValidator(_socket)] = Field(description="runtime socket: a path, or host:port")
    maps: Annotated[Path, AfterValidator(_folder)] | None = Field(
        default=None,
        description="the folder of our map files on this machine; without, weights do not survive its restart",
    )
