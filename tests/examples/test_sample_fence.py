"""The sample's fence: an owner that slept through its hand-over can neither begin nor finish anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
sys.path.insert(0, str(SAMPLE))

from jobs import Jobs, StaleError  # noqa: E402


def test_a_claim_and_a_finish_by_an_older_number_are_refused_and_told(tmp_path: Path) -> None:
    old, new = Jobs(tmp_path), Jobs(tmp_path)
    old.add("a")
    job = old.claim(3)
    assert job
    assert new.recover(9) == 1  # the job in hand is queued again
    for act in (lambda: old.finish(job, {}, 3), lambda: old.claim(3), lambda: old.recover(8)):
        with pytest.raises(StaleError):
            act()
    again = new.claim(9)
    assert again
    assert (again.id, again.attempt) == ("a", 2)
    new.finish(again, {}, 9)
    assert [json.loads(line)["number"] for line in (tmp_path / "done.jsonl").read_text().splitlines()] == [9]
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) == 3


def test_the_effect_of_a_job_is_fenced_with_its_record(tmp_path: Path) -> None:
    old, new, done = Jobs(tmp_path), Jobs(tmp_path), list[str]()
    old.add("a")
    job = old.claim(3)
    assert job
    new.recover(9)
    with pytest.raises(StaleError):
        old.finish(job, {}, 3, lambda: done.append("old"))
    assert done == []


def test_without_numbers_nothing_is_fenced(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    jobs.add("a")
    job = jobs.claim()
    assert job
    jobs.finish(job, {})
    assert jobs.claim() is None
