"""The log on this disk: bounded, never half a line, and it goes on after whatever became of the process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_world import line

from reconciler.errors import Refused
from reconciler.logs.kept import PIECES, Kept, Place, every_line

LIMIT = 8000


def opened(folder: Path, limit: int = LIMIT) -> Kept:
    kept = Kept(folder, limit)
    kept.open()
    return kept


def files(folder: Path) -> list[Path]:
    return sorted((folder / "lines").iterdir())


def rest(kept: Kept, place: Place) -> tuple[list[bytes], int]:
    """Every line after a place, and how many were gone."""
    found: list[bytes] = []
    lost = 0
    while True:
        batch = kept.read(place, 3, 1000)
        lost += batch.lost
        if not batch.lines:
            return found, lost
        found += batch.lines
        place = batch.after


@given(sizes=st.lists(st.integers(1, 40), max_size=30), begin=st.integers(0, 30))
@settings(max_examples=60)
def test_what_is_read_and_what_is_lost_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], begin: int
) -> None:
    kept = opened(tmp_path_factory.mktemp("kept"))
    place, written = kept.end(), 0
    for index, size in enumerate(sizes):
        if index == begin:
            place, before = kept.end(), written
            assert place.number == before + 1
        kept.append([line(written + number + 1) for number in range(size)])
        written += size
    since = place.number - 1
    found, lost = rest(kept, place)
    assert lost + len(found) == written - since
    assert found == [line(number + 1) for number in range(written - len(found), written)]
    assert sum(file.stat().st_size for file in files(kept.folder.parent)) <= LIMIT + 40 * 60
    kept.close()


def test_it_is_bounded_and_the_oldest_piece_goes_first(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    begin = kept.end()
    for number in range(1, 1001):
        kept.append([line(number)])
    assert sum(file.stat().st_size for file in files(tmp_path)) <= LIMIT
    assert len(files(tmp_path)) <= PIECES + 1
    found, lost = rest(kept, begin)
    assert found == [line(number) for number in range(lost + 1, 1001)]
    assert lost > 0
    kept.close()


def test_the_next_process_goes_on_and_takes_half_a_line_off(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    kept.append([line(1), line(2)])
    kept.close()
    with files(tmp_path)[-1].open("ab") as file:
        file.write(line(3)[:7])
    kept = opened(tmp_path)
    assert kept.end().number == 3
    kept.append([line(3)])
    assert rest(kept, kept.oldest()) == ([line(1), line(2), line(3)], 0)
    assert [*every_line(tmp_path)] == [line(number) + b"\n" for number in (1, 2, 3)]
    kept.close()


def test_one_process_writes(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    with pytest.raises(Refused, match="the log is owned by process"):
        Kept(tmp_path, LIMIT).open()
    kept.close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(Refused, match=r"cannot write the log in .*logs/lines"):
        Kept(tmp_path / "logs", LIMIT).open()


def test_a_disk_that_gets_full_in_the_middle_of_a_line_leaves_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = opened(tmp_path)
    kept.append([line(1)])
    real, left = os.write, [20]

    def write(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        done = real(handle, bytes(data)[: left[0]])
        left[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            kept.append([line(2), line(3)])
    assert files(tmp_path)[0].read_bytes() == line(1) + b"\n"
    kept.append([line(2)])
    assert rest(kept, kept.oldest()) == ([line(1), line(2)], 0)
    kept.close()


@pytest.mark.parametrize("whole", [False, True])
def test_what_somebody_removes_is_begun_anew(tmp_path: Path, whole: bool) -> None:
    kept = opened(tmp_path)
    begin = kept.end()
    kept.append([line(1), line(2)])
    files(tmp_path)[0].unlink()
    if whole:
        (tmp_path / "lines").rmdir()
    kept.append([line(3)])
    assert rest(kept, begin) == ([line(3)], 2)
    kept.close()


def test_a_line_that_is_longer_than_a_batch_is_read_all_the_same(tmp_path: Path) -> None:
    kept = opened(tmp_path, 1 << 20)
    long = b"x" * 5000
    kept.append([long, line(2)])
    assert rest(kept, kept.oldest()) == ([long, line(2)], 0)
    kept.close()


def test_whoever_only_looks_makes_nothing(tmp_path: Path) -> None:
    assert [*every_line(tmp_path / "none")] == []
    assert not (tmp_path / "none").exists()
