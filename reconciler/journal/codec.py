"""Events to JSON and back, exactly: every dataclass is tagged with its class name, so no union is ever ambiguous."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from reconciler.core.events import Event
from reconciler.errors import JournalError

TAG = "kind"


def canonical(value: object) -> str:
    """The one way to write a JSON value: sorted keys, no spaces, ASCII. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def dump(event: Event) -> tuple[str, str]:
    """An event as (kind, canonical JSON of its fields). Raises JournalError when it holds what JSON cannot."""
    data = encode(event)
    kind = data.pop(TAG)
    try:
        return kind, canonical(data)
    except (TypeError, ValueError) as error:
        raise JournalError(f"{kind} cannot be written to the journal: {error}") from error


def load(kind: str, data: str) -> Event:
    """The event of a row. Raises JournalError naming a kind that is unknown here, or data that do not fit it."""
    if kind not in kinds():
        raise JournalError(f"unknown kind of entry '{kind}': written by a later version of reconcile? Use that one")
    try:
        return cast(Event, decode(kinds()[kind], {**json.loads(data), TAG: kind}))
    except (TypeError, ValueError) as error:
        raise JournalError(f"entry of kind '{kind}' cannot be read: {error}") from error


@cache
def kinds() -> dict[str, type]:
    return {option.__name__: option for option in get_args(Event)}


def encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        values = {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        return {**values, TAG: type(value).__name__}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(hint: Any, data: Any) -> Any:
    """What `encode` was given, if it was of the type `hint`. Raises ValueError for anything else."""
    for option in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        if _fits(option, data):
            return _build(option, data)
    raise ValueError(f"expected {getattr(hint, '__name__', hint)}, found {str(data)[:80]!r}")


def _fits(option: Any, data: Any) -> bool:
    origin = get_origin(option) or option
    if is_dataclass(origin):
        return isinstance(data, dict) and data.get(TAG) == cast(type, origin).__name__
    if origin is tuple:
        return isinstance(data, list)
    if issubclass(origin, Enum):
        return data in [member.value for member in origin]
    return type(data) in ((int, float) if origin is float else (NoneType,) if origin is None else (origin,))


def _build(option: Any, data: Any) -> Any:
    origin = get_origin(option) or option
    if is_dataclass(origin):
        return _construct(cast(type, origin), get_args(option), data)
    if origin is tuple:
        return tuple(decode(get_args(option)[0], item) for item in data)
    return data if data is None else origin(data)


def _construct(shape: type, arguments: tuple[Any, ...], data: dict[str, Any]) -> Any:
    hints = _hints(shape)
    if strange := data.keys() - hints.keys() - {TAG}:
        raise ValueError(f"{shape.__name__} has no field {', '.join(sorted(strange))}")
    bound = dict(zip(getattr(shape, "__parameters__", ()), arguments, strict=False))
    return shape(**{name: decode(_bind(hints[name], bound), data[name]) for name in hints if name in data})


def _bind(hint: Any, bound: dict[Any, Any]) -> Any:
    """`Pair[str]` says `blue: T`; this says what T is."""
    return bound.get(hint, hint) if isinstance(hint, TypeVar) else hint


@cache
def _hints(shape: type) -> dict[str, Any]:
    return get_type_hints(shape)
