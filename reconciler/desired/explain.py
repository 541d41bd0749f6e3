"""From what jsonschema found to what a person needs: the place, what was expected, the nearest known name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reconciler.desired.yaml_strict import Parsed, Path
from reconciler.spelling import clip, near, unknown

_TYPES = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
Error = Any  # jsonschema.exceptions.ValidationError, which types its attributes too loosely to read them
Found = tuple[Path, bool, str]
"""Where, whether the key (and not the value) is meant, and what is wrong there."""


def explain(errors: Iterable[Error], parsed: Parsed) -> list[Found]:
    """Everything that a schema does not like. What was complained about already is not told twice."""
    found: dict[Found, None] = {}
    missing: dict[Found, str] = {}
    suggested: set[tuple[Path, str]] = set()
    for error in errors:
        for path, name in _missing(error):
            missing[(path, False, _lacks(path, name))] = name
        for one in _told(error, parsed, suggested):
            found[one] = None
    wanted = {one: None for one, name in missing.items() if (one[0], name) not in suggested}
    return [one for one in {**found, **wanted} if not _judged(one[0], parsed)]


def _judged(path: Path, parsed: Parsed) -> bool:
    return any(path[:length] in parsed.broken for length in range(len(path) + 1))


def _missing(error: Error) -> Iterator[tuple[Path, str]]:
    if error.validator == "required" and isinstance(error.instance, dict):
        path = tuple(error.absolute_path)
        yield from ((path, name) for name in error.validator_value if name not in error.instance)


def _lacks(path: Path, name: str) -> str:
    where = next((str(part) for part in reversed(path) if isinstance(part, str)), "the manifest")
    return f"missing key '{name}' in {where}"


def _told(error: Error, parsed: Parsed, suggested: set[tuple[Path, str]]) -> Iterator[Found]:
    path = tuple(error.absolute_path)
    match error.validator:
        case "required":
            return
        case "additionalProperties":
            yield from _unknown_keys(error, path, suggested)
        case "propertyNames":
            yield path, False, f"'{clip(error.instance)}' cannot be a key here; {_expected(error)}"
        case "anyOf" | "oneOf":
            yield from _nearest_branch(error, parsed, suggested)
        case _:
            yield path, False, _message(error, path, parsed)


def _unknown_keys(error: Error, path: Path, suggested: set[tuple[Path, str]]) -> Iterator[Found]:
    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    for name in error.instance:
        if name in known:
            continue
        if patterns and not known:
            yield (*path, name), True, f"'{clip(name)}' cannot be a key here; expected letters, digits and . _ -"
            continue
        if meant := near(name, known):
            suggested.add((path, meant))
        yield (*path, name), True, unknown("key", name, known)


def _nearest_branch(error: Error, parsed: Parsed, suggested: set[tuple[Path, str]]) -> Iterator[Found]:
    """Of several alternatives, the one that fits best; when none has the right type, what each would be."""
    branches: dict[Any, list[Error]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [errors for errors in branches.values() if not any(_wrong_type(one) for one in errors)]
    if fitting:
        for inner in min(fitting, key=len):
            yield from _told(inner, parsed, suggested)
            for path, name in _missing(inner):
                yield path, False, _lacks(path, name)
        return
    types = [_TYPES.get(str(one.validator_value), "something else") for errors in branches.values() for one in errors]
    yield tuple(error.absolute_path), False, f"expected {' or '.join(dict.fromkeys(types))}, {_found(error.instance)}"


def _wrong_type(error: Error) -> bool:
    return error.validator == "type" and not error.path


def _message(error: Error, path: Path, parsed: Parsed) -> str:
    say = _SAYINGS.get(str(error.validator))
    if error.validator == "type":
        return _type(error, path, parsed)
    return say(error) if say else f"'{clip(error.instance)}' does not fit here"


def _type(error: Error, path: Path, parsed: Parsed) -> str:
    wanted = error.validator_value
    if wanted == "string" and isinstance(error.instance, int | float):
        raw = parsed.place(path).raw
        if re.search(error.schema.get("pattern", ""), raw) is None:
            return f"{_found(error.instance)}, {_expected(error)}".removeprefix("found ")
        name = next((part for part in reversed(path) if isinstance(part, str)), "this")
        return f"'{name}' must be a quoted string: \"{clip(raw)}\""
    expected = wanted if isinstance(wanted, list) else [wanted]
    return f"expected {' or '.join(_TYPES.get(one, str(one)) for one in expected)}, {_found(error.instance)}"


def _found(value: Any) -> str:
    match value:
        case None:
            return "found nothing"
        case dict():
            return "found a mapping"
        case list():
            return "found a list"
        case bool():
            return f"found {str(value).lower()}"
        case _:
            return f"found '{clip(value)}'"


def _expected(error: Error) -> str:
    text = error.schema.get("patternErrorMessage")
    return f"expected {text}" if text else f"expected text like /{error.schema.get('pattern', '')}/"


def _choice(error: Error) -> str:
    known = [str(one) for one in error.validator_value]
    meant = near(error.instance, known) if isinstance(error.instance, str) else None
    hint = f"; did you mean '{meant}'?" if meant else ""
    return f"expected one of: {', '.join(known)}; {_found(error.instance)}{hint}"


def _step_keys(error: Error) -> str:
    return f"expected exactly one of: {', '.join(error.schema.get('properties', {}))}; {_found(error.instance)}"


_SAYINGS: dict[str, Callable[[Error], str]] = {
    "const": lambda error: f"expected '{error.validator_value}', {_found(error.instance)}",
    "enum": _choice,
    "pattern": lambda error: f"{_found(error.instance)}, {_expected(error)}".removeprefix("found "),
    "minimum": lambda error: f"{error.instance} is too small, expected at least {error.validator_value}",
    "exclusiveMinimum": lambda error: f"{error.instance} is too small, expected more than {error.validator_value}",
    "maximum": lambda error: f"{error.instance} is too large, expected at most {error.validator_value}",
    "exclusiveMaximum": lambda error: f"{error.instance} is too large, expected less than {error.validator_value}",
    "minLength": lambda error: f"too short, expected at least {error.validator_value} characters",
    "maxLength": lambda error: f"too long, expected at most {error.validator_value} characters",
    "minItems": lambda error: f"expected at least {error.validator_value} in this list",
    "maxItems": lambda error: f"expected at most {error.validator_value} in this list",
    "uniqueItems": lambda _: "the same thing is in this list twice",
    "minProperties": _step_keys,
    "maxProperties": _step_keys,
    "multipleOf": lambda error: f"expected a multiple of {error.validator_value}",
}
