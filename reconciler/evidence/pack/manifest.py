"""The last file of a pack: a digest of every other one, what was found, and what it is chained to.

Its own digest covers all of it, and the next pack's manifest names that: whoever changes an old pack has to change
every later one, and the journal that they rest on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reconciler.errors import EvidenceBroken, EvidenceForeign
from reconciler.evidence.pack.foreign import content, opened, parsed
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.place import MANIFEST, Pack, is_transition
from reconciler.evidence.pack.verdict import verdict
from reconciler.journal.codec import canonical

FORMAT = 3  # 2: failed requests and downtime as `reconcile kpi` counts them, unwatched also after a kill, `watch`; and
# `previous` names every pack before it that nothing was chained to yet, by the bytes of its manifest. 3: `served` and
# `watch` rest on counters and test requests, too, where nobody looked for a while; a step tried again is one step
LARGEST = 1 << 24  # bytes
_CHUNK = 1 << 20


def made(
    pack: Pack, material: Material, journal: str, previous: Sequence[Mapping[str, Any]], version: str
) -> dict[str, Any]:
    """`journal`: its id. `previous`: see `chain.links`."""
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
        "previous": list(previous),
    }
    body = json.loads(json.dumps(body))  # as it will be read: lists, not tuples
    return {**body, "digest": sealed(body)}


def _transition(name: str) -> str:
    if not is_transition(name):
        raise ValueError(f"{name[:60]!r} is no transition's id")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _File(_Strict):
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Verdict(_Strict, extra="allow"):
    """Compared as a whole with what is computed."""

    zero_downtime: str
    outcome: str
    reasons: list[str]


class _Journal(_Strict):
    id: str
    first: int
    last: int
    digest: str


class _Link(_Strict):
    transition: Annotated[str, AfterValidator(_transition)]
    state: Literal["finished", "unfinished", "damaged"]
    manifest: str | None


class Body(_Strict):
    """What a manifest may hold: this, and nothing else. Figures are compared with what is computed."""

    format: int
    reconciler: str
    environment: str
    transition: str
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")], _File] = Field(max_length=100)
    figures: dict[str, Any]
    verdict: _Verdict
    journal: _Journal
    previous: list[_Link] = Field(max_length=1000)
    digest: str


def digest(path: Path) -> dict[str, Any]:
    """Of a regular file, in bounded memory. Raises EvidenceBroken for anything else."""
    found, size = sha256(), 0
    try:
        with opened(path) as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise EvidenceBroken(f"{path}: it is not there, or cannot be read: {error.strerror}") from error
    return {"bytes": size, "sha256": found.hexdigest()}


def sealed(body: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over the canonical JSON of everything but the digest itself."""
    return sha256(canonical({key: value for key, value in body.items() if key != "digest"}).encode()).hexdigest()


def written(body: Mapping[str, Any]) -> bytes:
    """The one way in which it lies on the disk."""
    return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read(pack: Pack) -> dict[str, Any]:
    """Raises EvidenceBroken for a pack that is unfinished, and for a manifest that is not what was written; its kind
    EvidenceForeign for one that another version has written in another format."""
    path = pack.file(MANIFEST)
    try:
        data = content(path, LARGEST)
        found: dict[str, Any] = parsed(data)
        if written(found) != data or found["digest"] != sealed(found):
            raise EvidenceBroken(f"{path}: it is not what was written: its digest does not match")
        if found.get("format") == FORMAT:
            Body.model_validate(found)
            return found
    except FileNotFoundError as error:
        raise EvidenceBroken(f"{pack.folder}: it is unfinished: it has no {MANIFEST}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EvidenceBroken(f"{path}: it is no manifest: {where[:100]}: {first['msg']}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise EvidenceBroken(f"{path}: it is no manifest: {error}") from error
    said = str(found.get("format"))[:20]
    raise EvidenceForeign(f"{path}: format {said}, and this version knows {FORMAT}: use the version that wrote it")


def _beside(name: str) -> bool:
    """What belongs to no pack: this file, and what is being written."""
    return name == MANIFEST or name.startswith(".")
