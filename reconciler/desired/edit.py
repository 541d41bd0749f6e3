"""Changing one value in a manifest's text, and nothing else: comments, order, quotes and line ends stay as they are.

The place comes from the parser. What was written is read again: it must mean what was there before, but for that value.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from reconciler.desired.yaml_strict import Parsed, Path, Place, parse
from reconciler.errors import InvalidDesired, Problem

_SLOTS: Path = ("spec", "slots")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what ends a line, and a comment, for the parser
_MARK = "\ufeff"


def switched(data: bytes, file: str, slot: str) -> bytes:
    """The manifest with this active slot; the same bytes if it is so already. Raises InvalidDesired for a text that
    cannot be read, or not be changed safely."""
    opened = _Opened.of(data, file)
    return opened.replaced(("spec", "activeSlot"), slot, quoted=False)


def pinned(data: bytes, file: str, slot: str, version: str) -> bytes:
    """The same with this version pinned in a slot. One that has no pin yet gets one in the style of the other's."""
    opened, pin, version_at = _Opened.of(data, file), (*_SLOTS, slot), (*_SLOTS, slot, "version")
    if version_at in opened.places:
        return opened.replaced(version_at, version, quoted=True)
    if pin not in opened.places:
        return opened.inserted(slot, version)
    return opened.filled(slot, version)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A text that was read without a problem."""

    file: str
    text: str
    marked: bool  # it begins with a byte order mark
    parsed: Parsed

    @classmethod
    def of(cls, data: bytes, file: str) -> _Opened:
        parsed = parse(data, file)
        if parsed.problems:
            raise InvalidDesired(*parsed.problems)
        text = data.decode("utf-8")
        return cls(file, text.removeprefix(_MARK), text.startswith(_MARK), parsed)

    @property
    def places(self) -> dict[Path, Place]:
        return self.parsed.places

    def replaced(self, path: Path, value: str, *, quoted: bool) -> bytes:
        """Another scalar in the quotes of the one that is there, or in new ones where it has none and needs some."""
        place = self.places.get(path)
        if place is None:
            raise self._by_hand(path, value)
        start, end = place.span
        before = self.text[start:end]
        if place.raw == value and self._value(path) == value:
            return self._bytes(self.text)
        if before[:1] in ("|", ">"):  # a text in lines of its own: its end belongs to the next line
            raise self._by_hand(path, value)
        quote = before[:1] if before[:1] in ("'", '"') else '"' if quoted else ""
        return self._checked(start, end, f"{quote}{value}{quote}", path, value)

    def filled(self, slot: str, version: str) -> bytes:
        """In the place of a pin that is written as nothing: `green:`, or `green: null`."""
        path = (*_SLOTS, slot)
        start, end = self.places[path].span
        gap = " " if self.text[:start].endswith(":") else ""
        return self._checked(start, end, f"{gap}{_flow(version)}", path, {"version": version})

    def inserted(self, slot: str, version: str) -> bytes:
        """After the other slot's pin, in its style."""
        path = (*_SLOTS, slot)
        (other,) = {"blue", "green"} - {slot}
        slots, beside = self.places.get(_SLOTS), self.places.get((*_SLOTS, other))
        if slots is None or beside is None:
            raise self._by_hand(path, version)
        if self._bracketed(slots):
            where, written = beside.span[1], f", {slot}: {_flow(version)}"
        else:
            where = self._end_of_line((*_SLOTS, other))
            written = self._lines(slot, version, beside, self.places.get((*_SLOTS, other, "version")))
            begun = where == 0 or _BREAK.fullmatch(self.text[where - 1])
            written = f"{written}{self._break}" if begun else f"{self._break}{written}"
        return self._checked(where, where, written, path, {"version": version})

    def _lines(self, slot: str, version: str, beside: Place, inside: Place | None) -> str:
        indent = " " * (beside.key[1] - 1)
        if inside is None or self._bracketed(beside):
            return f"{indent}{slot}: {_flow(version)}"
        return f'{indent}{slot}:{self._break}{" " * (inside.key[1] - 1)}version: "{version}"'

    def _end_of_line(self, path: Path) -> int:
        """Of the last line on which something of `path` stands; one in several lines ends where the next begins."""
        end = max(place.span[1] for at, place in self.places.items() if at[: len(path)] == path)
        if end and _BREAK.fullmatch(self.text[end - 1]):
            return end
        found = _BREAK.search(self.text, end)
        return found.end() if found else len(self.text)

    @property
    def _break(self) -> str:
        """As the file ends its lines."""
        found = _BREAK.search(self.text)
        return found[0] if found else "\n"

    def _bracketed(self, place: Place) -> bool:
        return self.text[place.span[0] : place.span[0] + 1] == "{"

    def _value(self, path: Path) -> Any:
        value: Any = self.parsed.data
        for key in path:
            value = value[key]
        return value

    def _checked(self, start: int, end: int, written: str, path: Path, value: Any) -> bytes:
        """Raises InvalidDesired when the new text means anything else than the old one with this value."""
        wanted = copy.deepcopy(self.parsed.data)
        around: Any = wanted
        for key in path[:-1]:
            around = around[key]
        around[path[-1]] = value
        changed = self._bytes(self.text[:start] + written + self.text[end:])
        again = parse(changed, self.file)
        if again.problems or again.data != wanted:
            raise self._by_hand(path, value)
        return changed

    def _by_hand(self, path: Path, value: Any) -> InvalidDesired:
        place = self.parsed.place(path)
        wish = f'{{version: "{value["version"]}"}}' if isinstance(value, dict) else value
        text = f"cannot be changed here without touching something else; write it by hand: {'.'.join(map(str, path))}"
        return InvalidDesired(Problem(self.file, place.line, place.column, f"{text}: {wish}"))

    def _bytes(self, text: str) -> bytes:
        return (_MARK * self.marked + text).encode("utf-8")


def _flow(version: str) -> str:
    return f'{{version: "{version}"}}'
