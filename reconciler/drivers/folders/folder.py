"""A folder as the operator defines it in `reconciler.toml`, and how it is walked: links are not followed, and what
cannot be read is never taken for empty."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reconciler.drivers.protocols import GateContext
from reconciler.errors import Refused
from reconciler.spelling import clip, shown

DEEPEST = 100  # folders within each other
Ignored = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    Field(max_length=50, description="Patterns of names, or of paths within the folder, that do not count."),
]


class Folder(BaseModel):
    """One `[folders.NAME]` table. A relative path is relative to `base`, the folder of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str = Field(min_length=1)
    marker: str | None = Field(
        None,
        pattern=r"^[^/]+$",
        description="a file that lies in the real one: a share that is not mounted looks like an empty folder",
    )
    base: Path = Field(default_factory=Path.cwd)

    @property
    def root(self) -> Path:
        return self.base / self.path


class Tree:
    """A folder by its name, without what is ignored. `check` is called often, and raises when time is up."""

    def __init__(self, name: str, folder: Folder, ignore: Iterable[str], check: Callable[[], None]) -> None:
        self.name, self.root, self._marker, self.check = name, folder.root, folder.marker, check
        self._ignore = [*ignore]

    def require(self) -> None:
        """Raises Refused when it is not there, or not the real one."""
        with self.reading(""):
            if not self.root.is_dir():
                self.root.stat()
                raise Refused(f"folder '{self.name}': {self.root} is no folder")
            if self._marker is not None and not os.path.lexists(self.root / self._marker):
                raise Refused(f"folder '{self.name}': '{self._marker}' is not in {self.root}; is it mounted?")

    def children(self, way: str) -> Iterator[os.DirEntry[str]]:
        """What lies in the folder at `way` (with `/` at its end; empty: the root), in no order. Raises Refused."""
        if way.count("/") > DEEPEST:
            raise Refused(f"folder '{self.name}': more than {DEEPEST} folders within each other, at {shown(clip(way))}")
        with self.reading(way), os.scandir(self.root / way) as found:
            for entry in found:
                self.check()
                if not self._ignored(way, entry.name):
                    yield entry

    def _ignored(self, way: str, name: str) -> bool:
        if not way and name == self._marker:
            return True
        return any(fnmatch.fnmatchcase(name, one) or fnmatch.fnmatchcase(way + name, one) for one in self._ignore)

    @contextmanager
    def reading(self, way: str) -> Iterator[None]:
        """Raises Refused for what the system does not let us read."""
        try:
            yield
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise Refused(f"folder '{self.name}': {shown(str(self.root / way))}: {why}") from error


def tree(name: str, context: GateContext, ignore: Iterable[str], check: Callable[[], None]) -> Tree:
    """Raises ReconcilerError when the operator has defined none of that name, or it is not there."""
    if context.folders is None:
        raise Refused(f"folder '{name}' is not defined in the operator's file")
    found = Tree(name, context.folders(name), ignore, check)
    found.require()
    return found


def count(found: Tree, way: str = "") -> int:
    """How many entries that are no folders lie in it, at any depth. Raises Refused."""
    total = 0
    for entry in found.children(way):
        with found.reading(way + entry.name):
            inner = entry.is_dir(follow_symlinks=False)
        total += count(found, f"{way}{entry.name}/") if inner else 1
    return total
