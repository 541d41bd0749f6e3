"""What a manifest may say about an HAProxy gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.drivers.local import settings
from reconciler.drivers.named import Name, Named


class Settings(settings.Settings):
    """What a manifest may say under `gateway:`, beside `kind`."""

    proxy: Annotated[Name | None, Named("proxies")] = Field(
        default=None,
        description="the operator's own HAProxy, as [proxies.NAME] in his file defines it; without: one of ours",
    )
    threads: int = Field(default=2, ge=1, le=64, description="threads that serve, of an HAProxy of ours")
