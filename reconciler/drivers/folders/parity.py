"""Do two folders agree: the same names, kinds, sizes and contents? Memory is bounded by one folder's names, not by the
whole; contents are compared by their SHA-256, read in pieces."""

from __future__ import annotations

import hashlib
import heapq
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import itemgetter

from reconciler.drivers.folders.folder import Tree
from reconciler.errors import Refused
from reconciler.spelling import clip, shown

MOST = 100_000  # entries of one folder, without those of the folders in it
NAMED = 5  # differences that are told
PIECE = 1 << 20
_CAREFUL = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFLNK: "a link"}


@dataclass(slots=True)
class Comparison:
    """What was found. `differences` counts them all, `told` are the first few."""

    files: int = 0
    differences: int = 0
    told: list[str] = field(default_factory=list)

    def differs(self, way: str, why: str) -> None:
        self.differences += 1
        if len(self.told) < NAMED:
            self.told.append(f"{shown(clip(way))} {why}")


def compare(left: Tree, right: Tree) -> Comparison | None:
    """None when one of them changed meanwhile: then nobody knows what was compared. Raises Refused for what cannot be
    read, and whatever the trees' `check` raises."""
    with left.reading(""):
        same = os.path.samefile(left.root, right.root)
    if same:
        raise Refused(f"'{left.name}' and '{right.name}' are the same folder")
    before = [_fingerprint(tree) for tree in (left, right)]
    found = Comparison()
    _compare(left, right, "", found)
    return found if [_fingerprint(tree) for tree in (left, right)] == before else None


def _compare(left: Tree, right: Tree, way: str, found: Comparison) -> None:
    both = heapq.merge(zip(_names(left, way), repeat(left)), zip(_names(right, way), repeat(right)), key=itemgetter(0))
    for name, group in groupby(both, key=itemgetter(0)):
        trees = [tree for _, tree in group]
        if len(trees) == 1:
            found.differs(way + name, f"is only in {trees[0].name}")
        else:
            _compare_one(left, right, way + name, found)


def _compare_one(left: Tree, right: Tree, way: str, found: Comparison) -> None:
    one, other = _stat(left, way), _stat(right, way)
    kind = stat.S_IFMT(one.st_mode)
    if kind != stat.S_IFMT(other.st_mode):
        found.differs(way, f"is {_kind(one)} in {left.name} and {_kind(other)} in {right.name}")
    elif kind == stat.S_IFDIR:
        _compare(left, right, f"{way}/", found)
    elif kind == stat.S_IFLNK:
        if _target(left, way) != _target(right, way):
            found.differs(way, "leads elsewhere")
    elif kind == stat.S_IFREG:
        found.files += 1
        if one.st_size != other.st_size:
            found.differs(way, f"has {one.st_size} bytes in {left.name} and {other.st_size} in {right.name}")
        elif (first := _digest(left, way)) != (second := _digest(right, way)):
            found.differs(way, f"has another content (SHA-256 {first[:12]} and {second[:12]})")


def _fingerprint(tree: Tree) -> bytes:
    """Of what the system says about every entry: another one means that somebody was at work. The times of folders are
    left out: what is ignored changes them too, and what counts shows by its name."""
    digest = hashlib.sha256()
    for way, entry in _entries(tree, ""):
        folder = stat.S_ISDIR(entry.st_mode)
        times = () if folder else (entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns)
        digest.update(repr((way, entry.st_mode, entry.st_ino, *times)).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _entries(tree: Tree, way: str) -> Iterator[tuple[str, os.stat_result]]:
    for name in _names(tree, way):
        entry = _stat(tree, way + name)
        yield way + name, entry
        if stat.S_ISDIR(entry.st_mode):
            yield from _entries(tree, f"{way}{name}/")


def _names(tree: Tree, way: str) -> list[str]:
    found: list[str] = []
    for entry in tree.children(way):
        found.append(entry.name)
        if len(found) > MOST:
            raise Refused(f"folder '{tree.name}': more than {MOST} entries in one folder, '{shown(clip(way or '.'))}'")
    return sorted(found)


def _stat(tree: Tree, way: str) -> os.stat_result:
    with tree.reading(way):
        return os.lstat(tree.root / way)


def _target(tree: Tree, way: str) -> str:
    with tree.reading(way):
        return os.readlink(tree.root / way)


def _digest(tree: Tree, way: str) -> str:
    """Of a file's content, in hex. Not even the time of its last reading changes, where the system lets us."""
    digest, piece = hashlib.sha256(), memoryview(bytearray(PIECE))
    with tree.reading(way), os.fdopen(_opened(os.fspath(tree.root / way)), "rb", buffering=0) as file:
        while length := file.readinto(piece):
            tree.check()
            digest.update(piece[:length])
    return digest.hexdigest()


def _opened(path: str) -> int:
    try:
        return os.open(path, _CAREFUL | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # somebody else's file: its time of reading is his
        return os.open(path, _CAREFUL)


def _kind(entry: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(entry.st_mode), "something else")
