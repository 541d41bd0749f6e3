"""One recovery point, taken: the dump, the archive, all of it read back and verified, and only then given its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Snapshot
from reconciler.core.reading import SnapshotReading, SnapshotStatus
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.migrator import told
from reconciler.drivers.commands.run import run
from reconciler.drivers.folders.folder import Folder, Tree
from reconciler.drivers.snapshots import room
from reconciler.drivers.snapshots.entry import DUMP, FOLDERS, Kind
from reconciler.drivers.snapshots.policy import Policy
from reconciler.drivers.snapshots.reading import Archive, digest_of
from reconciler.drivers.snapshots.shelf import Shelf, writing
from reconciler.drivers.snapshots.tree import Check
from reconciler.drivers.snapshots.watch import Watch
from reconciler.drivers.snapshots.writing import Writer
from reconciler.errors import Refused
from reconciler.wording import saved, size


@dataclass(frozen=True, slots=True)
class Taking:
    """What is to be saved, for whom, and where to."""

    snapshot: Snapshot  # by the names of the manifest
    folders: Mapping[str, Folder]
    command: Command | None
    values: Mapping[str, str]  # what the command's placeholders stand for
    shelf: Shelf
    policy: Policy
    journal: str
    label: str  # of the newcomer's pin
    clock: Clock = SYSTEM
    free: room.Free = room.free
    drill: str = ""  # its kind, where it is taken in one

    @property
    def transition(self) -> str:
        return self.values["transition"]

    @property
    def begun(self) -> SnapshotReading:
        """What is to be read of it while it is taken."""
        detail = f"it holds {saved(self.snapshot)}"
        return SnapshotReading(SnapshotStatus.RUNNING, self.transition, self.snapshot, detail=detail)

    @property
    def watch(self) -> Watch:
        """The dump's command has a time-out of its own, on top of this one."""
        return Watch(self.policy.timeout + (self.command.timeout if self.command else 0.0), self.clock)

    def run(self, check: Check) -> SnapshotReading:
        """The one that there is already, or a new one. Raises Refused: then there is none."""
        with self.shelf.held():
            self.shelf.sweep()
            found = self._there(check) or self._taken(check)
            self.shelf.prune(self.policy, found.name, self.clock.now())
        return found

    # ---- what is there already

    def _there(self, check: Check) -> SnapshotReading | None:
        path = self.shelf.of(self.transition, self.journal, self.snapshot)
        if path is None:
            return None
        try:
            return self._verified(path, path.name, check)
        except Refused:
            check()
            return None  # it stays for whoever wants to know; another one is taken

    # ---- and what is not

    def _taken(self, check: Check) -> SnapshotReading:
        self._require({}, check)
        whole = self.shelf.free(self.transition, self.clock.now())
        with self.shelf.scratch() as scratch:
            dump = self._dumped(scratch, check) if self.command else None
            half = scratch / whole.name
            with writing(self.shelf.folder):
                self._written(half, dump, check)
            found = self._verified(half, whole.name, check)
            self.shelf.put(half, whole)
        return found

    def _require(self, needs: dict[str, int], check: Check) -> None:
        """Everything that is to be saved is there, and has room. Raises Refused."""
        for name, folder in self.folders.items():
            Tree(name, folder, (), check).require()
            room.refuse_within(folder.root, name, self.shelf.folder)
            needs = {**needs, name: room.measured(FOLDERS + name, folder.root, check)}
        with writing(self.shelf.folder):
            there = self.free(self.shelf.folder)
        room.require(needs, self.shelf.folder, there)

    def _dumped(self, scratch: Path, check: Check) -> Path:
        """The folder that holds the dump, under the name of its command."""
        name, command = self.snapshot.command, self.command
        assert command is not None
        target = scratch / DUMP / name
        with writing(self.shelf.folder):
            target.parent.mkdir(mode=0o700)
        ended = run(command, {**self.values, DUMP: str(target.absolute())}, self.clock, check=check)
        if ended.code != command.expect:
            raise Refused(f"'{name}' {told(ended)}")
        if not os.path.lexists(target) or (target.is_file() and not target.stat().st_size):
            raise Refused(f"'{name}' {told(ended)}; but it wrote nothing to `{{dump}}`")
        self._require({name: room.measured(DUMP, target.parent, check)}, check)
        return target.parent

    def _written(self, half: Path, dump: Path | None, check: Check) -> None:
        handle = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w+b") as file:
            writer = Writer(file, half.parent, check, changing=self.policy.record)
            try:
                for name, folder in self.folders.items():
                    writer.add(FOLDERS + name, folder.root)
                if dump:
                    writer.add(DUMP, dump)
                writer.finish(self._said())
            finally:
                writer.close()

    def _said(self) -> dict[str, object]:
        return {
            "format": 1,
            "environment": self.values["environment"],
            "transition": self.transition,
            "journal": self.journal,
            "taken": self.clock.wall(),
            "slot": self.values["slot"],
            "version": self.values["version"],
            "label": self.label,
            "folders": list(self.snapshot.folders),
            "command": self.snapshot.command,
            "drill": str(self.drill),
        }

    def _verified(self, path: Path, name: str, check: Check) -> SnapshotReading:
        """Read back from the disk, every byte. Raises Refused."""
        with writing(path.parent):
            digest, length = digest_of(path, check), path.stat().st_size
        with Archive(path) as archive:
            archive.verify(check)
            detail = summary(archive)
        return SnapshotReading(
            SnapshotStatus.TAKEN,
            self.transition,
            self.snapshot,
            name,
            digest,
            length,
            f"{detail}; read back, and whole",
        )


def summary(archive: Archive) -> str:
    """What is in it, for people; and whether it was taken in a drill."""
    said = archive.manifest
    what = [f"folders {', '.join(said.folders)}"] if said.folders else []
    what += [f"the dump of {said.command}"] if said.command else []
    files, others = said.entries.get(Kind.FILE, 0), said.entries.get(Kind.OTHER, 0)
    told_ = f"{'; '.join(what)} ({files:,} files, {size(said.bytes)})"
    told_ += f"; {others} sockets, pipes or devices are named only" if others else ""
    told_ += f"; of a drill ({said.drill})" if said.drill else ""
    first = f", such as {said.changed[0]}" if said.changed else ""
    return told_ + (f"; {len(said.changed)} files changed while they were read{first}" if said.changed else "")
