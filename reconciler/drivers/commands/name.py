"""How a manifest names a command of the operator's file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.drivers.named import Name, Named

CommandName = Annotated[Name, Named("commands"), Field(description="[commands.NAME] of the operator's file.")]
