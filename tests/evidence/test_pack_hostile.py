"""Whatever lies where a pack is expected: verifying it ends, in bounded memory, and says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pack_made import good_switch

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack import archive, manifest
from reconciler.evidence.pack.archive import export, opened
from reconciler.evidence.pack.place import GATEWAY, MANIFEST, PLAN, READINGS, REQUESTS, STEPS, STREAMS, Pack
from reconciler.evidence.pack.verify import verify

WHICHEVER = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return good_switch(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def pack(made: Pack, tmp_path: Path) -> Pack:
    """One of its own to spoil."""
    return copy(made, tmp_path)


def copy(made: Pack, root: Path) -> Pack:
    folder = root / made.environment / made.transition
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made.folder, folder)
    return Pack(folder)


def sealed(pack: Pack, body: dict[str, Any]) -> None:
    body["digest"] = manifest.sealed(body)
    pack.file(MANIFEST).write_bytes(manifest.written(body))


def resealed(pack: Pack) -> None:
    body = manifest.read(pack)
    body["files"] = {name: manifest.digest(pack.file(name)) for name in body["files"] if pack.file(name).is_file()}
    sealed(pack, body)


KEYS = (
    "digest",
    "environment",
    "figures",
    "files",
    "format",
    "journal",
    "previous",
    "reconciler",
    "transition",
    "verdict",
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


class TestManifests:
    @WHICHEVER
    @given(key=st.sampled_from(KEYS), value=ANYTHING)
    def test_whose_any_part_is_anything_are_found(
        self, made: Pack, tmp_path_factory: pytest.TempPathFactory, key: str, value: Any
    ) -> None:
        spoilt = copy(made, tmp_path_factory.getbasetemp() / "manifests")
        body = manifest.read(spoilt)
        if body[key] != value:
            sealed(spoilt, {**body, key: value}) if key != "digest" else spoilt.file(MANIFEST).write_bytes(
                manifest.written({**body, key: value})
            )
            assert not verify(spoilt).holds

    @WHICHEVER
    @given(st.binary(max_size=200))
    def test_that_are_any_bytes_are_found(
        self, made: Pack, tmp_path_factory: pytest.TempPathFactory, data: bytes
    ) -> None:
        spoilt = copy(made, tmp_path_factory.getbasetemp() / "manifests")
        spoilt.file(MANIFEST).write_bytes(data)
        assert [one.file for one in verify(spoilt).findings] == [MANIFEST]

    @pytest.mark.parametrize("key", KEYS)
    def test_without_one_of_their_parts_are_found(self, pack: Pack, key: str) -> None:
        body = manifest.read(pack)
        del body[key]
        if key == "digest":
            pack.file(MANIFEST).write_bytes(manifest.written(body))
        else:
            sealed(pack, body)
        assert not verify(pack).holds

    @pytest.mark.parametrize("name", ["../../outside", "a/b", "a\0b", ".", "", "/etc/passwd", "x" * 300])
    def test_that_name_a_file_elsewhere_are_found(self, pack: Pack, name: str) -> None:
        body = manifest.read(pack)
        body["files"][name] = {"bytes": 1, "sha256": "0" * 64}
        sealed(pack, body)
        assert [one.file for one in verify(pack).findings] == [MANIFEST]

    @pytest.mark.parametrize(
        "text", ["[" * 200_000, '{"a":' * 200_000, '{"digest":NaN}', '{"digest":1e999}', "9" * 9_000]
    )
    def test_that_no_parser_likes_are_found(self, pack: Pack, text: str) -> None:
        pack.file(MANIFEST).write_text(text)
        assert [one.file for one in verify(pack).findings] == [MANIFEST]

    def test_larger_than_any_are_not_loaded(self, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(manifest, "LARGEST", 100)
        (finding,) = verify(pack).findings
        assert "it has more than 100 bytes" in finding.what


def packed(text: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(text) + packer.flush()


LINES = {
    "deep": b'{"a":' * 200_000 + b"\n",
    "empty": b"{}\n",
    "no number": b'{"gate":"g","run":"r","n":1,"at":NaN}\n',
    "infinite": b'{"gate":"g","run":"r","n":1,"road":"users","outcome":"ok","at":1,"latency":1e999}\n',
    "huge": b'{"gate":"g","run":"r","n":1,"at":1' + b"0" * 5000 + b"}\n",
    "no text": b"\xff\n",
    "one long line": b'{"a":"' + b"x" * 3_000_000 + b'"}\n',
    "unpaired": b'{"gate":"\\ud800","outcome":"Failed","at":1,"reason":"\\ud800"}\n',
    "lists": b'{"gate":[],"run":{},"n":[],"at":[],"outcome":[],"up":[],"counters":[],"weights":[]}\n',
    "a bomb": b" " * 60_000_000 + b"\n",
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("content", LINES.values(), ids=LINES)
def test_a_stream_of_anything_is_found(pack: Pack, name: str, content: bytes) -> None:
    pack.file(name).write_bytes(packed(content))
    resealed(pack)
    assert verify(pack).findings


TEXTS = {
    "deep": b"[" * 300_000,
    "nan": b'{"plans":[{"steps":NaN}]}',
    "a list": b"[]",
    "a number": b'{"plans":[1]}',
    "nothing": b"",
    "no gates": b'{"plans":[{"steps":[{"key":"a"}],"gates":[]}]}',
    "keys": b'{"plans":[{"steps":[{"key":[]}],"gates":[{}]}]}',
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("name", [PLAN, STEPS])
@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_plan_or_steps_of_anything_are_found(pack: Pack, name: str, content: bytes) -> None:
    pack.file(name).write_bytes(content)
    resealed(pack)
    assert verify(pack).findings


@WHICHEVER
@given(
    place=st.integers(0, 9),
    key=st.sampled_from(["seq", "environment", "at", "elapsed", "data", "kind"]),
    value=ANYTHING,
)
def test_an_entry_of_anything_is_found(
    made: Pack, tmp_path_factory: pytest.TempPathFactory, place: int, key: str, value: Any
) -> None:
    spoilt = copy(made, tmp_path_factory.getbasetemp() / "entries")
    lines = [json.loads(line) for line in spoilt.file(STEPS).read_text().splitlines()]
    place %= len(lines)
    if lines[place][key] != value or type(lines[place][key]) is not type(value):
        lines[place][key] = value
        spoilt.file(STEPS).write_text("".join(json.dumps(line) + "\n" for line in lines))
        resealed(spoilt)
        assert verify(spoilt).findings


@pytest.mark.parametrize("name", [MANIFEST, PLAN, STEPS, REQUESTS, GATEWAY, READINGS, "report.html", "dashboard.png"])
@pytest.mark.parametrize(
    "lay",
    [
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/etc/hostname"),
        lambda path: path.mkdir(),
    ],
    ids=["a pipe", "a device", "a link", "a folder"],
)
def test_what_is_no_file_is_found_and_never_read(pack: Pack, name: str, lay: Callable[[Path], None]) -> None:
    pack.file(name).unlink()
    lay(pack.file(name))
    checked = verify(pack)
    assert name in {one.file for one in checked.findings}, checked.findings
    assert any("expected a file" in one.what for one in checked.findings)


@pytest.fixture(scope="module")
def whole(made: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "whole.zip"
    export(made, target)
    return target


def members(whole: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(whole) as found:
        return [(member.filename, found.read(member)) for member in found.infolist()]


def zipped(path: Path, content: list[tuple[str, bytes]], way: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", way) as made:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in content:
            made.writestr(name, data)
    return path


class TestZips:
    def refused(self, path: Path, why: str) -> None:
        with pytest.raises(EvidenceBroken, match=why), opened(path) as pack:
            raise AssertionError(verify(pack))

    def test_in_another_order_hold(self, whole: Path, tmp_path: Path) -> None:
        with opened(zipped(tmp_path / "a.zip", members(whole)[::-1])) as pack:
            assert verify(pack).findings == ()

    @pytest.mark.parametrize("first", [True, False])
    def test_with_two_of_one_name_are_refused(self, made: Pack, whole: Path, tmp_path: Path, first: bool) -> None:
        for name in ("report.html", "REPORT.html"):
            forged = [(f"prod/{made.transition}/{name}", b"<h1>forged</h1>")]
            content = [*forged, *members(whole)] if first else [*members(whole), *forged]
            self.refused(zipped(tmp_path / "a.zip", content), "it is there twice")

    @pytest.mark.parametrize(
        "name",
        [
            "READ-ME-FIRST.html",
            "{pack}/more/evil.html",
            "{pack}/.hidden",
            "{pack}/more.txt",
            "{pack}\\report.html",
            "{pack}/",
            "prod/000099-blue-9/report.html",
            "../../prod/outside.txt",
            "/prod/t/outside.txt",
        ],
    )
    def test_with_what_does_not_belong_to_the_pack_are_refused_and_it_is_named(
        self, made: Pack, whole: Path, tmp_path: Path, name: str
    ) -> None:
        name = name.format(pack=f"prod/{made.transition}")
        self.refused(zipped(tmp_path / "a.zip", [*members(whole), (name, b"forged")]), "not as it was exported")
        assert not list(tmp_path.rglob("outside.txt"))

    @pytest.mark.parametrize("environment", ["..", ".", "..."])
    def test_of_a_whole_pack_that_would_lie_elsewhere_are_refused_and_nothing_is_written(
        self, made: Pack, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        content = [(name.replace("prod/", f"{environment}/", 1), data) for name, data in members(whole)]
        self.refused(zipped(tmp_path / "a.zip", content), "no file of a pack has such a name")
        assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]

    @pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_packed_in_another_way_are_refused(self, whole: Path, tmp_path: Path, way: int) -> None:
        self.refused(zipped(tmp_path / "a.zip", members(whole), way), "packed in another way")

    @pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 99)], ids=["encrypted", "unknown"])
    def test_encrypted_or_of_an_unknown_kind_are_refused(
        self, whole: Path, tmp_path: Path, offset: int, value: int
    ) -> None:
        data = bytearray(whole.read_bytes())
        struct.pack_into("<H", data, data.find(b"PK\x01\x02") + offset, value)
        (tmp_path / "a.zip").write_bytes(data)
        self.refused(tmp_path / "a.zip", "encrypted, or packed in another way")

    def test_that_unpack_to_more_than_any_export_are_not_unpacked(
        self, made: Pack, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive, "SMALL", 1 << 16)
        content = [one for one in members(whole) if not one[0].endswith(("report.html", MANIFEST))]
        pack = copy(made, tmp_path)
        pack.file("report.html").write_bytes(bytes(20_000_000))
        body = manifest.read(pack)
        body["files"]["report.html"] = manifest.digest(pack.file("report.html"))
        sealed(pack, body)
        prefix = f"prod/{made.transition}"
        content += [(f"{prefix}/{name}", pack.file(name).read_bytes()) for name in ("report.html", MANIFEST)]
        self.refused(zipped(tmp_path / "a.zip", content), "more than 100 times its size")

    def test_with_a_larger_file_than_the_manifest_says_are_unpacked_no_further(
        self, made: Pack, whole: Path, tmp_path: Path
    ) -> None:
        report = f"prod/{made.transition}/report.html"
        content = [(name, bytes(50_000_000) if name == report else data) for name, data in members(whole)]
        with opened(zipped(tmp_path / "a.zip", content)) as pack:
            size = pack.file("report.html").stat().st_size
            assert size == manifest.read(pack)["files"]["report.html"]["bytes"] + 1
            assert {one.file for one in verify(pack).findings} == {"report.html"}

    @settings(WHICHEVER, max_examples=150)
    @given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255), cut=st.booleans())
    def test_damaged_anywhere_are_refused_or_found_or_hold_what_they_held(
        self, made: Pack, whole: Path, tmp_path_factory: pytest.TempPathFactory, place: float, mask: int, cut: bool
    ) -> None:
        data = bytearray(whole.read_bytes())
        at = int(place * len(data))
        data[at] ^= mask
        path = tmp_path_factory.getbasetemp() / "damaged.zip"
        path.write_bytes(data[:at] if cut else data)
        try:
            with opened(path) as pack:
                checked = verify(pack)
        except EvidenceBroken:
            return
        kept = manifest.read(copy(made, tmp_path_factory.getbasetemp() / "kept"))
        assert checked.findings or checked.body == kept  # a byte that nobody reads, such as a time, changes nothing

    @WHICHEVER
    @given(st.binary(max_size=300))
    def test_that_are_any_bytes_are_refused(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "any.zip"
        path.write_bytes(data)
        self.refused(path, "no zip file of evidence|not as it was exported")
