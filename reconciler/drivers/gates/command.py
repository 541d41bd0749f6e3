"""Gate `command`: run a command of the operator's file; its exit code is the answer."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from reconciler.drivers.commands.gate import CommandGate, Words
from reconciler.drivers.commands.name import CommandName
from reconciler.drivers.protocols import GateContext

WORDS = Words(what="the command", good="it ended as expected", bad="it did not end as expected")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    INTERVAL: ClassVar = 10.0  # seconds between two runs, where nobody says

    command: CommandName


def open(context: GateContext, settings: Settings) -> CommandGate:
    return CommandGate(context, settings.command, WORDS)
