"""The latest pack is anchored in the journal: made anew from end to end, digests and all, it is found out there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pack_made import Recorded

from reconciler.core.events import EvidenceSealed
from reconciler.core.model import Slot
from reconciler.errors import JournalBroken
from reconciler.evidence.documents.derive import derive
from reconciler.evidence.pack import chain, manifest
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import MANIFEST, REQUESTS, Pack
from reconciler.evidence.pack.plan import replace_file
from reconciler.evidence.pack.sealing import Seals
from reconciler.evidence.pack.stream import Stream, read
from reconciler.evidence.pack.verify import verify
from reconciler.journal.lock import RunLock
from reconciler.journal.sqlite import open_journal


def seals(made: Recorded) -> list[EvidenceSealed]:
    return [one.event for one in made.stand.journal.entries("prod") if isinstance(one.event, EvidenceSealed)]


def forged(pack: Pack) -> None:
    """What failed is told as good; every document, figure and digest follows from that."""
    records = [{**one, "outcome": "ok"} if "outcome" in one else one for one in read(pack.file(REQUESTS))]
    pack.file(REQUESTS).unlink()
    stream = Stream(pack.file(REQUESTS))
    for record in records:
        stream.write(record)
    stream.close()
    before, material = manifest.read(pack), gather(pack)
    for name, content in derive(material):
        pack.file(name).write_bytes(content)
    body = manifest.made(pack, material, before["journal"]["id"], before["previous"], before["reconciler"])
    pack.file(MANIFEST).write_bytes(manifest.written(body))


def test_a_pack_that_is_finished_is_on_record_with_its_digest(made: Recorded) -> None:
    pack = made.switch()
    made.recorder.close()
    assert seals(made) == [EvidenceSealed(pack.transition, chain.of(pack) or "")]
    checked = verify(pack, Seals(made.stand.journal))
    assert (checked.findings, checked.notes) == ((), ())


def test_the_latest_pack_made_anew_from_end_to_end_is_found_by_the_journal_and_by_nothing_else(made: Recorded) -> None:
    made.fails = 7
    pack = made.switch()
    made.recorder.close()
    forged(pack)
    assert verify(pack).findings == ()
    assert any("was not compared with the journal" in note for note in verify(pack).notes)
    (finding,) = verify(pack, Seals(made.stand.journal)).findings
    assert "not the one that the journal has sealed" in finding.what


def test_a_pack_of_a_transition_that_was_never_finished_is_found(made: Recorded) -> None:
    other = Recorded(made.root.parent / "other")
    other.begin()
    pack = other.switch()
    other.close()
    journal = made.stand.journal
    assert not Seals(journal).knows(manifest.read(pack))
    assert verify(pack, Seals(journal)).findings == ()
    body = manifest.read(pack)
    body["journal"]["id"] = journal.id
    pack.file(MANIFEST).write_bytes(manifest.written({**body, "digest": manifest.sealed(body)}))
    assert "the journal does not know that it was ever finished" in {
        one.what for one in verify(pack, Seals(journal)).findings
    }


def test_a_manifest_that_finds_no_room_is_sealed_anew_and_the_last_seal_counts(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    made._finished = lambda pack: None
    made.restart()
    pack = made.switch()
    made.rest()
    made.recorder.close()

    def full(path: Path, content: bytes) -> None:
        if path.name == MANIFEST:
            raise OSError(28, "No space left on device")
        replace_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.evidence.pack.closing.replace_file", full)
        with pytest.raises(Exception, match="No space left"):
            finish(pack, made.stand.journal)
    finish(pack, made.stand.journal)
    assert len(seals(made)) == 2
    assert verify(pack, Seals(made.stand.journal)).findings == ()


def test_a_seal_that_falls_into_the_next_transition_is_a_fact_by_the_way(made: Recorded, tmp_path: Path) -> None:
    first = made.switch()
    second = made.switch(Slot.BLUE, blue="3")
    made.recorder.close()
    read_only = open_journal(f"sqlite:///{made.stand.journal.path}", read_only=True)  # type: ignore[attr-defined]
    for pack in (first, second):
        assert verify(pack, Seals(read_only)).findings == ()
        assert gather(pack).agreement.agrees


def test_a_journal_that_is_broken_says_nothing_against_a_pack_and_does_not_hide_what_it_said_before(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = made.switch()
    made.recorder.close()
    seals = Seals(made.stand.journal)
    seals.of(pack)

    def broken(*_: object) -> None:
        raise JournalBroken("entry 3 is not what was written")

    monkeypatch.setattr(made.stand.journal, "rows", broken)
    checked = verify(pack, seals)
    assert (checked.findings, checked.holds) == ((), False)
    assert "entry 3 is not what was written" in checked.unchecked[0]
    seals._found["prod"][pack.transition] = 9, "0" * 64
    (finding,) = verify(pack, seals).findings
    assert "not the one that the journal has sealed" in finding.what


def waiting(made: Recorded) -> Pack:
    """Recorded, and not finished."""
    made._finished = lambda pack: None
    made.restart()
    pack = made.switch()
    made.rest()
    made.recorder.close()
    return pack


def test_a_pack_that_another_process_finished_while_we_came_to_the_lock_is_not_sealed_again(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, take = waiting(made), RunLock.take

    def late(lock: RunLock) -> None:
        monkeypatch.setattr(RunLock, "take", take)
        finish(pack, made.stand.journal)
        take(lock)

    monkeypatch.setattr(RunLock, "take", late)
    finish(pack, made.stand.journal)
    assert (len(seals(made)), pack.finished) == (1, True)


def test_a_lock_that_cannot_be_deleted_is_left_there(made: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    pack, unlink = waiting(made), Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith(".lock"):
            raise PermissionError(13, "The process cannot access the file")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    finish(pack, made.stand.journal)
    assert pack.finished
    assert RunLock(pack.folder.with_name(f".{pack.transition}.lock")).held() is False
