"""What chains a pack to those before it: the digest of their manifests, byte by byte, or that there was none yet.

A pack that was not finished then is named by every later one until it is; so also one that was completed late is
chained to, and a damaged one stops nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from reconciler.errors import EvidenceBroken, EvidenceForeign
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.foreign import content
from reconciler.evidence.pack.place import MANIFEST, Pack, before

FINISHED, UNFINISHED, DAMAGED = "finished", "unfinished", "damaged"
NAMED = 100  # packs that one names at most


def links(pack: Pack) -> list[dict[str, Any]]:
    """Of the packs before it, the latest first: {"transition", "state", "manifest"}; the last is the SHA-256 of that
    file, None for an unfinished pack."""
    found: dict[str, dict[str, Any]] = {}
    for other in _open_ends(pack):
        found.setdefault(other.transition, _link(other))
        if len(found) == NAMED:
            break
    return list(found.values())


def _open_ends(pack: Pack) -> Iterator[Pack]:
    """Back to a pack that can be read, and those that this one has named as unfinished."""
    one = before(pack)
    while one is not None:
        yield one
        try:
            named = manifest.read(one)["previous"]
        except EvidenceBroken:
            one = before(one)
            continue
        open_ = (Pack(pack.folder.with_name(link["transition"])) for link in named if link["state"] == UNFINISHED)
        yield from (other for other in open_ if other.folder.is_dir())
        return


def _link(other: Pack) -> dict[str, Any]:
    said = {"transition": other.transition}
    try:
        digest = of(other)
    except EvidenceBroken:
        return {**said, "state": DAMAGED, "manifest": None}
    if digest is None:
        return {**said, "state": UNFINISHED, "manifest": None}
    try:
        manifest.read(other)
    except EvidenceForeign:
        pass  # whole, and written by another version
    except EvidenceBroken:
        return {**said, "state": DAMAGED, "manifest": digest}
    return {**said, "state": FINISHED, "manifest": digest}


def of(pack: Pack) -> str | None:
    """SHA-256, hexadecimal, of a pack's manifest as it lies there. None: there is none. Raises EvidenceBroken."""
    try:
        return sha256(content(pack.file(MANIFEST), manifest.LARGEST)).hexdigest()
    except FileNotFoundError:
        return None


def broken(pack: Pack, named: list[Mapping[str, Any]]) -> Iterator[str]:
    """What contradicts `named`, of the packs that lie beside this one."""
    earlier = before(pack)
    if earlier and earlier.transition not in [link["transition"] for link in named]:
        yield f"it is not chained to the pack before it, {earlier.transition}"
    for link in named:
        other = Pack(pack.folder.with_name(link["transition"]))
        if (link["state"] == FINISHED or link["manifest"] is not None) and other.folder.is_dir():
            yield from _compared(other, link["manifest"])


def _compared(other: Pack, digest: str | None) -> Iterator[str]:
    try:
        found = of(other)
    except EvidenceBroken as error:
        yield f"the pack before it cannot be compared: {re.sub('^.*/', '', str(error))}"
        return
    if found is None:
        yield f"the pack before it, {other.transition}, has no {MANIFEST} any more"
    elif found != digest:
        yield f"the pack before it, {other.transition}, is not the one that it is chained to"


def open_ends(pack: Pack, named: list[Mapping[str, Any]]) -> Iterator[str]:
    """What cannot be compared, and why."""
    for link in named:
        name = link["transition"]
        if not pack.folder.with_name(name).is_dir():
            yield f"the pack before it, {name}, is not here to be compared"
        elif link["state"] == UNFINISHED:
            yield f"the pack before it, {name}, was not finished then: a later one is chained to what became of it"
        elif link["state"] == DAMAGED:
            yield f"the pack before it, {name}, was damaged then, or written in another format"
