"""Whatever is changed in a pack is found and named, and what it says has to follow from its raw files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pack_made import Recorded, good_switch

from reconciler.core.events import Watched
from reconciler.errors import EvidenceBroken, Refused
from reconciler.evidence.pack import manifest, steps
from reconciler.evidence.pack.archive import export, opened
from reconciler.evidence.pack.place import MANIFEST, PLAN, REQUESTS, STEPS, Pack
from reconciler.evidence.pack.stream import Stream, read
from reconciler.evidence.pack.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return good_switch(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def pack(made: Pack, tmp_path: Path) -> Pack:
    """One of its own to spoil."""
    folder = tmp_path / made.environment / made.transition
    shutil.copytree(made.folder, folder)
    return Pack(folder)


def named(pack: Pack) -> set[str]:
    return {finding.file for finding in verify(pack).findings}


def test_every_change_of_a_single_byte_is_found_and_the_file_is_named(pack: Pack) -> None:
    """Every byte of every file, one after the other, by what `verify` rests on: whole verifications, of which the next
    test makes some for each file, would take minutes."""
    files, swept = manifest.read(pack)["files"], 0
    for path in sorted(pack.folder.iterdir()):
        whole = path.read_bytes()
        file = os.open(path, os.O_RDWR)
        for place, byte in enumerate(whole):
            os.pwrite(file, bytes([byte ^ 0x01]), place)
            assert is_found(pack, path.name, files), (path.name, place)
            os.pwrite(file, bytes([byte]), place)
            swept += 1
        os.close(file)
    assert verify(pack).findings == ()
    assert swept > 5_000


def is_found(pack: Pack, name: str, files: dict[str, Any]) -> bool:
    if name != MANIFEST:
        return manifest.digest(pack.file(name)) != files[name]
    try:
        manifest.read(pack)
    except EvidenceBroken:
        return True
    return False


def test_a_whole_verification_names_the_file_of_a_changed_byte_a_missing_one_and_one_too_many(pack: Pack) -> None:
    for path in sorted(pack.folder.iterdir()):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
            assert path.name in named(pack), (path.name, place)
        path.unlink()
        assert path.name in named(pack)
        path.write_bytes(whole + b"\n")
        assert path.name in named(pack)
        path.write_bytes(whole)
    pack.file("more.txt").write_text("more")
    assert named(pack) == {"more.txt"}


def sealed_again(pack: Pack, **changes: Any) -> None:
    """As a forger would: every digest is right again."""
    body = manifest.read(pack) | changes
    body["files"] = {name: manifest.digest(path) for name in body["files"] if (path := pack.file(name)).exists()}
    body["digest"] = manifest.sealed(body)
    pack.file(MANIFEST).write_bytes(manifest.written(body))


def test_a_verdict_that_does_not_follow_is_found_though_every_digest_is_right(pack: Pack) -> None:
    verdict = manifest.read(pack)["verdict"] | {"reasons": ["all was well"]}
    sealed_again(pack, verdict=verdict)
    assert [one.what for one in verify(pack).findings] == ["its verdict does not follow from the raw files"]


def test_a_figure_that_does_not_follow_is_found(pack: Pack) -> None:
    figures = manifest.read(pack)["figures"]
    figures["requests"]["roads"]["users"]["p95"] = 0.001
    sealed_again(pack, figures=figures)
    assert [one.what for one in verify(pack).findings] == ["its figures of requests do not follow from the raw files"]


def test_a_request_that_was_taken_out_is_found_by_its_number_and_by_the_figures(pack: Pack) -> None:
    records = list(read(pack.file(REQUESTS)))
    pack.file(REQUESTS).unlink()
    stream = Stream(pack.file(REQUESTS))
    for number, record in enumerate(records):
        if number != len(records) // 2:
            stream.write(record)
    stream.close()
    sealed_again(pack)
    assert {one.what for one in verify(pack).findings} >= {
        "its figures of requests do not follow from the raw files",
        "its verdict does not follow from the raw files",
    }


def test_an_entry_that_is_not_the_journals_is_found(pack: Pack) -> None:
    lines = pack.file(STEPS).read_text().splitlines()
    said = json.loads(lines[3])
    lines[3] = json.dumps({**said, "actor": "somebody@else"})
    pack.file(STEPS).write_text("\n".join(lines) + "\n")
    sealed_again(pack)
    (finding,) = verify(pack).findings
    assert (finding.file, f"entry {said['seq']} is not what the journal holds" in finding.what) == ("raw files", True)


def test_an_entry_that_was_taken_out_is_found_by_the_chain(pack: Pack) -> None:
    lines = pack.file(STEPS).read_text().splitlines()
    pack.file(STEPS).write_text("\n".join(lines[:-1]) + "\n")
    sealed_again(pack)
    assert "the entries of the journal that it names are not those of steps.jsonl" in {
        one.what for one in verify(pack).findings
    }


def test_another_plan_does_not_agree_with_what_was_taken(pack: Pack) -> None:
    found = json.loads(pack.file(PLAN).read_bytes())
    steps = found["plans"][0]["steps"]
    steps.remove(next(step for step in steps if step["key"]))
    pack.file(PLAN).write_text(json.dumps(found))
    sealed_again(pack)
    assert "its figures of runbook do not follow from the raw files" in {one.what for one in verify(pack).findings}


def test_a_document_that_does_not_follow_is_found(pack: Pack) -> None:
    pack.file("approvals.json").write_text("{}\n")
    sealed_again(pack)
    assert [str(one) for one in verify(pack).findings] == ["approvals.json: it does not follow from the raw files"]


def test_a_pack_that_lies_elsewhere_says_whose_it_is(pack: Pack) -> None:
    moved = pack.folder.with_name("000099-blue-9")
    pack.folder.rename(moved)
    assert [one.what for one in verify(Pack(moved)).findings] == [
        f"it is the pack of prod/{pack.transition}, and lies in prod/000099-blue-9"
    ]


def test_an_unfinished_pack_is_not_evidence_yet(pack: Pack) -> None:
    pack.file(MANIFEST).unlink()
    (finding,) = verify(pack).findings
    assert "unfinished" in finding.what


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"digest": 1}'])
def test_a_manifest_that_is_none_is_said(pack: Pack, text: str) -> None:
    pack.file(MANIFEST).write_text(text)
    assert named(pack) == {MANIFEST}


def test_one_of_another_format_asks_for_the_version_that_wrote_it(pack: Pack) -> None:
    sealed_again(pack, format=99)
    checked = verify(pack)
    assert (checked.findings, checked.holds) == ((), False)
    assert "use the version that wrote it" in checked.unchecked[0]


def test_documents_of_another_version_are_compared_by_their_digests_only_and_then_it_is_not_said_to_hold(
    pack: Pack,
) -> None:
    sealed_again(pack, reconciler="99.0")
    checked = verify(pack)
    assert (checked.findings, checked.holds) == ((), False)
    assert "99.0" in checked.unchecked[0]


@pytest.mark.parametrize("change", [{"auditor": "approved"}, {"figures": {"users_happy": 1}}])
def test_what_the_manifest_says_beyond_what_follows_is_found(pack: Pack, change: dict[str, Any]) -> None:
    body = manifest.read(pack)
    figures = {"figures": body["figures"] | change.pop("figures", {})}
    sealed_again(pack, **figures, **change)
    assert named(pack) == {MANIFEST}


def test_entries_that_others_wrote_in_between_close_the_chain_and_none_of_ours_can_be_left_out(
    tmp_path: Path,
) -> None:
    made = Recorded(tmp_path)
    made.begin()
    for _ in range(3):
        made.stand.journal.append("elsewhere", Watched(), actor="kim")
    pack = None
    real = made.step

    def step() -> bool:
        moved = real()
        made.stand.journal.append("elsewhere", Watched(), actor="svc")
        return moved

    made.step = step  # type: ignore[method-assign]
    pack = made.switch()
    made.close()
    assert verify(pack).findings == ()
    found = steps.read(pack.file(STEPS))
    assert found.others
    assert found.rows[-1].seq - found.rows[0].seq + 1 == len(found.rows) + len(found.others)
    lines = pack.file(STEPS).read_text().splitlines()
    ours = [number for number, line in enumerate(lines) if json.loads(line)["environment"] == "prod"]
    for number in (ours[2], ours[2] + 1):
        pack.file(STEPS).write_text("\n".join(lines[:number] + lines[number + 1 :]) + "\n")
        sealed_again(pack)
        assert any("one was left out" in one.what for one in verify(pack).findings)


def test_it_can_be_exported_and_verified_with_nothing_else(pack: Pack, tmp_path: Path) -> None:
    target = tmp_path / "for-the-auditor.zip"
    export(pack, target)
    with opened(target) as one:
        assert verify(one).findings == ()
    with pytest.raises(Refused, match="is there already"):
        export(pack, target)


def test_what_is_no_zip_of_evidence_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no")
    with pytest.raises(EvidenceBroken, match="no zip file of evidence"), opened(tmp_path / "a.zip"):
        pass
