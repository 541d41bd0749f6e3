"""Sizes as people write them (`512KiB`, `64MiB`, `2GiB`) and as the code counts them: bytes."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

PATTERN = r"^[0-9]{1,9}(KiB|MiB|GiB)$"
_BYTES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_FORM = "expected a whole number with a unit, as text: 512KiB, 64MiB or 2GiB"


def size(value: Any) -> int:
    """Raises ValueError, fit for an operator's eyes."""
    if not isinstance(value, str) or not re.fullmatch(PATTERN, value):
        raise ValueError(_FORM)
    return int(value[:-3]) * _BYTES[value[-3:]]


def write(value: int) -> str:
    """The shortest way to write it: 67108864 is `64MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if value >= _BYTES[unit] and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value} bytes"


Size = Annotated[
    int,
    BeforeValidator(size),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "patternErrorMessage": "a size with its unit: 64MiB"}),
]
"""A pydantic field type: text in the file, bytes in the code. A default is written as text, with validate_default."""
