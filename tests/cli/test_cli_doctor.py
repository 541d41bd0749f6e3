"""`reconcile doctor`: every prerequisite by its own line, what mends it, and no trace of having looked."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_folder import Folder, listing, until
from corp import DAY, Corp

from reconciler.doctor import memory
from reconciler.journal.sqlite import SqliteJournal

FINE = {"ok", "warning", "unknown"}


@pytest.fixture
def mine(folder: Folder, port: int, real_envoy: None) -> Folder:
    folder.reconcile("init", "--port", str(port))
    folder.commit()
    return folder


def asked(folder: Folder, *words: str) -> dict[str, dict[str, Any]]:
    """By what it is about; the environment's with its name before it."""
    done = folder.reconcile("doctor", *words, "--output", "json")
    told = json.loads(done.stdout)
    assert told["exitCode"] == done.returncode
    assert done.returncode == int(any(one["grade"] == "failed" for one in told["findings"]))
    found = {}
    for one in told["findings"]:
        name = f"{one['environment']} {one['what']}".strip()
        found[f"{name} again" if name in found else name] = one
    return found


def add(folder: Folder, text: str) -> None:
    with (folder.root / "reconciler.toml").open("a") as file:
        file.write(text)


def test_what_init_leaves_is_fit_and_looking_leaves_no_trace(mine: Folder) -> None:
    before = listing(mine.root)
    found = asked(mine)
    assert listing(mine.root) == before
    assert {name for name, one in found.items() if one["grade"] not in FINE} == set()
    for name in ("python", "git", "clock", "file", "state", "journal", "repository", "loop", "production envoy"):
        assert name in found
    for name in ("listen", "web port blue", "web port green", "web release", "web release again", "manifest"):
        assert found[f"production {name}"]["grade"] == "ok", found[f"production {name}"]


def test_it_is_told_in_lines_that_begin_with_how_it_stands(mine: Folder) -> None:
    (mine.root / "releases/1.1.0/app.py").unlink()
    (mine.root / "releases/1.1.0").rmdir()
    done = mine.reconcile("doctor")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("failed   web release "))
    assert "the files of web 1.1.0 are not there" in lines[at]
    assert lines[at + 1].startswith("         to mend: put the files there")
    assert "production" in lines
    assert all(line == "" or line[:9].strip() in {*FINE, "failed", "", "productio"} for line in lines[:-1])
    assert "1 failed" in lines[-1]


def test_a_place_that_somebody_else_has_is_told(mine: Folder, port: int) -> None:
    with socket.socket() as other, socket.socket() as another:
        for taken, number in ((other, port), (another, port + 1)):
            taken.bind(("127.0.0.1", number))
            taken.listen()
        found = asked(mine)
    assert found["production listen"]["grade"] == "failed"
    assert found["production web port blue"]["grade"] == "failed"
    assert found["production web port green"]["grade"] == "ok"
    assert found["production listen"]["cure"]


def test_what_the_operators_file_names_is_looked_for(mine: Folder) -> None:
    add(
        mine,
        '[commands.gone]\nargv = ["no-such-program"]\n[commands.there]\nargv = ["git"]\n'
        '[folders.gone]\npath = "nowhere"\n[folders.bare]\npath = "releases"\nmarker = ".mounted"\n'
        '[queries.gone]\nurl = "sqlite:///nothing.db"\nsql = "select 1"\n'
        '[alerts.ops]\nurl_env = "NOT_SET"\n'
        '[logs.far]\nkind = "loki"\nurl = "http://no-such-host.invalid:3100"\n'
        '[logs.near]\nkind = "loki"\nurl = "http://127.0.0.1:3100"\n',
    )
    found = asked(mine)
    failed = {name for name, one in found.items() if one["grade"] == "failed"}
    names = {"commands.gone", "folders.gone", "folders.bare", "queries.gone", "alerts.ops", "logs.far"}
    assert failed == names
    assert all(found[name]["cure"] for name in names)
    assert (found["commands.there"]["grade"], found["logs.near"]["grade"]) == ("ok", "ok")


def test_a_certificate_is_told_with_its_names_its_end_and_who_may_read_its_key(mine: Folder) -> None:
    corp = Corp(mine.root.parent / "corp")
    corp.made("shop.corp.example", ends=5 * DAY).put(corp.folder)
    add(mine, '[certificates.shop]\ncertificate = "../corp/chain.pem"\nkey = "../corp/key.pem"\n')
    mine.edit("environments/production.yaml", "kind: envoy,", "kind: envoy, certificate: shop,")
    mine.commit()
    soon = asked(mine)["production certificate"]
    assert soon["grade"] == "warning"
    assert "shop for shop.corp.example, until" in soon["found"]
    corp.made("shop.corp.example").put(corp.folder)
    assert asked(mine)["production certificate"]["grade"] == "ok"
    (corp.folder / "key.pem").chmod(0o644)
    assert asked(mine)["production certificate"]["cure"] == f"chmod 600 {mine.root}/../corp/key.pem"
    corp.made().put(corp.folder, half=True)
    assert asked(mine)["production certificate"]["grade"] == "failed"


