"""One thing in an archive, and the line that says so: what it is, where it was, and the SHA-256 of its content.

A tree is what is saved as a whole: a folder, or the dump. A path within it is bytes, as the system has it: one that is
no Unicode is written in base64, and its content lies under a number (`raw/17`), because a zip file's names are Unicode.
"""

from __future__ import annotations

import base64
import json
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.errors import Refused
from reconciler.spelling import clip, shown

DUMP = "dump"
FOLDERS = "folders/"
LONGEST_LINE = 1 << 20  # bytes
_HEX = frozenset("0123456789abcdef")


class Kind(StrEnum):
    FOLDER = "folder"
    FILE = "file"
    LINK = "link"  # its content is where it leads to, as it was written
    OTHER = "other"  # a socket, a pipe, a device: it holds no data, and is named only


def kind_of(mode: int) -> Kind:
    kinds = {stat.S_IFDIR: Kind.FOLDER, stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK}
    return kinds.get(stat.S_IFMT(mode), Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Entry:
    tree: str  # `folders/NAME`, or `dump`
    path: bytes  # within the tree; empty: the tree's root
    kind: Kind
    mode: int = 0o600  # permissions
    mtime: int = 0  # nanoseconds since 1970
    owner: int = 0
    group: int = 0
    member: str = ""  # the archive's name of its content; empty: it has none
    size: int = 0
    digest: str = ""  # SHA-256, hexadecimal
    changed: bool = False  # it was being written to while it was read, each time

    def __str__(self) -> str:
        """Its place, fit for a message."""
        name = self.tree.removeprefix(FOLDERS)
        return f"'{name}': {shown(clip(self.path.decode('utf-8', 'backslashreplace')))}" if self.path else f"'{name}'"

    @property
    def line(self) -> bytes:
        text = _text(self.path)
        named = {"path": text} if text is not None else {"raw": base64.b64encode(self.path).decode("ascii")}
        others = {key: getattr(self, key) for key in _PLAIN if getattr(self, key)}
        return json.dumps({"tree": self.tree, **named, "kind": str(self.kind), **others}).encode() + b"\n"


_PLAIN = ("mode", "mtime", "owner", "group", "member", "size", "digest", "changed")
_TYPES = {"member": str, "digest": str, "changed": bool}


def of_line(line: bytes) -> Entry:
    """Raises Refused for a line that says nothing, or what no archive of ours says."""
    try:
        data: dict[str, Any] = json.loads(line)
        raw, text = data.pop("raw", None), data.pop("path", None)
        path = base64.b64decode(raw, validate=True) if raw is not None else text.encode()
        tree, kind = data.pop("tree"), Kind(data.pop("kind"))
        wrong = [key for key, value in data.items() if key not in _PLAIN or type(value) is not _TYPES.get(key, int)]
        found = Entry(tree, path, kind, **data)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Refused(
            f"its list of digests cannot be read at: {shown(clip(line.decode('utf-8', 'replace')))}"
        ) from error
    if wrong or not _sound(found):
        raise Refused(f"its list of digests names what no archive may: {found}")
    return found


def _sound(entry: Entry) -> bool:
    """No path leads out of its tree, whoever wrote the line."""
    name = entry.tree.removeprefix(FOLDERS) if entry.tree != DUMP else DUMP
    parts = entry.path.split(b"/") if entry.path else []
    inside = all(part not in (b"", b".", b"..") and b"\0" not in part for part in parts)
    tree = name != entry.tree or entry.tree == DUMP
    plain = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    digest = not entry.digest or (len(entry.digest) == 64 and _HEX.issuperset(entry.digest))
    content = bool(entry.member and entry.digest) == (entry.kind in (Kind.FILE, Kind.LINK))
    return inside and tree and plain and digest and content and entry.size >= 0 and 0 <= entry.mode <= 0o7777


def member_of(tree: str, path: bytes, number: int, kind: Kind) -> str:
    """What the content is called in the archive."""
    text = _text(path)
    name = f"{tree}/{text}" if text else tree if text == "" else f"raw/{number}"
    return f"{name}/" if kind is Kind.FOLDER else name


def _text(path: bytes) -> str | None:
    """None: it is no Unicode, or what a zip file's name cannot hold."""
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\\" in text else text
