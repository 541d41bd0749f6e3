"""The last file of a pack: a digest of every other one, what was found, and what it is chained to.

Its own digest covers all of it, and the next pack's manifest names that: whoever changes an old pack has to change
every later one, and the journal that they rest on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.place import MANIFEST, Pack
from reconciler.evidence.pack.verdict import verdict
from reconciler.journal.codec import canonical

FORMAT = 2  # 2: failed requests and downtime as `reconcile kpi` counts them; unwatched also after a kill
READABLE = (1, FORMAT)  # an older one still has digests and a verdict; its figures were defined otherwise
_CHUNK = 1 << 20


def made(
    pack: Pack, material: Material, journal: str, previous: Mapping[str, str] | None, version: str
) -> dict[str, Any]:
    """`journal`: its id. `previous`: transition and digest of the pack before; None: there is none."""
    files = {path.name: digest(path) for path in sorted(pack.folder.iterdir()) if not _beside(path.name)}
    first, last = material.steps.rows[0], material.steps.rows[-1]
    body = {
        "format": FORMAT,
        "reconciler": version,
        "environment": material.environment,
        "transition": material.transition,
        "files": files,
        "figures": material.figures(),
        "verdict": asdict(verdict(material)),
        "journal": {"id": journal, "first": first.seq, "last": last.seq, "digest": last.digest},
        "previous": dict(previous) if previous else None,
    }
    body = json.loads(json.dumps(body))  # as it will be read: lists, not tuples
    return {**body, "digest": sealed(body)}


def digest(path: Path) -> dict[str, Any]:
    """Of a file, in bounded memory. Raises EvidenceBroken when it cannot be read."""
    found, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise EvidenceBroken(f"{path}: it cannot be read: {error.strerror}") from error
    return {"bytes": size, "sha256": found.hexdigest()}


def sealed(body: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over the canonical JSON of everything but the digest itself."""
    return sha256(canonical({key: value for key, value in body.items() if key != "digest"}).encode()).hexdigest()


def written(body: Mapping[str, Any]) -> bytes:
    """The one way in which it lies on the disk."""
    return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read(pack: Pack) -> dict[str, Any]:
    """Raises EvidenceBroken for a pack that is unfinished, and for a manifest that is not what was written."""
    path = pack.file(MANIFEST)
    try:
        data = path.read_bytes()
        found: dict[str, Any] = json.loads(data)
        if written(found) != data or found["digest"] != sealed(found):
            raise EvidenceBroken(f"{path}: it is not what was written: its digest does not match")
    except FileNotFoundError as error:
        raise EvidenceBroken(f"{pack.folder}: it is unfinished: it has no {MANIFEST}") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EvidenceBroken(f"{path}: it is no manifest: {error}") from error
    if found.get("format") not in READABLE:
        raise EvidenceBroken(f"{path}: format {found.get('format')}, expected {FORMAT}: use the version that wrote it")
    return found


def _beside(name: str) -> bool:
    """What belongs to no pack: this file, and what is being written."""
    return name == MANIFEST or name.startswith(".")
