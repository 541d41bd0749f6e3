"""What the operator says about an IIS of his own that is the gateway: where it is, and where users come in."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from reconciler.drivers.certificates.certificate import Days
from reconciler.drivers.named import Name, Named


def _users(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(
            f"'{url}': expected http://HOST, https://HOST or one of them with a port, and nothing behind it"
        )
    return url


Users = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=500), AfterValidator(_users)]
Iis = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f|/\\?;:@&=+$,<>\"*]{1,200}$")]  # what IIS takes for a name


class Farm(BaseModel):
    """One `[farms.NAME]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: Annotated[Name, Named("machines"), Field(description="[machines.NAME], where IIS with ARR runs")]
    users: Users = Field(description="where users come in, as this machine reaches it")
    site: Iis = Field(description="the gateway's site in IIS")
    pool: Iis = Field(description="the application pool of that site")
    warn_before: Days = Field(
        default="21d", gt=0, validate_default=True, description="from so long before the end of users' certificate on"
    )
