"""The work queue: one worker at a time per key, duplicates folded, back-off that grows and is capped."""

from __future__ import annotations

import random
import threading

from reconciler.loop.queue import BASE, CEILING, WorkQueue


class Clock:
    """Time as a value."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> str:
        return ""


def test_a_key_that_is_woken_twice_is_handed_out_once() -> None:
    queue = WorkQueue(Clock())
    queue.wake("a")
    queue.wake("a")
    queue.wake("b")
    assert [queue.take(), queue.take()] == ["a", "b"]
    queue.close()
    assert queue.take() is None


def test_an_earlier_wish_replaces_a_later_one_and_not_the_other_way_round() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.wake("a", after=10.0)
    queue.wake("a", after=1.0)
    queue.wake("a", after=5.0)
    clock.now = 1.0
    assert queue.take() == "a"
    queue.done("a")
    clock.now = 20.0
    queue.wake("b")
    assert queue.take() == "b", "the later wishes for 'a' were folded into the first"


def test_a_key_that_is_being_worked_on_waits_until_it_is_done() -> None:
    queue = WorkQueue(Clock())
    queue.wake("a")
    assert queue.take() == "a"
    queue.wake("a")
    queue.wake("b")
    assert queue.take() == "b", "'a' has a worker already"
    queue.done("a")
    assert queue.take() == "a", "the wish made meanwhile is not lost"


def test_a_waiting_worker_is_woken_by_a_wish() -> None:
    queue = WorkQueue()
    found: list[str | None] = []
    worker = threading.Thread(target=lambda: found.append(queue.take()))
    worker.start()
    queue.wake("a")
    worker.join(10)
    assert found == ["a"]


def test_failures_back_off_longer_each_time_up_to_a_ceiling_with_jitter() -> None:
    queue = WorkQueue(Clock(), random.Random(1))
    waits = [queue.back_off(number) for number in range(1, 40)]
    assert all(BASE * 0.5 <= wait <= CEILING for wait in waits)
    assert waits[0] < waits[3] < waits[6]
    assert len({round(wait, 6) for wait in waits[-10:]}) > 1, "jitter: many environments do not come back at once"


def test_a_success_forgets_earlier_failures() -> None:
    clock = Clock()
    queue = WorkQueue(clock, random.Random(1))
    for _ in range(5):
        queue.wake("a")
        clock.now += 100
        assert queue.take() == "a"
        queue.done("a", failed=True)
    clock.now += 100
    assert queue.take() == "a"
    queue.done("a", again=0.0)
    assert queue.take() == "a"
    queue.done("a", failed=True)
    clock.now += BASE
    assert queue.take() == "a", "the first failure after a success waits the shortest time"
