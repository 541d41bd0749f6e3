"""A journal that lacks its end is whole in itself; what git noted of it tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reconciler.evidence.anchors import contradictions, strangers


def anchor(entry: int, digest: str = "d", journal: str = "ours") -> Any:
    return SimpleNamespace(revision="a" * 40, journal=journal, entry=entry, digest=f"{digest}{entry}")


def entries(*numbers: int) -> Any:
    return [SimpleNamespace(seq=number, digest=f"d{number}") for number in numbers]


def test_a_journal_that_bears_out_every_note_is_not_contradicted() -> None:
    assert contradictions([anchor(2), anchor(4)], "ours", entries(1, 2, 3, 4, 5)) == []


def test_a_journal_that_was_cut_off_is_found_out() -> None:
    (said,) = contradictions([anchor(2), anchor(4)], "ours", entries(1, 2, 3))
    assert said.startswith("git's note at aaaaaaaaaaaa knows entry 4 of this journal, which is not there")


def test_a_journal_whose_end_was_written_anew_is_found_out() -> None:
    (said,) = contradictions([anchor(4, "x")], "ours", entries(1, 2, 3, 4))
    assert "is another one: the journal was replaced" in said


def test_notes_of_another_journal_contradict_nothing_and_are_counted() -> None:
    notes = [anchor(9, journal="theirs"), anchor(2)]
    assert contradictions(notes, "ours", entries(1, 2)) == []
    assert strangers(notes, "ours") == 1
