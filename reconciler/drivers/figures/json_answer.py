"""A figure from a JSON answer: the newcomer's, by its forced road, or that of an address that the operator allows."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from reconciler.core.reading import Window
from reconciler.drivers.figures.figure import Figure, number
from reconciler.drivers.http import Client
from reconciler.drivers.protocols import GateContext
from reconciler.drivers.reach import Path, Url, get, one_place
from reconciler.errors import Refused
from reconciler.spelling import clip, shown

MAX_BYTES = 1 << 20
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
Pointer = Annotated[
    str,
    Field(
        pattern=r"^(/([^~/]|~[01])*)*$",
        max_length=500,
        json_schema_extra={"patternErrorMessage": "a JSON pointer, such as /queue/oldestSeconds (RFC 6901)"},
    ),
]


class JsonSource(BaseModel):
    """`path` is asked at the newcomer; `url` as it is, if its host is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    path: Path | None = None
    url: Url | None = None
    pointer: Pointer = Field(description="Where in the answer the number stands.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        one_place(self.path, self.url)
        return self

    def read(self, context: GateContext, window: Window, client: Client, deadline: float) -> Figure:
        """Raises ReconcilerError when there is no number."""
        place = (self.path, self.url)
        answer = get(context, window, client, *place, deadline=deadline, max_bytes=MAX_BYTES)
        if answer.status != 200:
            raise Refused(f"status {answer.status} instead of 200, so there is no number")
        if not answer.whole:
            raise Refused(f"the answer is longer than {MAX_BYTES} bytes")
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Refused("the answer is no JSON") from error
        return Figure(number(_at(document, self.pointer), f"'{self.pointer}' in the answer"))


def _at(document: Any, pointer: str) -> Any:
    """RFC 6901. Raises Refused when there is nothing there: that is neither 0 nor null."""
    found, way = document, ""
    for part in pointer.split("/")[1:]:
        way += f"/{part}"
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and _INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            raise Refused(f"the answer has no '{shown(clip(way))}'")
    return found