def test_secrets_that_others_may_read_are_warned_of_and_not_told(mine: Folder) -> None:
    add(mine, '[alerts.ops]\nurl = "json://127.0.0.1/very-secret-token"\n')
    file = mine.root / "reconciler.toml"
    file.chmod(0o644)
    done = mine.reconcile("doctor", "--output", "json")
    assert "very-secret-token" not in done.stdout + done.stderr
    assert asked(mine)["file"]["cure"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert asked(mine)["file"]["grade"] == "ok"


def test_hosts_that_a_manifest_asks_are_allowed_and_known(mine: Folder) -> None:
    gates = "  gates:\n    preflight:\n"
    more = "      - {kind: tcp, name: database, host: db.corp.example, port: 5432}\n"
    more += "      - {kind: tcp, name: near, host: 127.0.0.1, port: 5432}\n"
    mine.edit("environments/production.yaml", gates, gates + more)
    mine.commit()
    found = asked(mine)
    assert (found["production host"]["grade"], "allow_hosts" in found["production host"]["cure"]) == ("failed", True)
    assert found["production host again"]["grade"] == "ok"


def test_a_manifest_with_an_error_is_told_and_the_others_are_looked_at(mine: Folder) -> None:
    text = (mine.root / "environments/production.yaml").read_text()
    (mine.root / "environments/other.yaml").write_text(
        text.replace("name: production", "name: other", 1) + "\nnonsense: 1\n"
    )
    mine.commit()
    found = asked(mine)
    assert found["other manifest"]["grade"] == "failed"
    assert "production envoy" in found


def test_only_one_environment_is_looked_at_when_it_is_named(mine: Folder) -> None:
    assert {one["environment"] for one in asked(mine, "production").values()} == {"", "production"}
    done = mine.reconcile("doctor", "prodution")
    assert done.returncode == 64
    assert "did you mean 'production'?" in done.stderr


def test_an_operators_file_that_cannot_be_used_is_no_end(mine: Folder) -> None:
    add(mine, "nonsense = 1\n")
    found = asked(mine)
    assert (found["file"]["grade"], found["git"]["grade"]) == ("failed", "ok")
    folder = mine.root / "empty"
    folder.mkdir()
    done = mine.reconcile("--config", "nowhere.toml", "doctor")
    assert done.returncode == 1
    assert "there is no such file" in done.stdout


def test_a_repository_that_is_not_there_is_told(mine: Folder) -> None:
    mine.edit("reconciler.toml", 'branch = "main"', 'branch = "nonsense"')
    found = asked(mine)
    assert found["repository"]["grade"] == "failed"
    assert found["repository"]["cure"]


@pytest.mark.parametrize(("before", "grade", "told"), [(31, "ok", ""), (5, "warning", "in 4 days")])
def test_keys_that_end_soon_are_told(mine: Folder, before: int, grade: str, told: str) -> None:
    made = mine.root.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    date = subprocess.run(
        ["date", "-u", "-d", f"+{before} days", "+%Y%m%d%H%M%SZ"], capture_output=True, text=True, check=True
    ).stdout.strip()
    key = made.with_suffix(".pub").read_text()
    (mine.root / "allowed_signers").write_text(f'a@b.example valid-before="{date}",namespaces="git" {key}')
    mine.edit("reconciler.toml", "[repository]\n", "[repository]\nverify = {signers = 'allowed_signers'}\n")
    found = asked(mine)["signers"]
    assert (found["grade"], told in found["found"]) == (grade, True)


def test_a_journal_that_is_broken_or_was_left_by_a_killed_loop_is_told(mine: Folder) -> None:
    file = mine.root / "state/journal.db"
    loop = mine.start("run")
    until(mine, lambda: asked(mine)["loop"]["grade"] == "ok", "a loop that works")
    until(mine, lambda: mine.reconcile("status").returncode == 0, "an environment that serves")
    found = asked(mine)
    assert "our own process" in found["production listen"]["found"]
    assert "our own process" in found["production web port blue"]["found"]
    loop.send_signal(signal.SIGKILL)
    loop.wait()
    mine.loops.remove(loop)
    before = listing(mine.root / "state")
    found = asked(mine)
    assert {path for path, now in listing(mine.root / "state").items() if now != before.get(path)} == set()
    assert "the last loop was killed" in found["journal"]["found"]
    SqliteJournal(file).close()
    assert asked(mine)["journal"]["grade"] == "ok"


def test_a_journal_that_is_none_is_told(mine: Folder) -> None:
    (mine.root / "state").mkdir()
    (mine.root / "state/journal.db").write_bytes(b"this is no database, but a text" * 200)
    assert asked(mine)["journal"]["grade"] == "failed"


def test_state_on_a_network_drive_is_refused(mine: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mount:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    mounts = [Mount("/", "ext4"), Mount(str(mine.root), "nfs4"), Mount(str(mine.root) + "else", "ext4")]
    monkeypatch.setattr(memory.psutil, "disk_partitions", lambda all: mounts)
    assert asked(mine)["state again"]["found"].endswith("lies on a network drive (nfs4)")


def test_a_disk_that_is_almost_full_is_warned_of(mine: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = mine.root / "state/snapshots/production"
    archives.mkdir(parents=True)
    (archives / "20260101-000000-x.zip").write_bytes(b"x" * 5_000_000)
    free = memory.LEAST + 1_000_000

    class Usage:
        def __init__(self, _path: Path) -> None:
            self.free = free

    monkeypatch.setattr(memory.shutil, "disk_usage", Usage)
    found = asked(mine)
    assert [found[name]["grade"] for name in ("room", "room for evidence", "room for snapshots")] == [
        "ok",
        "ok",
        "warning",
    ]
