"""`reconcile evidence` as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from typed import reconcile

sys.path += [str(Path(__file__).parents[1] / room) for room in ("evidence", "loop")]
from pack_made import Recorded

from reconciler.cli.evidence import is_fresh
from reconciler.core.model import Slot
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.place import Pack


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an operator's file, and evidence of a good switch and of one that went back."""
    root = tmp_path_factory.mktemp("evidence")
    recorded = Recorded(root)
    recorded.begin()
    recorded.switch()
    recorded.switch(Slot.BLUE, good=False, blue="3")
    recorded.close()
    (root / "reconciler.toml").write_text('[evidence]\nfolder = "evidence"\n')
    return root


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(made, tmp_path / "here")
    return tmp_path / "here"


def packs(here: Path) -> list[Pack]:
    return [Pack(folder) for folder in sorted((here / "evidence" / "prod").iterdir()) if folder.is_dir()]


def test_the_list_says_how_each_ended_and_what_it_proves(here: Path) -> None:
    done = reconcile("evidence", "list", folder=here)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1][2:] == ["Succeeded", "Proved"]
    assert lines[2][2] == "RolledBack"
    told = json.loads(reconcile("evidence", "list", "prod", "--output", "json", folder=here).stdout)
    assert [one["outcome"] for one in told["packs"]] == ["Succeeded", "RolledBack"]


def test_an_environment_shows_its_latest_and_a_transition_itself(here: Path) -> None:
    first, second = packs(here)
    assert second.transition in reconcile("evidence", "show", "prod", folder=here).stdout
    shown = reconcile("evidence", "show", first.transition, folder=here).stdout
    assert "zero downtime: Proved" in shown
    assert "test requests, sent as users send theirs, 0 failed" in shown


def test_everything_is_verified_when_nothing_is_named_and_one_that_was_changed_is_named(here: Path) -> None:
    first, second = packs(here)
    done = reconcile("evidence", "verify", folder=here)
    assert (done.returncode, done.stdout.count("it holds")) == (0, 2)
    (second.folder / "gates.json").write_text("{}")
    done = reconcile("evidence", "verify", folder=here)
    assert done.returncode == 1
    assert f"{first.transition}: it holds" in done.stdout
    assert "gates.json: it is not what was written" in done.stdout


