"""YAML without surprises: plain data, and the place of everything in it.

What two YAML readers may understand differently is refused, not guessed: duplicate keys, aliases, tags, merge keys,
several documents, words and numbers of YAML 1.1. One pass over the parser's events, without recursion: an alias bomb or
ten thousand brackets cost nothing. What can be said at once is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from reconciler.desired.scalars import Surprise, plain
from reconciler.errors import Problem
from reconciler.spelling import clip, shown

Path = tuple[str | int, ...]
DEEPEST = 20
MOST_PROBLEMS = 50

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; `key` is where its key does (in a list: the value), `raw` a scalar as it was written.
    `span`: from where to where, in characters; of what is in no brackets, only where it begins is known."""

    line: int
    column: int
    key: tuple[int, int]
    raw: str = ""
    span: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Parsed:
    """One file. `complete` is False when its end could not be understood: then nothing is missing, only unread."""

    file: str
    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)  # already complained about: not to be judged again
    complete: bool = True

    def say(self, line: int, column: int, message: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.file, line, column, shown(message)))

    def place(self, path: Path) -> Place:
        """The place of a value, or of the nearest thing around it that is really there."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1, (1, 1)))


def parse(data: bytes, file: str) -> Parsed:
    """Never raises: whatever the bytes are, what is wrong with them stands in `problems`."""
    parsed = Parsed(file)
    text = _text(data, parsed)
    if text is None:
        return parsed
    builder = _Builder(parsed)
    try:
        for event in _events(text):
            builder.take(event)
    except _Stop:
        parsed.complete = False
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        _give_up(parsed, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, f"not valid YAML: {what}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        _give_up(parsed, 0, 0, f"not valid YAML ({type(error).__name__})")
    if parsed.complete and parsed.data is None and not parsed.problems:
        _give_up(parsed, 1, 1, "the file is empty, expected a manifest with apiVersion, kind, metadata and spec")
    return parsed


class _Stop(Exception):
    """Going on would only produce noise; the problem is already recorded."""


def _give_up(parsed: Parsed, line: int, column: int, message: str) -> None:
    parsed.say(line, column, message)
    parsed.complete = False


def _events(text: str) -> Iterator[Any]:
    """The parser's events; it is freed whether or not it came to its end."""
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _text(data: bytes, parsed: Parsed) -> str | None:
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        _give_up(parsed, *_position(before), f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
        return None
    if wrong := _FORBIDDEN.search(text):
        code = f"U+{ord(wrong[0]):04X}"
        _give_up(parsed, *_position(text[: wrong.start()]), f"the invisible character {code} is not allowed; remove it")
        return None
    return text


def _position(before: str) -> tuple[int, int]:
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


@dataclass(slots=True)
class _Frame:
    """A mapping or a list that is still open. `key` is the mapping's key that waits for its value."""

    value: Any
    path: Path
    key: str | None = None
    key_at: tuple[int, int] = (1, 1)
    dropped: bool = False  # the waiting key is a second one of that name: read its value, keep the first
    seen: dict[str, int] = field(default_factory=dict)


class _Builder:
    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._stack: list[_Frame] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._refuse_extras(event)
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_extras(event)
                self._enter(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._leave(event)
            case yaml.AliasEvent():
                self._say(event, f"alias '*{clip(event.anchor)}' is not allowed; write the value out")
                self._refuse_as_key(event)
                self._parsed.broken.add(self._put(event, None))
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._say(event, "a second document starts here, expected one per file; make it a file of its own")
                    raise _Stop

    def _scalar(self, event: Any) -> None:
        value, trouble = self._value(event)
        if self._awaits_key():
            self._key(event, value, trouble)
            return
        path = self._put(event, value, event.value)
        if trouble:
            self._say(event, trouble)
            self._parsed.broken.add(path)

    def _value(self, event: Any) -> tuple[Any, str]:
        if not event.implicit[0] or event.tag:
            return event.value, ""
        try:
            return plain(event.value), ""
        except Surprise as surprise:
            return event.value, str(surprise)

    def _key(self, event: Any, value: Any, trouble: str) -> None:
        frame = self._stack[-1]
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        name = event.value
        if event.implicit[0] and name == "<<":
            trouble = "the merge key '<<' is not allowed; write the keys out"
        elif not trouble and not isinstance(value, str):
            trouble = f"the key {clip(name) or 'is empty: it'} must be text; put it in quotes"
        elif not trouble and name in frame.seen:
            trouble = f"duplicate key '{clip(name)}', first in line {frame.seen[name]}; remove one"
        if trouble:
            self._parsed.say(line, column, trouble)
        frame.key, frame.key_at, frame.dropped = name, (line, column), bool(trouble)
        frame.seen.setdefault(name, line)

    def _enter(self, event: Any, value: Any) -> None:
        self._refuse_as_key(event)
        if len(self._stack) >= DEEPEST:
            self._say(event, f"nested deeper than {DEEPEST} levels")
            raise _Stop
        self._stack.append(_Frame(value, self._put(event, value)))

    def _leave(self, event: Any) -> None:
        path = self._stack.pop().path
        place = self._parsed.places[path]
        if event.end_mark.index > event.start_mark.index:  # a bracket
            self._parsed.places[path] = replace(place, span=(place.span[0], event.end_mark.index))

    def _put(self, event: Any, value: Any, raw: str = "") -> Path:
        """Hang a value where it belongs; gives its path."""
        here = (event.start_mark.line + 1, event.start_mark.column + 1)
        span = (event.start_mark.index, event.end_mark.index)
        if not self._stack:
            self._parsed.data = value
            self._parsed.places[()] = Place(*here, here, raw, span)
            return ()
        path, key_at = self._hang(self._stack[-1], value, here)
        self._parsed.places[path] = Place(*here, key_at, raw, span)
        return path

    def _hang(self, frame: _Frame, value: Any, here: tuple[int, int]) -> tuple[Path, tuple[int, int]]:
        if isinstance(frame.value, list):
            frame.value.append(value)
            return (*frame.path, len(frame.value) - 1), here
        key, frame.key = frame.key or "", None
        if frame.dropped:
            return (*frame.path, key, "(again)"), frame.key_at
        frame.value[key] = value
        return (*frame.path, key), frame.key_at

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _refuse_as_key(self, event: Any) -> None:
        if self._awaits_key():
            self._say(event, "a key must be text, not a mapping, a list or an alias; put templates in quotes")
            raise _Stop

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor:
            self._say(event, f"anchor '&{clip(event.anchor)}' is not allowed; remove it")
        if event.tag:
            self._say(event, f"tag '{clip(event.tag)}' is not allowed; remove it")

    def _say(self, event: Any, message: str) -> None:
        self._parsed.say(event.start_mark.line + 1, event.start_mark.column + 1, message)
