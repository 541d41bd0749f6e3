"""`reconcile logs`, and what a real `reconcile run` leaves for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_folder import Folder, listing, until

sys.path += [str(Path(__file__).parents[1] / room) for room in ("alerts", "logs")]
from alerts_world import ACCEPTED, BEGAN, DRIFT, failed
from logs_servers import Http, closed_port, http, loki_lines

from reconciler.core.events import Judged
from reconciler.core.model import Outcome
from reconciler.journal.sqlite import SqliteJournal
from reconciler.logs import position
from reconciler.logs.kept import Kept, Place
from reconciler.logs.position import Position

TOKEN = "s3cr3t-t0k3n-0f-a-c0llect0r"


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as made:
        yield made


@pytest.fixture
def mine(folder: Folder) -> Folder:
    folder.reconcile("init")
    return folder


def add(folder: Folder, text: str) -> None:
    with (folder.root / "reconciler.toml").open("a") as file:
        file.write(text)


def keep(folder: Folder, *lines: dict[str, Any]) -> None:
    kept = Kept(folder.root / "state" / "logs", 1 << 20)
    kept.open()
    kept.append([json.dumps(line).encode() for line in lines])
    kept.close()


def said(minute: int, message: str, level: str = "warning") -> dict[str, Any]:
    at = f"2026-01-01T10:{minute:02d}:00.000+00:00"
    return {"id": str(minute), "at": at, "level": level, "logger": "reconciler.loop", "message": message}


def causes(folder: Folder, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(folder.reconcile("logs", "--output", "json", *words).stdout)["causes"]
    return found


def test_where_nothing_was_ever_said_it_says_so_and_makes_nothing(mine: Folder) -> None:
    before = listing(mine.root)
    done = mine.reconcile("logs")
    assert (done.returncode, done.stdout) == (0, "no warning is kept\n")
    assert listing(mine.root) == before


def test_warnings_stand_in_groups_with_count_first_last_and_an_example(mine: Folder) -> None:
    keep(mine, *(said(minute, f"P95 {minute + 300} ms above 300 ms") for minute in range(5)))
    keep(mine, said(7, "no connection\x1b[31m to 10.0.0.1:80\nmore", "error"), said(8, "all is well", "info"))
    lines, cause = mine.reconcile("logs").stdout.splitlines(), ["P95", "<n>", "ms", "above", "<n>", "ms"]
    assert [line.split() for line in lines[:2]] == [
        ["count", "level", "first", "last", "from", "cause"],
        ["5", "warning", "2026-01-01T10:00:00Z", "2026-01-01T10:04:00Z", "loop", *cause],
    ]
    assert lines[2] == "    P95 304 ms above 300 ms"
    assert lines[4] == r"    no connection\x1b[31m to 10.0.0.1:80"
    assert len(lines) == 5
    assert [found["count"] for found in causes(mine, "--since", "2026-01-01T10:04")] == [1, 1]
    assert mine.reconcile("logs", "--since", "24h").stdout == "no warning is kept since 24h\n"
    assert mine.reconcile("logs", "--since", "sometime").returncode == 64


def test_what_the_journal_says_of_gates_and_drift_is_there_too(mine: Folder) -> None:
    (mine.root / "state").mkdir(exist_ok=True)
    journal = SqliteJournal(mine.root / "state" / "journal.db")
    slow = [Judged(Outcome.FAILED, f"P95 {number} ms above 300 ms") for number in (310, 320)]
    for event in (ACCEPTED, BEGAN, *slow, Judged(Outcome.SUCCESSFUL, "good"), *failed()[1:], DRIFT):
        journal.append("production", event, actor="test")
    journal.close()
    found = {(one["reason"], one["cause"]): one["count"] for one in causes(mine)}
    assert found == {
        ("Judged", "the gates say Failed: P95 <n> ms above <n> ms"): 2,
        ("RollbackBegan", "going back (AnalysisFailed): green failed <n> of <n>"): 1,
        ("DriftFound", "drift: found blue <n> %, green <n> %, expected blue <n> %, green <n> %"): 1,
    }


def test_a_journal_that_cannot_be_read_hides_no_warning(mine: Folder) -> None:
    keep(mine, said(1, "disk I/O error"))
    (mine.root / "state" / "journal.db").write_bytes(b"no database" * 1000)
    done = mine.reconcile("logs")
    assert done.returncode == 0
    assert "disk I/O error" in done.stdout
    assert "without what the journal says, it cannot be read" in done.stderr


def test_it_says_how_far_each_destination_is_and_what_is_wrong(mine: Folder) -> None:
    add(mine, f'[logs.away]\nkind = "loki"\nurl = "http://127.0.0.1:1"\nheaders = {{Authorization = "{TOKEN}"}}\n')
    add(mine, '[logs.new]\nkind = "file"\npath = "app.log"\n')
    keep(mine, *(said(minute, "x", "info") for minute in range(5)))
    away = Position(
        Place(1, 0, 3), "2026-01-01T09:00:00.000+00:00", "no connection", "2026-01-01T10:00:00.000+00:00", 7
    )
    position.write(position.file(mine.root / "state" / "logs", "away"), away)
    done = mine.reconcile("logs", "--output", "json")
    first, second = json.loads(done.stdout)["destinations"]
    assert (done.returncode, first["pending"], first["lost"], first["failure"]) == (1, 3, 7, "no connection")
    assert (second["pending"], second["failure"]) == (None, "")
    text = mine.reconcile("logs").stdout
    assert "http://127.0.0.1:1" in text
    assert "2026-01-01T10:00:00Z no connection" in text
    assert TOKEN not in text + done.stdout


def test_a_line_can_be_sent_to_try_and_the_exit_code_tells(mine: Folder, server: Http) -> None:
    add(mine, f'[logs.grafana]\nkind = "loki"\nurl = "{server.url}"\n')
    done = mine.reconcile("logs", "--test", "grafana")
    assert (done.returncode, done.stdout) == (0, "grafana: taken; see whether it arrived\n")
    assert loki_lines(server.got) == ["somebody typed: reconcile logs --test"]
    server.answer = lambda _content: (401, {})
    done = mine.reconcile("logs", "--test", "grafana")
    assert (done.returncode, "the other side answered with status 401" in done.stderr) == (1, True)
    done = mine.reconcile("logs", "--test", "grafna")
    assert (done.returncode, "did you mean 'grafana'?" in done.stderr) == (64, True)


@pytest.mark.parametrize("words", [("validate",), ("run",), ("logs", "--test", "far"), ("--once", "--apply")])
def test_a_host_that_is_not_allowed_is_asked_by_nobody(mine: Folder, words: tuple[str, ...]) -> None:
    add(mine, '[logs.far]\nkind = "otlp"\nurl = "https://logs.corp.example"\n')
    done = mine.reconcile(*words)
    assert done.returncode == 1
    assert (
        "logs.far.url: the host 'logs.corp.example' may not be asked: add it to allow_hosts"
        in done.stdout + done.stderr
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "missing key 'kind'"),
        ('kind = "graylog"', "logs.bad.kind: expected 'file', 'syslog', 'otlp' or 'loki'"),
        ('kind = "file"', "kind 'file' needs the key 'path'"),
        (
            'kind = "file"\npath = "x"\nurl = "http://h"',
            "kind 'file' has no key 'url'; it has path, max_size, keep, max_age",
        ),
        ('kind = "file"\npath = "x"\nmax_size = 3', "expected a whole number with a unit, as text: 512KiB"),
        ('kind = "file"\npath = "x"\nmax_size = "3KiB"', "logs.bad.max_size"),
        ('kind = "file"\npath = "x"\nkeeps = 3', "unknown key 'keeps'; did you mean 'keep'?"),
        (
            'kind = "syslog"\naddress = "logs.corp.example"',
            "expected udp://host:514, tcp://host:601 or unix:///dev/log",
        ),
        ('kind = "syslog"\naddress = "udp://x"\nfacility = "mine"', "logs.bad.facility: expected one of user, daemon"),
        (f'kind = "loki"\nurl = "http://u:{TOKEN}@h"', "no name, password or query may stand in it"),
        (f'kind = "loki"\nurl = "{TOKEN}"', "logs.bad.url: expected http://host:port or https://host:port"),
        (f'kind = "loki"\nurl = "http://h"\nheaders = {{A = "{TOKEN}\\n"}}', "logs.bad.headers.A"),
        (f'kind = "loki"\nurl = "http://h"\nheaders = {{"A:" = "{TOKEN}"}}', "logs.bad.headers"),
        ('kind = "otlp"\nurl = "http://h"\nlabels = {a = "b"}', "kind 'otlp' has no key 'labels'"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_without_its_secrets(mine: Folder, text: str, wrong: str) -> None:
    add(mine, f"[logs.bad]\n{text}\n")
    done = mine.reconcile("validate")
    assert done.returncode == 1
    assert wrong in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_a_run_keeps_its_log_sends_it_survives_sighup_and_holds_no_secret(mine: Folder, server: Http) -> None:
    """In a repository without a commit, so that nothing needs to be started: that itself is a warning."""
    add(mine, '[logs.app]\nkind = "file"\npath = "log/app.log"\n')
    add(mine, f'[logs.gone]\nkind = "syslog"\naddress = "tcp://127.0.0.1:{closed_port()}"\n')
    add(mine, f'[logs.grafana]\nkind = "loki"\nurl = "{server.url}"\nheaders_env = {{Authorization = "LOKI"}}\n')
    add(mine, f'[commands.check]\nargv = ["x"]\nenv = {{KEY = "{TOKEN}"}}\n')
    mine.environ["LOKI"] = f"Bearer {TOKEN}"
    loop = mine.start("run", "--log", "json")
    file = mine.root / "log" / "app.log"
    until(mine, lambda: "has no commit yet" in _text(file), "the warning in the file")
    file.rename(file.with_name("moved.log"))
    loop.send_signal(signal.SIGHUP)
    until(mine, lambda: any("logs.gone" in one["cause"] for one in causes(mine)), "the one that cannot be reached")
    assert mine.end(loop, signal.SIGTERM) == 0
    assert "ending: steps that are being done are finished first" in _text(file)
    assert "has no commit yet" in " ".join(loki_lines(server.got))
    assert server.tried[0][1]["Authorization"] == f"Bearer {TOKEN}"
    (away,) = (one for one in causes(mine) if one["logger"] == "reconciler.logs")
    assert away["cause"] == "logs.gone: <address>: Connection refused; tried again until it is taken"
    assert [one for one in causes(mine) if "has no commit yet" in one["cause"]]
    everything = b"".join(path.read_bytes() for path in (mine.root / "state").rglob("*") if path.is_file())
    assert TOKEN.encode() not in everything
    assert TOKEN not in _text(file) + _text(file.with_name("moved.log")) + mine.said
    assert {json.loads(line)["id"] for line in mine.said.splitlines()} >= _ids(file), "on stderr by the same ids"


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _ids(file: Path) -> set[str]:
    return {json.loads(line)["id"] for line in _text(file).splitlines()}


def test_what_was_not_sent_before_a_crash_is_sent_by_the_next_run(mine: Folder, server: Http) -> None:
    add(mine, f'[logs.grafana]\nkind = "loki"\nurl = "{server.url}"\n')
    server.answer = lambda _content: (503, {})
    loop = mine.start("run")
    until(mine, lambda: any(one["cause"].startswith("logs.grafana") for one in causes(mine)), "a failure that is kept")
    os.kill(loop.pid, signal.SIGKILL)
    loop.wait()
    assert server.got == []
    server.answer = lambda _content: (204, {})
    mine.loops.clear()
    again = mine.start("run")
    until(mine, lambda: len(server.got) > 0, "what the killed one had said")
    assert mine.end(again) == 0
    assert any("has no commit yet" in text for text in loki_lines(server.got[:1]))


def test_nothing_that_sends_is_loaded_by_who_only_looks(mine: Folder) -> None:
    add(mine, '[logs.grafana]\nkind = "loki"\nurl = "http://127.0.0.1"\n')
    look = "import sys; from reconciler.cli import cli; cli(['logs'], standalone_mode=False)"
    look += "; print('httpx' in sys.modules)"
    words = [sys.executable, "-c", look]
    done = subprocess.run(words, cwd=mine.root, env=mine.environ, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("False\n"), done.stderr
