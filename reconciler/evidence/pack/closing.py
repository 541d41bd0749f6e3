"""From raw files and the journal to a finished pack. May be repeated, and cut off anywhere: the manifest comes last."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from reconciler.errors import EvidenceBroken, Refused
from reconciler.evidence.documents.derive import derive
from reconciler.evidence.pack import manifest, plan, steps, stream
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import MANIFEST, PLAN, STEPS, STREAMS, Pack, before, packs
from reconciler.evidence.pack.plan import replace_file
from reconciler.journal.store import Journal


def finish(pack: Pack, journal: Journal) -> None:
    """Of a transition that has ended. Raises EvidenceBroken, JournalError, and Refused when it cannot be written."""
    if pack.finished:
        return
    start = int(pack.transition.partition("-")[0]) - 1
    found = steps.cut(journal.rows(pack.environment, max(0, start - 1)), pack.transition)
    if found is None:
        raise EvidenceBroken(f"{pack.folder}: the journal knows no transition {pack.transition} of {pack.environment}")
    try:
        for name in STREAMS:
            stream.mend(pack.file(name))
        plans = plan.read(pack.file(PLAN))
        replace_file(pack.file(STEPS), "".join(steps.lines(found, plans)).encode())
        material = gather(pack)
        for name, content in derive(material):
            replace_file(pack.file(name), content)
        body = manifest.made(pack, material, journal.id, _previous(pack), version("slot-reconciler"))
        replace_file(pack.file(MANIFEST), manifest.written(body))
    except OSError as error:
        raise Refused(f"{pack.folder}: the evidence cannot be written: {error.strerror or error}") from error


def unfinished(root: Path, environment: str, under_way: str) -> list[Pack]:
    """Packs of transitions that are over, left open by a process that ended before them. `under_way`: the transition
    that is not; empty: there is none."""
    return [one for one in packs(root, environment) if not one.finished and one.transition != under_way]


def _previous(pack: Pack) -> dict[str, str] | None:
    earlier = before(pack)
    return {"transition": earlier.transition, "digest": manifest.read(earlier)["digest"]} if earlier else None
