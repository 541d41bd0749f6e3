"""Durations as people write them (`500ms`, `5s`, `10m`, `24h`) and as the code counts them: seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h)$"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")


def seconds(text: str) -> float:
    """Raises ValueError, fit for an operator's eyes."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"'{text}' is no duration, expected a number with a unit: 500ms, 5s, 10m or 24h")
    return round(float(parts[1]) * _SECONDS[parts[2]], 6)


def _read(value: Any) -> float:
    """A number is taken only from our own code (defaults); files always write the unit."""
    if isinstance(value, str):
        return seconds(value)
    if isinstance(value, float):
        return value
    raise ValueError("expected a number with a unit, as text: 500ms, 5s, 10m or 24h")


def write(value: float) -> str:
    """The shortest way to write it: 600.0 is `10m`."""
    for unit, size in (("h", 3600), ("m", 60)):
        if value >= size and value % size == 0:
            return f"{int(value // size)}{unit}"
    return _plain(value * 1000, "ms") if 0 < value < 1 else _plain(value, "s")


def _plain(number: float, unit: str) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit


Duration = Annotated[
    float,
    BeforeValidator(_read),
    PlainSerializer(write, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": PATTERN, "patternErrorMessage": "a duration with its unit: 500ms, 5s, 10m or 24h"}
    ),
]
"""A pydantic field type: text in the file, seconds (float) in the code."""
