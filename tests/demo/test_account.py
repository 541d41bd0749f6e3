"""The account of a demo adds up."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from reconciler.demo import account
from reconciler.demo.account import Jobs, Outcome, Phase, Request, Totals

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN


def request(start: float, outcome: Outcome = OK, **more: Any) -> Request:
    said = {"id": 1, "client": 0, "kind": "search", "fresh": False, "latency": 0.5, "late": 0.0, "status": 200}
    return Request(**{**said, "start": start, "outcome": outcome, **more})


def test_sent_is_always_ok_and_failed_and_unknown() -> None:
    sent = [request(1), request(2, FAILED), request(3, UNKNOWN), request(4)]
    assert account.totals(sent) == Totals(sent=4, ok=2, failed=1, unknown=1)
    assert account.totals([]) == Totals(0, 0, 0, 0)


def test_a_request_belongs_to_the_one_phase_in_which_it_was_sent() -> None:
    phases = [Phase("before", 0, 2), Phase("good", 2, 4), Phase("bad", 4, 9)]
    sent = [request(1.9), request(2, FAILED), request(3.9), request(4, UNKNOWN), request(9)]
    assert account.by_phase(sent, phases) == {
        "before": Totals(1, 1, 0, 0),
        "good": Totals(2, 1, 1, 0),
        "bad": Totals(1, 0, 0, 1),
    }


def test_the_first_answer_of_a_version_is_when_it_arrived_not_when_it_was_asked_for() -> None:
    sent = [request(3, version="2"), request(1, version="1"), request(2, version="2", latency=2)]
    assert account.first_answer(sent, "2") == 3.5
    assert account.first_answer(sent, "2", after=3.6) == 4
    assert account.first_answer(sent, "3") is None


def test_bad_answers_are_the_wrong_ones_and_not_the_missing_ones() -> None:
    sent = [request(1, UNKNOWN), request(2, FAILED), request(3, FAILED), request(4), request(5, UNKNOWN)]
    assert (account.first_bad(sent), account.last_bad(sent)) == (2.5, 3.5)
    assert (account.first_bad(sent, after=3), account.last_bad(sent, after=4)) == (3.5, None)


def test_jobs_are_counted_once_lost_and_twice() -> None:
    sent = [request(1, job="a"), request(2, job="b"), request(3, job="c"), request(4, UNKNOWN, job="d")]
    sent += [request(5, UNKNOWN, job="e"), request(6)]
    done = [{"job": "a"}, {"job": "b"}, {"job": "b"}, {"job": "e"}, {"job": "somebody else's"}]
    assert account.jobs(sent, done) == Jobs(asked=5, promised=3, once=2, lost=1, twice=1)


LEFT = ("files/a/new", "queue/1-a.1", "claimed/1-a.1", "sync/queue/1-a.1", "sync/claimed/1-a.1")


@pytest.mark.parametrize("left", LEFT)
def test_work_is_unfinished_until_no_file_is_to_be_copied_and_no_job_is_queued_or_in_hand(
    tmp_path: Path, left: str
) -> None:
    assert not account.unfinished(tmp_path), "nobody asked for anything yet"
    for file in ("files/same", "mirror/same", "files/.draft", "queue/.draft", left):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("content")
    assert account.unfinished(tmp_path)
    (tmp_path / left).unlink()
    assert not account.unfinished(tmp_path)
    (tmp_path / "mirror/same").write_text("of before")
    assert account.unfinished(tmp_path)


def test_two_workers_at_once_are_found_out() -> None:
    def done(pid: int, started: float, ended: float) -> dict[str, float]:
        return {"pid": pid, "started": started, "ended": ended}

    assert account.overlaps([done(1, 0, 1), done(1, 1, 2), done(2, 2, 3)]) == 0
    assert account.overlaps([done(2, 1.5, 3), done(1, 0, 1), done(1, 1, 2)]) == 1
    assert account.overlaps([done(1, 0, 9), done(2, 1, 2), done(2, 3, 4)]) == 2


def test_what_was_written_is_read_back_without_totals_and_torn_lines() -> None:
    sent = [request(1, version="1.0", slot="blue"), request(2, FAILED, status=500)]
    lines = [json.dumps(asdict(each)) + "\n" for each in sent]
    assert account.read([*lines, '{"totals": {"sent": 2}}\n', lines[0][:-5], lines[0][:-1]]) == sent
