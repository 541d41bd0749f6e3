"""A recovery point, put back: into a folder of its own, or into its place. What was there is kept beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.migrator import told
from reconciler.drivers.commands.run import run
from reconciler.drivers.folders.folder import Folder
from reconciler.drivers.local.durable import sync_folder
from reconciler.drivers.snapshots import room
from reconciler.drivers.snapshots.entry import DUMP, FOLDERS
from reconciler.drivers.snapshots.reading import Archive
from reconciler.drivers.snapshots.shelf import writing
from reconciler.drivers.snapshots.tree import Check
from reconciler.drivers.snapshots.unpacking import half, unpack
from reconciler.errors import Refused


class Halfway(Refused):
    """Something was done to the data, and not all of it."""


def beside(archive: Archive, into: Path, check: Check, free: room.Free = room.free) -> None:
    """Everything in it into `into`, a folder that is not there yet, or empty. Raises Refused: then nothing is left."""
    if os.path.lexists(into) and (into.is_symlink() or not into.is_dir() or any(into.iterdir())):
        raise Refused(f"{into} is there already; name a folder that is not, or an empty one")
    with writing(into.parent):
        into.parent.mkdir(parents=True, exist_ok=True)
        sizes = archive.sizes(check)
        room.require(sizes, into.parent, free(into.parent))
        with half(into) as made:
            (made / FOLDERS).mkdir()
            unpack(archive, {tree: made / tree for tree in trees(archive)}, check)
            os.rename(made, into)
        sync_folder(into.parent)


@dataclass(frozen=True, slots=True)
class InPlace:
    """Where each part of a recovery point belongs, as the operator's file says it now."""

    folders: Mapping[str, Folder]
    load: Command | None  # of the dump
    scratch: Path  # a place for the dump
    stamp: str  # a part of the name of what is kept
    free: room.Free = field(default=room.free)
    since: str = ""  # the stamp of one before it that has not ended: what that has kept is told, too

    def run(self, archive: Archive, check: Check) -> str:
        """The dump first, by its command; then the folders, all of them or none. What was done, for people. Raises
        Refused: then nothing was touched; Halfway: a command has failed, which may have done what it likes before, or
        the disk has, between two folders. What is killed meanwhile may be repeated: nothing is lost by it."""
        self._require(archive, check)
        with ExitStack() as stack, writing(self.scratch):
            swaps = {name: _Swap.of(folder, self.stamp) for name, folder in self.folders.items()}
            homes = {FOLDERS + name: stack.enter_context(half(swap.root)) for name, swap in swaps.items()}
            if archive.manifest.command:
                homes[DUMP] = stack.enter_context(half(self.scratch / DUMP))
            targets = {tree: home / "it" for tree, home in homes.items()}
            unpack(archive, targets, check)
            done = [self._loaded(archive, targets[DUMP])] if archive.manifest.command else []
            with _after(done):
                _swap({name: (swap, targets[FOLDERS + name]) for name, swap in swaps.items()})
        told = (f"folder '{name}' is back{swap.kept_at}{swap.earlier(self.since)}" for name, swap in swaps.items())
        return "; ".join([*done, *told])

    def _require(self, archive: Archive, check: Check) -> None:
        """Everything has its place, and that has room. Raises Refused before anything is done."""
        said = archive.manifest
        if said.command and self.load is None:
            named = f'[snapshots] restore = {{{said.command} = "NAME"}}'
            raise Refused(
                f"no command is named that loads the dump of '{said.command}'; define one, and say in the operator's "
                f"file: {named}; or restore --into a folder, and load it by hand"
            )
        needs: dict[int, dict[str, int]] = {}
        places: dict[int, Path] = {}
        for tree, size in archive.sizes(check).items():
            place = self._parent(tree)
            with writing(place):
                disk = place.stat().st_dev
            needs.setdefault(disk, {})[tree.removeprefix(FOLDERS)] = size
            places[disk] = place
        for disk, place in places.items():
            room.require(needs[disk], place, self.free(place))

    def _parent(self, tree: str) -> Path:
        if tree == DUMP:
            return self.scratch
        return _Swap.of(self.folders[tree.removeprefix(FOLDERS)], self.stamp).root.parent

    def _loaded(self, archive: Archive, dump: Path) -> str:
        said, command = archive.manifest, self.load
        assert command is not None
        values = {
            "environment": said.environment,
            "transition": said.transition,
            "slot": said.slot,
            "version": said.version,
            DUMP: str((dump / said.command).absolute()),
        }
        ended = run(command, values)
        if ended.code != command.expect:
            raise Halfway(f"the dump of '{said.command}' was not loaded: its command {told(ended)}")
        return f"the dump of '{said.command}' is loaded"


@dataclass(frozen=True, slots=True)
class _Swap:
    """A folder that makes room for another. `root` is where it really is: the operator may name it by a link."""

    root: Path
    kept: Path
    had: bool

    @staticmethod
    def of(folder: Folder, stamp: str) -> _Swap:
        root = Path(os.path.realpath(folder.root))
        if os.path.ismount(root):
            raise Refused(
                f"{root} is a disk of its own and cannot be replaced as a whole; restore --into a folder, and copy"
            )
        if os.path.lexists(root) and not root.is_dir():
            raise Refused(f"{root} is no folder")
        return _Swap(root, _free(root, f"{root.name}.before-{stamp}"), os.path.lexists(root))

    @property
    def kept_at(self) -> str:
        return f", and what was there is kept in {self.kept}" if self.had else ""

    def earlier(self, since: str) -> str:
        """What those have kept that did not end, for people."""
        first = self.root.with_name(f"{self.root.name}.before-{since}") if since else self.kept
        found = [str(one) for one in sorted(self.root.parent.iterdir()) if first.name <= one.name < self.kept.name]
        return f", and what one that did not end has kept of before it is in {', '.join(found)}" if found else ""

    def do(self, new: Path) -> None:
        if self.had:
            os.rename(self.root, self.kept)
        os.rename(new, self.root)
        sync_folder(self.root.parent)

    def undo(self, new: Path) -> None:
        """As it was, however far it came."""
        if self.had and not os.path.lexists(self.kept):
            return
        if os.path.lexists(self.root):
            os.rename(self.root, new)
        if self.had:
            os.rename(self.kept, self.root)


def _free(root: Path, name: str) -> Path:
    """A name beside it that nothing has yet."""
    places = (root.with_name(one) for one in chain([name], (f"{name}-{again}" for again in count(2))))
    return next(place for place in places if not os.path.lexists(place))


def _swap(swaps: Mapping[str, tuple[_Swap, Path]]) -> None:
    """All of them, or none: also when somebody interrupts. Raises Halfway where not even that could be had."""
    begun: list[tuple[_Swap, Path]] = []
    try:
        for swap, new in swaps.values():
            begun.append((swap, new))
            swap.do(new)
    except BaseException as error:
        try:
            for swap, new in reversed(begun):
                swap.undo(new)
        except OSError as problem:
            raise Halfway(f"some folders are exchanged, others are not: {problem}") from error
        raise


@contextmanager
def _after(done: list[str]) -> Iterator[None]:
    """What fails now comes after something that cannot be taken back. Raises Halfway."""
    try:
        yield
    except OSError as error:
        if done:
            raise Halfway(f"{done[0]}, and no folder was exchanged: {error}") from error
        raise


def trees(archive: Archive) -> list[str]:
    """What it holds, in the order in which that is listed."""
    said = archive.manifest
    return [*(FOLDERS + name for name in said.folders), *([DUMP] if said.command else [])]
