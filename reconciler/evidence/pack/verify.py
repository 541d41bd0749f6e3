"""Is a pack what was written, and does what it says follow from its raw files? With nothing but the pack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from typing import Any

from reconciler.errors import EvidenceBroken, EvidenceForeign, JournalError
from reconciler.evidence.documents.derive import derive
from reconciler.evidence.pack import chain, manifest
from reconciler.evidence.pack.material import Material, gather
from reconciler.evidence.pack.place import MANIFEST, Pack
from reconciler.evidence.pack.sealing import Seals
from reconciler.evidence.pack.verdict import verdict

MOST = 100  # files that do not belong to a pack, and are named


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not so, and in which file."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verified:
    """`findings` empty: nothing contradicts it. `unchecked`: what this version cannot check, so that it is not borne
    out either. `notes`: what is not here to be compared."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.findings and not self.unchecked


def verify(pack: Pack, seals: Seals | None = None) -> Verified:
    """Never raises for what is wrong with the pack: that is what it tells. Whatever lies there, it ends. `seals`: of
    the journal, where that is at hand."""
    try:
        body = manifest.read(pack)
    except EvidenceForeign as error:
        return Verified((), unchecked=(_bare(error, pack, MANIFEST),))
    except EvidenceBroken as error:
        return Verified((Finding(MANIFEST, _bare(error, pack, MANIFEST)),))
    findings = [*_place(pack, body), *_computed(lambda: list(_files(pack, body)), pack)]
    findings += _computed(lambda: list(_follows(gather(pack), body)), pack)
    findings += _computed(lambda: [Finding(MANIFEST, what) for what in chain.broken(pack, body["previous"])], pack)
    notes, unchecked = [*chain.open_ends(pack, body["previous"])], [*_unchecked(body)]
    if seals and seals.knows(body):
        findings += _computed(lambda: list(_asked(seals, pack, unchecked)), pack)
    else:
        notes.append("it was not compared with the journal: that alone shows whether all of it was made anew")
    return Verified(tuple(findings), tuple(notes), body, tuple(unchecked))


def _computed(compute: Callable[[], list[Finding]], pack: Pack) -> list[Finding]:
    """What a file holds that nobody of us wrote may be anything, and whoever computes with it may fail in any way."""
    try:
        return compute()
    except EvidenceBroken as error:
        return [Finding("raw files", _bare(error, pack))]
    except Exception as error:
        return [Finding("raw files", f"nothing follows from them: {type(error).__name__}: {str(error)[:200]}")]


def _asked(seals: Seals, pack: Pack, unchecked: list[str]) -> Iterator[Finding]:
    """That the journal itself cannot be read says nothing against the pack: it goes into `unchecked`."""
    try:
        yield from (Finding(MANIFEST, what) for what in seals.contradictions(pack))
    except JournalError as error:
        unchecked.append(f"it could not be compared with the journal, which cannot be read: {error}")


def _place(pack: Pack, body: Mapping[str, Any]) -> Iterator[Finding]:
    if (body["environment"], body["transition"]) != (pack.environment, pack.transition):
        whose = f"{body['environment']}/{body['transition']}"
        yield Finding(MANIFEST, f"it is the pack of {whose}, and lies in {pack.environment}/{pack.transition}")


def _files(pack: Pack, body: Mapping[str, Any]) -> Iterator[Finding]:
    for name, written in body["files"].items():
        try:
            found = manifest.digest(pack.file(name))
        except EvidenceBroken as error:
            yield Finding(name, _bare(error, pack, name))
            continue
        if found != written:
            yield Finding(name, f"it is not what was written: expected {_size(written)}, found {_size(found)}")
    known = {*body["files"], MANIFEST}
    for name in sorted(islice((path.name for path in pack.folder.iterdir() if path.name not in known), MOST)):
        yield Finding(name, "it does not belong to the pack")


def _size(found: Mapping[str, Any]) -> str:
    return f"{found['bytes']:,} bytes with SHA-256 {found['sha256'][:16]}..."


def _follows(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    """Figures, verdict and link to the journal, from the raw files; and the documents, if we are who wrote them."""
    figures = json.loads(json.dumps(material.figures()))
    for name in sorted({*figures, *body["figures"]}):
        if name not in figures or body["figures"].get(name) != figures[name]:
            yield Finding(MANIFEST, f"its figures of {name} do not follow from the raw files")
    if json.loads(json.dumps(asdict(verdict(material)))) != body["verdict"]:
        yield Finding(MANIFEST, "its verdict does not follow from the raw files")
    yield from _linked(material, body)
    if body["reconciler"] == version("slot-reconciler"):
        yield from _documents(material, body)


def _linked(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    first, last = material.steps.rows[0], material.steps.rows[-1]
    if (first.seq, last.seq, last.digest) != tuple(body["journal"][key] for key in ("first", "last", "digest")):
        yield Finding(MANIFEST, "the entries of the journal that it names are not those of steps.jsonl")
    if (material.environment, material.transition) != (body["environment"], body["transition"]):
        yield Finding(MANIFEST, f"steps.jsonl is of {material.environment}/{material.transition}")


def _documents(material: Material, body: Mapping[str, Any]) -> Iterator[Finding]:
    for name, content in derive(material):
        if body["files"].get(name, {}).get("sha256") != sha256(content).hexdigest():
            yield Finding(name, "it does not follow from the raw files")


def _unchecked(body: Mapping[str, Any]) -> Iterator[str]:
    ours, theirs = version("slot-reconciler"), str(body["reconciler"])[:40]
    if theirs != ours:
        yield f"version {theirs} says that it wrote the documents, and this is {ours}: only their digests were compared"


def _bare(error: Exception, pack: Pack, name: str = "") -> str:
    """Without where it is: the finding says so."""
    text = str(error).removeprefix(f"{pack.folder}/").removeprefix(f"{pack.folder}: ")
    return text.removeprefix(f"{name}: ") if name else text