@pytest.mark.parametrize("where", ["evidence", "evidence/prod"])
def test_a_folder_of_packs_is_verified_without_an_operators_file(here: Path, tmp_path: Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(here / "evidence", elsewhere / "evidence")
    done = reconcile("evidence", "verify", where, folder=elsewhere)
    assert (done.returncode, done.stdout.count("it holds")) == (0, 2), done.stderr


def test_an_export_is_one_file_that_anybody_verifies_and_is_never_written_over(here: Path, tmp_path: Path) -> None:
    first, _ = packs(here)
    done = reconcile("evidence", "export", first.transition, folder=here)
    assert done.returncode == 0, done.stderr
    archive = here / f"prod-{first.transition}.zip"
    assert reconcile("evidence", "verify", str(archive), folder=tmp_path).returncode == 0
    again = reconcile("evidence", "export", first.transition, folder=here)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


def exported(here: Path) -> Path:
    first, _ = packs(here)
    assert reconcile("evidence", "export", first.transition, "--to", "a.zip", folder=here).returncode == 0
    return here / "a.zip"


def test_the_report_in_a_zip_lasts_longer_than_the_command_that_shows_it(here: Path) -> None:
    done = reconcile("evidence", "open", str(exported(here)), folder=here)
    assert done.returncode == 0, done.stderr
    report = Path(done.stdout.partition("the report is at ")[2].partition(": copy")[0])
    assert report.read_bytes() == packs(here)[0].file("report.html").read_bytes()
    shutil.rmtree(report.parent)


def test_a_zip_with_one_file_too_many_does_not_hold_and_the_file_is_named(here: Path) -> None:
    with zipfile.ZipFile(exported(here), "a") as archive:
        archive.writestr("READ-ME-FIRST.html", "forged")
    done = reconcile("evidence", "verify", "a.zip", folder=here)
    assert (done.returncode, "it does not hold" in done.stdout) == (1, True), done.stderr
    assert "READ-ME-FIRST.html" in done.stdout


def test_what_another_version_wrote_is_not_said_to_hold_and_has_an_exit_code_of_its_own(here: Path) -> None:
    _, second = packs(here)
    body = manifest.read(second) | {"reconciler": "0.0.1"}
    second.file("manifest.json").write_bytes(manifest.written({**body, "digest": manifest.sealed(body)}))
    done = reconcile("evidence", "verify", str(second.folder), folder=here)
    assert (done.returncode, "it holds" in done.stdout) == (3, False), done.stdout
    assert "version 0.0.1 says that it wrote the documents" in done.stdout
    said = json.loads(reconcile("evidence", "verify", str(second.folder), "--output", "json", folder=here).stdout)
    assert (said["packs"][0]["holds"], said["packs"][0]["findings"]) == (False, [])


def test_a_nightly_check_of_everything_does_not_cry_while_a_transition_is_under_way_but_for_one_left_open(
    here: Path,
) -> None:
    _, second = packs(here)
    second.file("manifest.json").unlink()
    second.file("plan.json").touch()
    done = reconcile("evidence", "verify", folder=here)
    assert (done.returncode, "is not finished yet" in done.stderr) == (0, True), done.stdout
    for path in second.folder.iterdir():
        os.utime(path, (1e9, 1e9))
    done = reconcile("evidence", "verify", folder=here)
    assert (done.returncode, f"{second.transition}: it does not hold" in done.stdout) == (1, True)


def test_open_checks_first_and_without_a_screen_says_where_the_report_lies(here: Path) -> None:
    first, _ = packs(here)
    done = reconcile("evidence", "open", first.transition, folder=here)
    assert (done.returncode, "it holds" in done.stdout) == (0, True), done.stderr
    assert f"no browser here; the report is at {first.file('report.html')}" in done.stdout
    with first.file("report.html").open("a") as report:
        report.write("more")
    done = reconcile("evidence", "open", first.transition, folder=here)
    assert (done.returncode, "it does not hold" in done.stdout) == (1, True)
    assert "report.html: it is not what was written: expected " in done.stdout


def test_show_names_the_manifest_too(here: Path) -> None:
    assert "    manifest.json  " in reconcile("evidence", "show", "prod", folder=here).stdout


def test_what_does_not_hold_is_not_exported(here: Path) -> None:
    first, _ = packs(here)
    first.file("approvals.json").write_text("{}")
    done = reconcile("evidence", "export", first.transition, folder=here)
    assert (done.returncode, list(here.glob("*.zip"))) == (1, [])


def test_an_unfinished_pack_is_told_as_one(here: Path) -> None:
    _, second = packs(here)
    second.file("manifest.json").unlink()
    assert "unfinished" in reconcile("evidence", "list", folder=here).stdout
    assert packs(here)[0].transition in reconcile("evidence", "show", "prod", folder=here).stdout
    done = reconcile("evidence", "verify", str(second.folder), folder=here)
    assert (done.returncode, "unfinished" in done.stdout) == (1, True)


@pytest.mark.parametrize("words", [("show", "nosuch"), ("verify", "nosuch"), ("export", "nosuch"), ("list", "nosuch")])
def test_what_is_no_pack_is_a_mistake_of_the_command_line(here: Path, words: tuple[str, str]) -> None:
    done = reconcile("evidence", *words, folder=here)
    assert (done.returncode, "nosuch" in done.stderr) == (64, True)


def test_where_there_is_none_it_says_where_they_will_lie(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").write_text("")
    assert f"no evidence yet: every transition leaves a pack in {tmp_path}" in (
        reconcile("evidence", "list", folder=tmp_path).stdout
    )


def test_one_in_another_format_is_listed_as_that_and_not_as_broken(here: Path) -> None:
    first, _ = packs(here)
    body = manifest.read(first) | {"format": 1}
    first.file("manifest.json").write_bytes(manifest.written({**body, "digest": manifest.sealed(body)}))
    listed = reconcile("evidence", "list", folder=here).stdout
    assert ("in another format" in listed, "broken" in listed) == (True, False)


def test_a_file_that_is_renamed_while_its_age_is_asked_for_is_one_that_somebody_writes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second = packs(here)
    second.file("manifest.json").unlink()
    gone = [*second.folder.iterdir(), second.file(".plan.json.new")]
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(gone))
    assert is_fresh(second)
