"""The folder of one environment's recovery points: their names, which are whole, which are kept, and who is at it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from reconciler.core.model import Snapshot
from reconciler.drivers.local.durable import sync_folder
from reconciler.drivers.local.lock import OwnerLock
from reconciler.drivers.snapshots.policy import Policy
from reconciler.drivers.snapshots.reading import Archive
from reconciler.errors import Refused

ENDING, HALF = ".zip", ".half-"  # what begins with HALF is not done, or was never ended
OF_DRILLS = 1  # so many of them are kept
_STAMP = "%Y%m%d-%H%M%S"


class Shelf:
    """`folder` is made when something is put into it. Reading makes nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The latest first."""
        if not self.folder.is_dir():
            return []
        found = (path.name for path in self.folder.iterdir() if path.suffix == ENDING and _taken(path.name))
        return sorted(found, reverse=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else puts anything here, or takes it away, meanwhile. Raises Refused."""
        lock = OwnerLock(self.folder / ".lock", f"the folder of recovery points {self.folder}")
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.take()
        try:
            yield
        finally:
            lock.release()

    def of(self, transition: str, journal: str, snapshot: Snapshot) -> Path | None:
        """The archive that was made of just this, whether or not it is sound."""
        wanted = (transition, journal, snapshot.folders, snapshot.command)
        for name in self.names():
            if not name.removesuffix(ENDING).endswith(transition):
                continue
            with suppress(Refused), Archive(self.folder / name) as archive:
                said = archive.manifest
                if (said.transition, said.journal, said.folders, said.command) == wanted:
                    return archive.path
        return None

    def free(self, transition: str, now: datetime) -> Path:
        """A name that nothing has yet."""
        moments = (now.astimezone(UTC) + timedelta(seconds=number) for number in count())
        names = (f"{moment:{_STAMP}}-{transition}{ENDING}" for moment in moments)
        return next(path for name in names if not os.path.lexists(path := self.folder / name))

    def sweep(self) -> None:
        """Half ones are thrown away. To be called by who holds the shelf."""
        with writing(self.folder):
            for path in self.folder.glob(f"{HALF}*"):
                _emptied(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the disk of the archives, gone afterwards, whatever happens; after a crash the next one sees to
        it. For who holds the shelf."""
        with writing(self.folder):
            made = Path(tempfile.mkdtemp(prefix=HALF, dir=self.folder))
        try:
            yield made
        finally:
            with suppress(OSError):
                _emptied(made)

    def put(self, half: Path, whole: Path) -> None:
        """From now on it counts, also after a power loss."""
        with writing(self.folder):
            os.rename(half, whole)
            sync_folder(self.folder)

    def prune(self, policy: Policy, good: str, now: datetime) -> list[str]:
        """Too many, and too old, ones go; `good` never does, which was found whole a moment ago. Those of drills count
        apart, and only the latest of them stays: what is rehearsed must not push out what is there in earnest, nor its
        age the last of that. Which went."""
        oldest = now - timedelta(seconds=policy.keep_for) if policy.keep_for else None
        names = self.names()
        drills = [name for name in names if self.drill(name)]
        earnest = [name for name in names if name not in drills]
        old = [name for name in names if oldest and _before(name, oldest)]
        stay = {good, *(earnest[:1] if good in drills else ())}
        gone = {*earnest[policy.keep :], *drills[OF_DRILLS:], *old} - stay
        with writing(self.folder):
            for name in gone:
                (self.folder / name).unlink()
        return sorted(gone)

    def drill(self, name: str) -> str:
        """The kind of drill that it was taken in; empty for one in earnest, and for what cannot be read."""
        with suppress(Refused), Archive(self.folder / name) as archive:
            return archive.manifest.drill
        return ""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises Refused for what the system does not let us do there."""
    try:
        yield
    except OSError as error:
        raise Refused(f"cannot write in {folder}: {error.strerror or type(error).__name__}") from error


def _emptied(root: Path) -> None:
    """It goes with all that is in it: also folders that nobody may write to, as they are where they were saved."""
    root.chmod(0o700)
    for folder, names, _ in os.walk(root):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(root)


def _taken(name: str) -> datetime | None:
    """When, by its name; None for what is none of ours."""
    try:
        return datetime.strptime("-".join(name.split("-")[:2]), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _before(name: str, oldest: datetime) -> bool:
    taken = _taken(name)
    return taken is not None and taken < oldest
