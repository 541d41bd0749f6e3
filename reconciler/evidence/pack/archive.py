"""One pack as one zip file, for whoever has to check it elsewhere; and back."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.drivers.local.durable import replace
from reconciler.errors import EvidenceBroken, Refused
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.place import MANIFEST, Pack, is_transition

NAMED = 20  # members that do not belong to it, and are named
RATIO, SMALL = 100, 1 << 24  # a pack shrinks to a fifth; bytes of which nobody asks
ENCRYPTED = 1
_CHUNK = 1 << 20
_PRESSED = (".gz", ".png")  # already
_FOLDER = (
    r"[^\W_][^/\\:\x00-\x1f]{0,199}"  # begins with a letter or a digit: `..` would lead out of where it is unpacked
)
_NAME = re.compile(rf"{_FOLDER}/{_FOLDER}/[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}")
_BROKEN = (OSError, ValueError, RuntimeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error)


def export(pack: Pack, target: Path) -> None:
    """Every file that the manifest names, and itself, below `<environment>/<transition>/`. Raises EvidenceBroken for an
    unfinished pack, and Refused when the file is there already or cannot be written: then there is none."""
    names = [*manifest.read(pack)["files"], MANIFEST]
    beside = target.with_name(f".{target.name}.new")
    if target.exists():
        raise Refused(f"{target} is there already: name another file, or move it away")
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            for name in names:
                way = zipfile.ZIP_STORED if name.endswith(_PRESSED) else zipfile.ZIP_DEFLATED
                archive.write(pack.file(name), f"{pack.environment}/{pack.transition}/{name}", way)
        replace(beside, target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Refused(f"{target}: it cannot be written: {error.strerror or error}") from error


@contextmanager
def opened(path: Path) -> Iterator[Pack]:
    """The pack in a zip file, unpacked for as long as this lasts. Raises EvidenceBroken for what is none, naming
    each member that no `export` has written: another program may show that one."""
    with TemporaryDirectory(prefix="evidence-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                pack = _unpacked(archive, path.stat().st_size, Path(folder))
        except EvidenceBroken as error:
            raise EvidenceBroken(f"{path}: {error}") from error
        except _BROKEN as error:
            raise EvidenceBroken(f"{path}: it is no zip file of evidence: {str(error) or 'it is damaged'}") from error
        yield pack


def _unpacked(archive: zipfile.ZipFile, size: int, folder: Path) -> Pack:
    """`size`: of the archive, in bytes; what it unpacks to is bounded by that."""
    members = archive.infolist()
    if strange := list(islice(_strange(members), NAMED)):
        raise EvidenceBroken(f"it is not as it was exported: {'; '.join(strange)}")
    pack = Pack(folder / Path(members[0].filename).parent)
    pack.folder.mkdir(parents=True)
    by_name = {Path(member.filename).name: member for member in members}
    _copy(archive, by_name.pop(MANIFEST), pack, manifest.LARGEST)
    try:
        files = manifest.read(pack)["files"]
    except EvidenceBroken:
        return pack  # and nothing else of it matters
    if more := [f"{name}: it does not belong to the pack" for name in sorted(by_name) if name not in files]:
        raise EvidenceBroken(f"it is not as it was exported: {'; '.join(more[:NAMED])}")
    if sum(each["bytes"] for each in files.values()) > SMALL + RATIO * size:
        raise EvidenceBroken(f"it would unpack to more than {RATIO} times its size: no export does")
    for name, member in by_name.items():
        _copy(archive, member, pack, files[name]["bytes"])
    return pack


def _strange(members: list[zipfile.ZipInfo]) -> Iterator[str]:
    """What no export writes."""
    seen: set[str] = set()
    folders = {member.filename.rpartition("/")[0] for member in members}
    for member in members:
        shown = f"{member.filename[:100]!r}"
        if not _NAME.fullmatch(member.filename) or not is_transition(member.filename.split("/")[1]):
            yield f"{shown}: no file of a pack has such a name"
        if member.filename.casefold() in seen:
            yield f"{shown}: it is there twice"
        if member.flag_bits & ENCRYPTED or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield f"{shown}: it is encrypted, or packed in another way"
        seen.add(member.filename.casefold())
    if len(folders) > 1:
        yield f"it has {len(folders)} folders, expected one pack"
    if not any(member.filename.endswith(f"/{MANIFEST}") for member in members):
        yield f"it has no {MANIFEST}"


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, pack: Pack, most: int) -> None:
    """One byte more than there may be is enough to be found out."""
    with archive.open(member) as source, pack.file(Path(member.filename).name).open("wb") as target:
        left = most + 1
        while left and (chunk := source.read(min(left, _CHUNK))):
            target.write(chunk)
            left -= len(chunk)
