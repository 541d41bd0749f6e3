"""From raw files and the journal to a finished pack. May be repeated, and cut off anywhere: the manifest comes last."""

from __future__ import annotations

from importlib.metadata import version

from reconciler.errors import Conflict, EvidenceBroken, JournalLocked, Refused
from reconciler.evidence.pack import documents, manifest, plan, steps, stream
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import MANIFEST, PLAN, STEPS, STREAMS, Pack, before
from reconciler.evidence.pack.plan import replace_file
from reconciler.journal.lock import RunLock
from reconciler.journal.store import Journal


def finish(pack: Pack, journal: Journal) -> None:
    """Of a transition that has ended. Raises EvidenceBroken, JournalError, Refused when it cannot be written, and its
    kind Conflict while another process is at it."""
    if pack.finished:
        return
    lock = RunLock(pack.folder.with_name(f".{pack.transition}.lock"))
    try:
        lock.take()
    except JournalLocked as error:
        raise Conflict(f"{pack.folder}: another process is finishing this pack now") from error
    try:
        _finish(pack, journal)
    finally:
        lock.path.unlink(missing_ok=True)  # whoever waits for it finds a finished pack, or finishes it anew
        lock.release()


def _finish(pack: Pack, journal: Journal) -> None:
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
        for name, content in documents.derive(material):
            replace_file(pack.file(name), content)
        body = manifest.made(pack, material, journal.id, _previous(pack), version("slot-reconciler"))
        replace_file(pack.file(MANIFEST), manifest.written(body))
    except OSError as error:
        raise Refused(f"{pack.folder}: the evidence cannot be written: {error.strerror or error}") from error


def _previous(pack: Pack) -> dict[str, str] | None:
    earlier = before(pack)
    return {"transition": earlier.transition, "digest": manifest.read(earlier)["digest"]} if earlier else None
