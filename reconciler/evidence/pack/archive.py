"""One pack as one zip file, for whoever has to check it elsewhere; and back."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.drivers.local.durable import replace
from reconciler.errors import EvidenceBroken, Refused
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.place import MANIFEST, Pack

_PRESSED = (".gz", ".png")  # already


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
def opened(path: Path) -> Iterator[list[Pack]]:
    """The packs in a zip file, unpacked for as long as this lasts. Raises EvidenceBroken for what is no such file."""
    with TemporaryDirectory(prefix="evidence-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder, [name for name in archive.namelist() if _is_ours(name)])
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise EvidenceBroken(f"{path}: it is no zip file of evidence: {error}") from error
        yield [Pack(found.parent) for found in sorted(Path(folder).glob(f"*/*/{MANIFEST}"))]


def _is_ours(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 3 and not any(part in ("", ".", "..") for part in parts)
