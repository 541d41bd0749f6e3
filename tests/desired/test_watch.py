from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.desired.repository import Repository
from reconciler.desired.watch import Watch

LONG = 3600.0  # a poll that does not come in this test
SOON = 20.0  # seconds within which something that must come comes


class Bell:
    """Counts how often it rings."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self.count = 0

    def __call__(self) -> None:
        with self._rung:
            self.count += 1
            self._rung.notify_all()

    def rings(self, cause: Callable[[], object] | None = None) -> bool:
        """Does it ring (again) soon after `cause`, which is repeated until it does: a watch takes a moment to stand."""
        with self._rung:
            before = self.count
            for _ in range(int(SOON / 0.2)):
                if cause:
                    cause()
                if self._rung.wait_for(lambda: self.count > before, 0.2):
                    return True
        return False


@pytest.fixture
def watching() -> Iterator[Callable[..., tuple[Bell, Watch]]]:
    every: list[Watch] = []

    def start(*paths: Path, interval: float = LONG) -> tuple[Bell, Watch]:
        bell = Bell()
        every.append(Watch(paths, bell, interval))
        every[-1].start()
        return bell, every[-1]

    yield start
    for watch in every:
        watch.stop()


def test_a_commit_rings_without_any_poll(repo, watching) -> None:
    repo.commit()
    repository = Repository(repo.path, "main")
    bell, _ = watching(repository.watch_path())
    repository.close()
    assert bell.rings(repo.commit)


def test_a_commit_in_a_linked_work_tree_and_a_branch_with_a_slash_ring_too(repo, tmp_path: Path, watching) -> None:
    commit = repo.commit()
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "team/linked")
    bell, _ = watching(repo.path / ".git" / "refs")
    linked = type(repo)(tmp_path / "linked", init=False)
    assert bell.rings(linked.commit)
    numbers = iter(range(1000))
    assert bell.rings(lambda: repo.git("update-ref", f"refs/heads/deep/er/{next(numbers)}", commit))


def test_several_folders_are_watched(tmp_path: Path, watching) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    bell, _ = watching(tmp_path / "one", tmp_path / "two")
    assert bell.rings((tmp_path / "one" / "x").touch)
    assert bell.rings((tmp_path / "two" / "x").touch)


def test_the_poll_rings_where_nothing_happens_and_nothing_is_there(tmp_path: Path, watching) -> None:
    bell, _ = watching(tmp_path / "missing", interval=0.05)
    assert bell.rings()
    assert bell.rings()


def test_a_folder_that_comes_later_is_watched_then(tmp_path: Path, watching) -> None:
    """Polls ring as well here, so only the events are listened to."""
    events = Bell()
    watch = Watch((tmp_path / "later",), events, 0.05)
    watch._poll = lambda: None  # type: ignore[method-assign]
    watch.start()
    try:
        (tmp_path / "later").mkdir()
        assert events.rings((tmp_path / "later" / "x").touch)
        (tmp_path / "later" / "x").unlink()
        (tmp_path / "later").rmdir()
        (tmp_path / "later").mkdir()
        assert events.rings((tmp_path / "later" / "y").touch)
    finally:
        watch.stop()


def test_it_ends_cleanly_starts_again_and_may_be_stopped_twice(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    bell = Bell()
    watch = Watch((tmp_path,), bell, LONG)
    for _ in range(2):
        watch.start()
        watch.start()
        assert len(set(threading.enumerate()) - before) == 2
        assert bell.rings((tmp_path / "x").touch)
        watch.stop()
        watch.stop()
        assert set(threading.enumerate()) - before == set()


def test_no_events_at_all_is_told_and_polled_over(tmp_path: Path, watching, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError("the limit of watches is reached")

    monkeypatch.setattr("reconciler.desired.watch.watch", refuses)
    bell, watch = watching(tmp_path, interval=0.05)
    assert bell.rings()
    assert any(bell.rings() and "only polling" in watch.problem for _ in range(int(SOON / 0.05)))


def test_a_callback_that_raises_for_a_while_stops_nobody_from_noticing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bell, broken = Bell(), threading.Event()

    def callback() -> None:
        bell()
        if broken.is_set():
            raise ZeroDivisionError("for this test")

    watches = {"the poll": Watch((), callback, 0.05), "file events": Watch((tmp_path,), callback, LONG)}
    for name, watch in watches.items():
        caplog.clear()
        watch.start()
        try:
            broken.set()
            assert bell.rings((tmp_path / "x").touch), name
            assert bell.rings((tmp_path / "x").touch), f"{name}: the first exception ended it"
            broken.clear()
            assert bell.rings((tmp_path / "x").touch), name
            assert "for this test" in caplog.text, "nobody was told"
            assert watch.problem == "", "the callback's trouble was taken for the file system's"
        finally:
            watch.stop()


def test_the_loss_of_events_is_logged_once_and_their_return_too(
    tmp_path: Path, watching, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "reconciler.watch")
    works = threading.Event()

    def sometimes(*_: object, stop_event: threading.Event, **__: object) -> Iterator[set[object]]:
        if not works.is_set():
            raise OSError("the limit of watches is reached")
        while not stop_event.wait(0.01):
            yield set()  # a time-out: nothing changed

    monkeypatch.setattr("reconciler.desired.watch.watch", sometimes)
    bell, watch = watching(tmp_path, interval=0.05)
    assert bell.rings()
    assert any(bell.rings() and "only polling" in watch.problem for _ in range(int(SOON / 0.05)))
    works.set()
    assert any(bell.rings() and not watch.problem for _ in range(int(SOON / 0.05)))
    assert [(one.levelname, one.getMessage().split(",")[0]) for one in caplog.records] == [
        ("WARNING", "no file events (OSError)"),
        ("INFO", "file events come again"),
    ]
