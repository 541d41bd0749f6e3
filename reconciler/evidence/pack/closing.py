"""From raw files and the journal to a finished pack. May be repeated, and cut off anywhere: the manifest comes last."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version

from reconciler.core.events import EvidenceSealed
from reconciler.errors import Conflict, EvidenceBroken, JournalError, JournalLocked, Refused
from reconciler.evidence.documents.derive import DOCUMENTS, PICTURE, derive
from reconciler.evidence.documents.picture.dashboard import draw
from reconciler.evidence.pack import manifest, plan, steps, stream
from reconciler.evidence.pack.chain import links
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import HALF, MANIFEST, PLAN, SCRIPTS, STEPS, STREAMS, Pack
from reconciler.evidence.pack.plan import replace_file
from reconciler.journal.lock import RunLock
from reconciler.journal.store import Journal

ACTOR = "evidence"


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
    except (JournalError, OSError) as error:
        raise Refused(f"{pack.folder}: the evidence cannot be written: {error}") from error
    try:
        if not pack.finished:  # by somebody who held the lock before us
            _finish(pack, journal)
    finally:
        with suppress(OSError):  # Windows deletes nothing that is open
            lock.path.unlink()  # whoever waits for it finds a finished pack, or finishes it anew
        lock.release()


def _finish(pack: Pack, journal: Journal) -> None:
    start = int(pack.transition.partition("-")[0]) - 1
    found = steps.cut(journal.rows(pack.environment, max(0, start - 1)), pack.transition)
    if found is None:
        raise EvidenceBroken(f"{pack.folder}: the journal knows no transition {pack.transition} of {pack.environment}")
    found = steps.between(found, journal.rows(None, found.rows[0].seq))
    try:
        _clear(pack)
        for name in STREAMS:
            stream.mend(pack.file(name))
        plans = plan.read(pack.file(PLAN))
        replace_file(pack.file(STEPS), "".join(steps.lines(found, plans)).encode())
        material = gather(pack)
        for name, content in derive(material):
            replace_file(pack.file(name), content)
        replace_file(pack.file(PICTURE), draw(material))
        body = manifest.made(pack, material, journal.id, links(pack), version("slot-reconciler"))
        written = manifest.written(body)
        seal = EvidenceSealed(pack.transition, sha256(written).hexdigest())
        journal.append(pack.environment, seal, actor=ACTOR)  # first: else nobody could tell it from a forged one
        replace_file(pack.file(MANIFEST), written)
    except OSError as error:
        raise Refused(f"{pack.folder}: the evidence cannot be written: {error.strerror or error}") from error


def _clear(pack: Pack) -> None:
    """Halves that somebody left who was killed while he wrote. Nobody writes into this pack any more, but us."""
    ours = {PLAN, STEPS, MANIFEST, PICTURE, *SCRIPTS, *DOCUMENTS}
    for path in list(pack.folder.iterdir()):
        if (half := HALF.fullmatch(path.name)) and half[1] in ours and not path.is_dir():
            path.unlink()
