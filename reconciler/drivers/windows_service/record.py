r"""What is written down beside a service, on its machine: which release it was given, and when it was asked to end.

    {"schema": 1, "label": "1.4.2#0a1b", "version": "1.4.2", "line": "...", "stop": null, "release": null, "family": []}

Windows keeps a service's command line, and no word of ours beside it. The record comes before the start, and is
believed only of a process with its command line. `family`: the processes that were there when it was asked to stop; one
of them may outlive the service.
"""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reconciler.errors import Unreachable

SCHEMA = 1
Text = Annotated[str, Field(max_length=20_000)]


class Asked(BaseModel):
    """`at`: on that machine's clock since its start, seconds. `of`: its process, as number@start; another one, such as
    that of a service that Windows has started again, was not asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: float
    of: Text


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    label: Text  # the pin's
    version: Text  # what it is to call itself
    line: Text
    stop: Asked | None = None
    release: Asked | None = None  # to let go, and live on
    family: tuple[Text, ...] = ()

    def text(self) -> str:
        return json.dumps({"schema": SCHEMA, **self.model_dump()})


def parsed(text: str, where: str) -> Record | None:
    """None where nothing was ever started. Raises Unreachable for one that cannot be read: then nobody knows."""
    if not text:
        return None
    try:
        found = json.loads(text)
        if found.pop("schema") != SCHEMA:
            raise ValueError("of another schema")
        return Record.model_validate({**found, "family": tuple(found["family"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        cure = "make sure that nothing does, then remove the file"
        raise Unreachable(f"{where} is no record of ours, so what runs there is unknown; {cure}") from None
