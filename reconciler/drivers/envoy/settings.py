"""What a manifest may say about an Envoy gateway."""

from __future__ import annotations

from pydantic import Field

from reconciler.drivers.local import settings
from reconciler.drivers.local.settings import Seconds


class Settings(settings.Settings):
    """What a manifest may say under `gateway:`, beside `kind`."""

    idle_timeout: Seconds = Field(
        default=4.0,
        description="idle connections to members are closed after this; keep it below the members' own keep-alive",
    )
    workers: int = Field(default=2, ge=1, le=64, description="threads that serve")
