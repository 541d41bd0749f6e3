"""Is a pack what was written, and does what it says follow from its raw files? With nothing but the pack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from reconciler.errors import EvidenceBroken
from reconciler.evidence.documents.derive import derive
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.place import MANIFEST, Pack, before
from reconciler.evidence.pack.verdict import verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not so, and in which file."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verified:
    """`findings` empty: it holds. `notes`: what could not be compared, and why."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None


def verify(pack: Pack) -> Verified:
    """Never raises for what is wrong with the pack: that is what it tells."""
    try:
        body = manifest.read(pack)
    except EvidenceBroken as error:
        return Verified((Finding(MANIFEST, _bare(error, pack).removeprefix(f"{MANIFEST}: ")),))
    findings = [*_place(pack, body), *_files(pack, body)]
    try:
        material = gather(pack)
    except EvidenceBroken as error:
        return Verified((*findings, Finding("raw files", _bare(error, pack))), body=body)
    notes = list(_notes(pack, body))
    return Verified((*findings, *_follows(material, body), *_chain(pack, body)), tuple(notes), body)


def _place(pack: Pack, body: Mapping[str, Any]) -> Iterator[Finding]:
    if (body["environment"], body["transition"]) != (pack.environment, pack.transition):
        whose = f"{body['environment']}/{body['transition']}"
        yield Finding(MANIFEST, f"it is the pack of {whose}, and lies in {pack.environment}/{pack.transition}")


def _files(pack: Pack, body: Mapping[str, Any]) -> Iterator[Finding]:
    for name, written in body["files"].items():
        try:
            found = manifest.digest(pack.file(name))
        except EvidenceBroken as error:
            yield Finding(name, _bare(error, pack).removeprefix(f"{name}: "))
            continue
        if found != written:
            yield Finding(name, f"it is not what was written: expected {_size(written)}, found {_size(found)}")
    for path in sorted(pack.folder.iterdir()):
        if path.name not in (*body["files"], MANIFEST):
            yield Finding(path.name, "it does not belong to the pack")


def _size(found: Mapping[str, Any]) -> str:
    return f"{found['bytes']:,} bytes with SHA-256 {found['sha256'][:16]}..."


def _follows(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    """Figures, verdict and link to the journal, from the raw files; and the documents, if we are who wrote them."""
    yield from _linked(material, body)
    if body["format"] != manifest.FORMAT:
        return
    for name, computed in json.loads(json.dumps(material.figures())).items():
        if body["figures"].get(name) != computed:
            yield Finding(MANIFEST, f"its figures of {name} do not follow from the raw files")
    if json.loads(json.dumps(asdict(verdict(material)))) != body["verdict"]:
        yield Finding(MANIFEST, "its verdict does not follow from the raw files")
    if body["reconciler"] == version("slot-reconciler"):
        yield from _documents(material, body)


def _linked(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    first, last = material.steps.rows[0], material.steps.rows[-1]
    if (first.seq, last.seq, last.digest) != tuple(body["journal"][key] for key in ("first", "last", "digest")):
        yield Finding(MANIFEST, "the entries of the journal that it names are not those of steps.jsonl")


def _documents(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    from hashlib import sha256

    for name, content in derive(material):
        if body["files"].get(name, {}).get("sha256") != sha256(content).hexdigest():
            yield Finding(name, "it does not follow from the raw files")


def _chain(pack: Pack, body: Mapping[str, Any]) -> Iterator[Finding]:
    earlier, named = before(pack), body["previous"]
    if earlier is None:
        return
    try:
        digest = manifest.read(earlier)["digest"]
    except EvidenceBroken as error:
        yield Finding(MANIFEST, f"the pack before it cannot be compared: {_bare(error, earlier)}")
        return
    if named != {"transition": earlier.transition, "digest": digest}:
        yield Finding(MANIFEST, f"the pack before it, {earlier.transition}, is not the one that it is chained to")


def _notes(pack: Pack, body: Mapping[str, Any]) -> Iterator[str]:
    if body["previous"] and before(pack) is None:
        earlier = body["previous"]["transition"]
        yield f"the pack before it, {earlier}, is not here to be compared: ask for it, and verify both in one folder"
    if body["format"] != manifest.FORMAT:
        yield f"its figures are those of format {body['format']}: only its digests and its entries were compared"
    elif body["reconciler"] != version("slot-reconciler"):
        yield f"its documents were written by version {body['reconciler']}: only their digests were compared"


def _bare(error: Exception, pack: Pack) -> str:
    return str(error).removeprefix(f"{pack.folder}/").removeprefix(f"{pack.folder}: ")
