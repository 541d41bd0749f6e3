"""Questions that are asked side by side, each within its time. One that does not answer is Unknown, and holds up
nobody."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.examining import Finding, failed, split, unknown
from reconciler.durations import write
from reconciler.errors import ReconcilerError

SECONDS = 15.0
Ask = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Question:
    """`of`: the environment that it is about; empty: the machine. `silence`: what is said when there is no answer in
    time; None: that nobody knows."""

    what: str
    ask: Ask
    of: str = ""
    deadline: float = SECONDS
    silence: Finding | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    findings: tuple[Finding, ...]


def answers(questions: Sequence[Question], clock: Clock = SYSTEM) -> Iterator[Answer]:
    """In the order of the questions, each as soon as it and those before it have answered. All of them begin now."""
    began = clock.monotonic()
    asked = [(question, _begin(question)) for question in questions]
    for question, heard in asked:
        left = question.deadline - (clock.monotonic() - began)
        try:
            found = heard.get(timeout=max(left, 0.001))
        except queue.Empty:
            silence = unknown(question.what, f"no answer within {write(question.deadline)}")
            found = (question.silence or silence,)
        yield Answer(question, found)


def _begin(question: Question) -> queue.SimpleQueue[tuple[Finding, ...]]:
    """In a thread that may be left behind."""
    heard: queue.SimpleQueue[tuple[Finding, ...]] = queue.SimpleQueue()
    threading.Thread(target=lambda: heard.put(_asked(question)), daemon=True, name=question.what).start()
    return heard


def _asked(question: Question) -> tuple[Finding, ...]:
    try:
        return tuple(question.ask())
    except ReconcilerError as error:
        return (failed(question.what, *split(error)),)
    except Exception as error:  # a defect of ours must not hide what the others found
        told = unknown(question.what, f"it could not be looked at: {type(error).__name__}: {error}"[:300])
        return (replace(told, grade=question.silence.grade) if question.silence else told,)
