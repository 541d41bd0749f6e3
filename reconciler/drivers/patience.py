"""Calls that cannot be told how long they may take: a share whose server is away lets nobody go who asks it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from reconciler.durations import write
from reconciler.errors import Unreachable

T = TypeVar("T")


class Patience:
    """Asks in a thread that may be left behind; while one is, nothing else is asked, so that there is only one."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def ask(self, call: Callable[[], T], deadline: float) -> T:
        """Raises what the call raises; Unreachable when it does not return within `deadline` seconds."""
        if self._thread and self._thread.is_alive():
            raise Unreachable("what was asked before has not returned yet")
        answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_answer, args=(call, answers), daemon=True, name="patience")
        self._thread.start()
        try:
            found, error = answers.get(timeout=deadline)
        except queue.Empty:
            raise Unreachable(f"no answer within {write(deadline)}") from None
        self._thread.join()
        if error is not None:
            raise error
        answer: T = found
        return answer


def _answer(call: Callable[[], T], answers: queue.SimpleQueue[tuple[Any, Exception | None]]) -> None:
    try:
        answers.put((call(), None))
    except Exception as error:
        answers.put((None, error))
