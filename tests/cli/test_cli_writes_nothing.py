"""Whatever only looks leaves no trace: no file, no folder, no time of change."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from cli_folder import Folder, Listing, listing, until
from ports import free_trio

LOOKING = (
    ("--once",),
    ("--once", "--what-if", "50:fail"),
    ("--once", "--output", "json"),
    ("--once", "--worktree"),
    ("status",),
    ("diff",),
    ("history",),
    ("history", "--verify"),
    ("validate",),
    ("validate", "--staged"),
    ("alerts",),
    ("logs",),
    ("doctor",),
    ("gates", "production", "--for", "500ms"),
)


def assert_no_trace(folder: Folder, ends: tuple[int, ...]) -> None:
    before = settled(folder)
    for words in LOOKING:
        done = folder.reconcile(*words)
        assert done.returncode in ends, (words, done.stdout, done.stderr)
        after = listing(folder.root)
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        if words[0] == "gates":  # the requests that it sends are in the gateway's own log, as anybody's are
            changed -= {path for path in changed if path.endswith("/gateway/access.log")}
        assert changed == set(), words


def settled(folder: Folder) -> Listing:
    """What lies there once the gateway has written its log of what came before; it does so a little later."""
    seen: list[Listing] = [listing(folder.root)]

    def still() -> bool:
        threading.Event().wait(0.7)
        seen.append(listing(folder.root))
        return seen[-1] == seen[-2]

    until(folder, still, "a moment in which nothing is written")
    return seen[-1]


def test_looking_writes_nothing_where_there_is_no_journal(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    assert_no_trace(folder, (0, 1, 2))  # gates of what never ran are errors


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, real_envoy: None) -> Iterator[Folder]:
    """An environment that serves, brought up by a loop that still runs."""
    folder = Folder(tmp_path_factory.mktemp("serving") / "mine")
    try:
        folder.reconcile("init", "--port", str(free_trio()))
        folder.commit()
        folder.start("run")
        until(folder, lambda: folder.reconcile("status").returncode == 0, "an environment that serves")
        yield folder
    finally:
        folder.close()


@pytest.mark.real
def test_looking_writes_nothing_while_a_loop_uses_the_journal(serving: Folder) -> None:
    serving.loops[-1].send_signal(signal.SIGSTOP)  # it holds the journal, and writes nothing of its own meanwhile
    try:
        assert_no_trace(serving, (0, 3))  # half a second is too short for one gate
    finally:
        serving.loops[-1].send_signal(signal.SIGCONT)


@pytest.mark.real
def test_looking_writes_nothing_once_the_loop_has_ended_and_the_environment_runs_on(serving: Folder) -> None:
    assert serving.end(serving.loops[-1]) == 0
    assert not list((serving.root / "state").glob("journal.db-*")), "the journal was closed cleanly"
    assert_no_trace(serving, (0, 3))  # half a second is too short for one gate
