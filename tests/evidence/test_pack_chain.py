"""A pack is chained to those before it as they were then: a damaged or unfinished one stops nobody, and is never held
against the one that came after it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pack_made import Recorded

from reconciler.core.model import Slot
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.place import MANIFEST, Pack
from reconciler.evidence.pack.verify import verify


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(tmp_path, lambda pack: None)
    found.begin()
    yield found
    found.close()


@pytest.fixture
def three(made: Recorded) -> list[Pack]:
    """Recorded, and not finished."""
    found = [made.switch(), made.switch(Slot.BLUE, blue="3"), made.switch(Slot.GREEN, blue="3", green="4")]
    made.rest()
    made.recorder.close()
    return found


def links(pack: Pack) -> list[tuple[str, str]]:
    return [(one["transition"], one["state"]) for one in manifest.read(pack)["previous"]]


def told(pack: Pack) -> list[str]:
    return [one.what for one in verify(pack).findings]


def test_one_byte_of_an_older_manifest_stops_no_later_pack_and_is_named_in_it(
    made: Recorded, three: list[Pack]
) -> None:
    first, second, third = three
    finish(first, made.stand.journal)
    finish(second, made.stand.journal)
    whole = bytearray(second.file(MANIFEST).read_bytes())
    whole[50] ^= 1
    second.file(MANIFEST).write_bytes(whole)
    finish(third, made.stand.journal)
    assert links(third) == [(second.transition, "damaged"), (first.transition, "finished")]
    assert (told(third), len(told(second))) == ([], 1)
    assert any("was damaged then" in note for note in verify(third).notes)
    whole[60] ^= 1
    second.file(MANIFEST).write_bytes(whole)
    assert told(third) == [f"the pack before it, {second.transition}, is not the one that it is chained to"]


def test_one_in_another_format_stops_no_later_pack(made: Recorded, three: list[Pack]) -> None:
    first, second, _ = three
    finish(first, made.stand.journal)
    body = manifest.read(first) | {"format": 1, "previous": None}
    first.file(MANIFEST).write_bytes(manifest.written({**body, "digest": manifest.sealed(body)}))
    finish(second, made.stand.journal)
    assert links(second) == [(first.transition, "finished")]
    assert (told(second), [note for note in verify(second).notes if "damaged" in note]) == ([], [])
    first.file(MANIFEST).write_bytes(first.file(MANIFEST).read_bytes() + b"\n")
    assert told(second) == [f"the pack before it, {first.transition}, is not the one that it is chained to"]


def test_one_that_is_completed_late_makes_no_later_one_wrong_and_the_next_is_chained_to_it(
    made: Recorded, three: list[Pack]
) -> None:
    first, second, third = three
    finish(first, made.stand.journal)
    finish(third, made.stand.journal)
    assert links(third) == [(second.transition, "unfinished"), (first.transition, "finished")]
    finish(second, made.stand.journal)
    assert [told(pack) for pack in three] == [[], [], []]
    made.restart()
    fourth = made.switch(Slot.BLUE, blue="5", green="4")
    made.rest()
    made.recorder.close()
    finish(fourth, made.stand.journal)
    assert links(fourth) == [(third.transition, "finished"), (second.transition, "finished")]
    manifest_of = second.file(MANIFEST)
    body = manifest.read(second)
    body["verdict"]["reasons"] = ["all was well"]
    manifest_of.write_bytes(manifest.written({**body, "digest": manifest.sealed(body)}))
    assert told(fourth) == [f"the pack before it, {second.transition}, is not the one that it is chained to"]


def test_one_that_was_taken_away_is_a_note_where_nothing_is_left_of_it_and_a_finding_without_its_manifest(
    made: Recorded, three: list[Pack]
) -> None:
    for pack in three:
        finish(pack, made.stand.journal)
    first, second, third = three
    second.file(MANIFEST).unlink()
    assert told(third) == [f"the pack before it, {second.transition}, has no {MANIFEST} any more"]
    shutil.rmtree(second.folder)
    assert told(third) == [f"it is not chained to the pack before it, {first.transition}"]
    shutil.rmtree(first.folder)
    assert told(third) == []
    assert verify(third).notes[0] == f"the pack before it, {second.transition}, is not here to be compared"
