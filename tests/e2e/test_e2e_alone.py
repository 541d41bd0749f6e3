"""Who wants the machine alone waits for those who are in, and for nobody who comes later."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

from e2e_alone import machine, turnstile
from e2e_playground import until


def occupied(folder: Path) -> bool:
    """Somebody stands in the turnstile."""
    with turnstile(folder).open("a") as entrance:
        try:
            fcntl.flock(entrance, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_one_who_wants_to_be_alone_waits_for_those_inside_and_others_wait_behind_him(tmp_path: Path) -> None:
    told: list[str] = []

    def enters(name: str, alone: bool) -> threading.Thread:
        def stay() -> None:
            with machine(tmp_path, alone=alone):
                told.append(f"{name} in")
                told.append(f"{name} out")

        thread = threading.Thread(target=stay, daemon=True)
        thread.start()
        return thread

    with machine(tmp_path, alone=False), machine(tmp_path, alone=False):
        one = enters("alone", True)
        until(lambda: occupied(tmp_path), "somebody who waits in the turnstile")
        other = enters("later", False)
        told.append("the first are in")
    one.join()
    other.join()
    assert told == ["the first are in", "alone in", "alone out", "later in", "later out"]
