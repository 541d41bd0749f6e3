"""A stream can be cut short by a crash, never spoilt by one; and what was changed is not read as if it had not been."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack import stream
from reconciler.evidence.pack.stream import Stream, mend, read


def written(path: Path, *members: list[int]) -> bytes:
    for numbers in members:
        one = Stream(path)
        for number in numbers:
            one.write({"n": number})
        one.close()
    return path.read_bytes()


def numbers(path: Path) -> list[int]:
    return [record["n"] for record in read(path)]


def test_what_was_written_is_read_in_order_over_any_number_of_writers(tmp_path: Path) -> None:
    written(tmp_path / "a.gz", [1, 2], [], [3])
    assert numbers(tmp_path / "a.gz") == [1, 2, 3]


def test_it_is_a_gzip_file_that_anybody_can_read(tmp_path: Path) -> None:
    import gzip

    written(tmp_path / "a.gz", [1, 2], [3])
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b'{"n":1}\n{"n":2}\n{"n":3}\n'


def test_of_no_file_nothing_is_read(tmp_path: Path) -> None:
    assert numbers(tmp_path / "none.gz") == []


def test_cut_off_anywhere_the_whole_members_before_it_are_there_and_a_new_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    whole = written(path, [1, 2], [3])
    first = len(written(tmp_path / "b.gz", [1, 2]))
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        found = [1, 2, 3] if length == len(whole) else [1, 2] if length >= first else []
        assert numbers(path) == found, length
        written(path, [4])
        assert numbers(path) == [*found, 4], length


def test_mending_what_is_whole_changes_nothing(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.gz", [1], [2])
    mend(tmp_path / "a.gz")
    mend(tmp_path / "none.gz")
    assert (tmp_path / "a.gz").read_bytes() == whole
    assert not (tmp_path / "none.gz").exists()


def test_what_is_damaged_in_the_midst_is_said_not_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    whole = bytearray(written(path, [1, 2], [3]))
    whole[len(whole) // 2 + 4] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(EvidenceBroken, match=r"a\.gz"):
        numbers(path)


@pytest.mark.parametrize("content", [b"no json\n", b"[1]\n", b'{"n":1}\n{"n":2'])
def test_a_line_that_no_stream_writes_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(stream._member(content.decode()))
    with pytest.raises(EvidenceBroken, match=r"a\.gz"):
        numbers(tmp_path / "a.gz")


def test_a_member_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LARGEST", 1000)
    (tmp_path / "a.gz").write_bytes(stream._member('{"n":1}\n' * 10_000))
    with pytest.raises(EvidenceBroken, match="larger than any"):
        numbers(tmp_path / "a.gz")


def test_a_disk_that_takes_half_a_member_leaves_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gz"
    whole = written(path, [1])
    real, full = os.write, True

    def write(file: int, data: bytes) -> int:
        if full:
            real(file, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return real(file, data)

    one = Stream(path)
    one.write({"n": 2})
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space"):
            one.flush()
        assert path.read_bytes() == whole
        full = False
        one.close()
    assert numbers(path) == [1, 2]


def test_a_number_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Stream(tmp_path / "a.gz").write({"n": float("nan")})


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=50), max_size=3), max_size=20), st.integers(1, 4))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict], size: int
) -> None:  # type: ignore[type-arg]
    path = tmp_path_factory.mktemp("stream") / "a.gz"
    one = Stream(path)
    for number, record in enumerate(records):
        one.write(record)
        if number % size == 0:
            one.flush()
    one.close()
    assert list(read(path)) == records
