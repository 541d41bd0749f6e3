"""From the moment something is said: nobody waits, no secret is kept, and a crash loses nothing that was written."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from logs_servers import PATIENCE, Http, loki_lines

from reconciler.configuration import Configuration, parse
from reconciler.core.events import Judged, Watched
from reconciler.core.model import Outcome
from reconciler.logs import desk as desk_module
from reconciler.logs import position, scribe
from reconciler.logs.collector import Collector, not_allowed
from reconciler.logs.desk import Desk
from reconciler.logs.hidden import Hidden, secrets_of
from reconciler.logs.kept import Kept, every_line
from reconciler.logs.line import LONGEST, Json
from reconciler.logs.scribe import Scribe

TOKEN = "s3cr3t-t0k3n-0f-s0meb0dy"


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Where everything arrives that this process says."""
    made, root = Desk(Hidden()), logging.getLogger()
    root.addHandler(made)
    yield made
    root.removeHandler(made)


def configured(folder: Path, text: str = "") -> Configuration:
    return parse(text, folder / "reconciler.toml")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in every_line(folder / "state" / "logs")]


def messages(folder: Path) -> list[str]:
    return [line["message"] for line in lines(folder) if line["logger"] == "reconciler.test"]


def until(so: Callable[[], bool], what: str) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if so():
            return
        threading.Event().wait(0.05)
    raise AssertionError(what)


log = logging.getLogger("reconciler.test")


class Hand:
    """A scribe without its thread."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.kept = Kept(folder / "state" / "logs", 1 << 20)
        self.kept.open()
        self.woken = 0
        self.scribe = Scribe(desk.said, self.kept, Json(desk.hidden), self._wake)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def hand(tmp_path: Path, desk: Desk) -> Iterator[Hand]:
    made = Hand(tmp_path, desk)
    yield made
    made.kept.close()


def test_a_line_says_what_where_and_which_and_heartbeats_are_none(hand: Hand, tmp_path: Path) -> None:
    extra = {"environment": "production", "seq": 7}
    log.info("note-verdict", extra={**extra, "event": Judged(Outcome.FAILED, "too slow")})
    log.info("watched", extra={**extra, "event": Watched()})
    log.warning("%s: %s", "a", 1, extra={"reason": "GatewayUnreachable"})
    hand.scribe.flush()
    judged, other = lines(tmp_path)
    first, second = judged.pop("id"), other.pop("id")
    assert first != second
    assert judged.pop("at").endswith("+00:00")
    assert judged == {
        "level": "info",
        "logger": "reconciler.test",
        "environment": "production",
        "seq": 7,
        "rule": "note-verdict",
        "event": "Judged",
        "message": "the gates say Failed: too slow",
    }
    assert (other["message"], other["reason"]) == ("a: 1", "GatewayUnreachable")
    assert hand.woken == 1


def test_a_very_long_message_is_cut_and_a_hostile_one_is_one_line_of_ascii(
    hand: Hand, desk: Desk, tmp_path: Path
) -> None:
    for text in ("x" * 1_000_000, "a\nb\r\n\x00\x1b[31m\u2028 é \ud800"):
        desk.emit(logging.makeLogRecord({"name": "reconciler.test", "msg": text}))
    hand.scribe.flush()
    first, second = every_line(tmp_path / "state" / "logs")
    assert len(json.loads(first)["message"]) == LONGEST
    assert second.isascii()
    assert json.loads(second)["message"] == "a\nb\r\n\x00\x1b[31m\u2028 é ?"


def test_a_line_that_cannot_be_written_is_told_and_stops_no_other(hand: Hand, tmp_path: Path) -> None:
    logging.raiseExceptions, before = False, logging.raiseExceptions
    log.info("%d", "no number")
    log.info("the next")
    hand.scribe.flush()
    logging.raiseExceptions = before
    assert messages(tmp_path) == ["a line that cannot be written (TypeError)", "the next"]


def test_a_full_disk_is_said_once_and_nothing_is_lost_that_fits_into_memory(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scribe, "LOOK", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(hand.kept, "append", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for number in range(5):
            log.info("line %d", number)
            hand.scribe.step()
    assert caplog.text.count("cannot be written: No space left on device; it goes on on stderr") == 1
    hand.scribe.step()
    hand.scribe.flush()
    assert messages(tmp_path) == [f"line {number}" for number in range(5)]
    assert lines(tmp_path)[-1]["message"] == "the log is written again; 0 lines in between are on stderr only"


def test_while_the_disk_is_full_memory_is_bounded_and_what_is_lost_is_counted(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "HELD", 10)
    with monkeypatch.context() as patch:
        patch.setattr(hand.kept, "append", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for number in range(100):
            log.info("line %d", number)
        hand.scribe.flush()
    hand.scribe.flush()
    hand.scribe.flush()
    assert messages(tmp_path)[-1] == "line 99"
    assert len(messages(tmp_path)) < 11
    lost = 100 - len(messages(tmp_path))
    assert lines(tmp_path)[-1]["message"] == f"the log is written again; {lost} lines in between are on stderr only"


def test_a_disk_that_does_not_answer_costs_bounded_memory_and_nobody_time(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "WAITING", 10)
    for number in range(25):
        log.info("line %d", number)
    hand.scribe.flush()
    hand.scribe.flush()
    assert messages(tmp_path) == [f"line {number}" for number in range(10)]
    assert lines(tmp_path)[-1]["message"] == "the disk did not answer for long: 15 lines are on stderr only"


SECRETS = f"""
[apps.web]
command = ["x"]
env = {{DATABASE = "postgresql://u:{TOKEN}-1@h/d", MODE = "production", PIN = "1234"}}
[commands.check]
argv = ["x"]
env = {{KEY = "{TOKEN}-2\\n{TOKEN}-3"}}
[queries.jobs]
url = "postgresql://u:{TOKEN}-4%21@h/d"
sql = "SELECT 1"
[alerts.ops]
url = "json://h/{TOKEN}-5"
[logs.loki]
kind = "loki"
url = "http://127.0.0.1"
headers = {{Authorization = "Bearer {TOKEN}-6"}}
"""


def test_no_secret_of_the_operators_file_is_in_a_line(hand: Hand, desk: Desk, tmp_path: Path) -> None:
    desk.hidden.know(secrets_of(configured(tmp_path, SECRETS)))
    for number, end in ((1, "@h/d"), (2, ""), (3, ""), (4, "%21"), (4, "!"), (5, "")):
        log.error("cannot use %s", f"postgresql://u:{TOKEN}-{number}{end}" if number == 1 else f"{TOKEN}-{number}{end}")
    log.error("json://h/%s-5", TOKEN)
    log.error("Bearer %s-6", TOKEN)
    log.error("http://somebody:else@h/")
    try:
        raise ValueError(f"Bearer {TOKEN}-6")
    except ValueError:
        log.exception("production: 1234")
    hand.scribe.flush()
    text = b"".join(every_line(tmp_path / "state" / "logs")).decode()
    for number, end in ((1, "@"), (2, ""), (3, ""), (4, "%21"), (4, "!"), (6, "")):
        assert f"{TOKEN}-{number}{end}" not in text
    assert "json://h/" not in text
    assert "http://***@h/" in text
    assert "production: 1234" in text, "a plain word, or what is very short, is hidden nowhere"


def test_a_host_that_is_not_allowed_is_named(tmp_path: Path) -> None:
    text = '[logs.a]\nkind = "loki"\nurl = "https://logs.corp.example"\n'
    text += '[logs.b]\nkind = "syslog"\naddress = "tcp://syslog.corp.example"\n'
    text += '[logs.c]\nkind = "syslog"\naddress = "unix:///dev/log"\n[logs.d]\nkind = "file"\npath = "x"\n'
    cure = "may not be asked: add it to allow_hosts in [security]"
    assert [*not_allowed(configured(tmp_path, text))] == [
        f"logs.a.url: the host 'logs.corp.example' {cure}",
        f"logs.b.address: the host 'syslog.corp.example' {cure}",
    ]
    allowed = configured(tmp_path, text + '[security]\nallow_hosts = ["*.corp.example"]\n')
    assert [*not_allowed(allowed)] == []


def loki(folder: Path, server: Http) -> Configuration:
    file = '[logs.file]\nkind = "file"\npath = "app.log"\n'
    return configured(folder, f'{file}[logs.loki]\nkind = "loki"\nurl = "{server.url}"\n')


def test_everything_said_reaches_every_destination_by_the_end(desk: Desk, tmp_path: Path, server: Http) -> None:
    log.info("before it was started")
    collector = Collector(loki(tmp_path, server), desk)
    collector.start()
    for number in range(2000):
        log.info("line %d", number)
    collector.stop(PATIENCE)
    expected = ["before it was started", *(f"line {number}" for number in range(2000))]
    assert messages(tmp_path) == expected
    assert [text for text in loki_lines(server.got) if text in set(expected)] == expected
    assert [json.loads(line)["message"] for line in (tmp_path / "app.log").read_text().splitlines()] == expected


def test_one_who_never_answers_delays_no_other_destination_and_not_the_end(
    desk: Desk, tmp_path: Path, server: Http
) -> None:
    server.silent = True
    collector = Collector(loki(tmp_path, server), desk)
    collector.start()
    log.info("said")
    assert server.asked.wait(PATIENCE)
    file = tmp_path / "app.log"
    until(lambda: file.exists() and "said" in file.read_text(), "the file waits for the other")
    collector.stop(0.2)
    assert all(one.thread.daemon for one in collector._senders)
    server.released.set()
    assert all(one.ended(PATIENCE) for one in collector._senders)


def test_a_log_that_another_process_writes_is_said_and_stderr_goes_on(
    desk: Desk, hand: Hand, tmp_path: Path, server: Http, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector(loki(tmp_path, server), desk)
    collector.start()
    assert "the log is owned by process" in caplog.text
    assert "it goes to stderr only" in caplog.text
    collector.stop(0.1)


def test_a_defect_of_a_sender_ends_no_thread(
    desk: Desk, tmp_path: Path, server: Http, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.repeating.DEFECT", 0.01)
    collector = Collector(loki(tmp_path, server), desk)
    broken, again = [True], threading.Event()
    _, shipper = collector._shippers
    real = shipper._send.send

    def send(found: Any) -> int:
        if broken:
            broken.clear()
            raise ZeroDivisionError(TOKEN)
        again.set()
        return real(found)

    monkeypatch.setattr(shipper._send, "send", send)
    collector.start()
    log.info("said")
    assert again.wait(PATIENCE)
    collector.stop(PATIENCE)
    assert "said" in loki_lines(server.got)
    assert "logs.loki: a defect in the reconciler (ZeroDivisionError)" in caplog.text
    assert TOKEN not in caplog.text


SAYS = """
import logging, sys, threading
from pathlib import Path
from reconciler.configuration import parse
from reconciler.logs.collector import collected
from reconciler.logs.desk import logged
file = Path(sys.argv[1])
with logged("json") as desk, collected(parse(file.read_text(), file), desk):
    number = int(sys.argv[2])
    while True:
        logging.getLogger("reconciler.test").info("line %d", number)
        number += 1
        if number % 100 == 0:
            threading.Event().wait(0.02)
"""


@pytest.mark.timeout(6 * PATIENCE)
def test_sigkill_loses_nothing_that_was_written_and_what_comes_twice_can_be_told(tmp_path: Path, server: Http) -> None:
    """Killed in the middle of its work, three times; then somebody sends what is left."""
    text = f'[state]\nlog_limit = "1GiB"\n[logs.loki]\nkind = "loki"\nurl = "{server.url}"\n'
    text += '[logs.file]\nkind = "file"\npath = "app.log"\nmax_size = "1GiB"\n'
    (tmp_path / "reconciler.toml").write_text(text)
    begin = 0
    for tries in (3, 7, 2):
        _killed_after(tmp_path, server, begin, tries)
        begin += 1_000_000
    _sent_by_the_next(tmp_path)
    kept = [(line["id"], line["message"]) for line in lines(tmp_path)]
    assert len(set(kept)) == len(kept)
    assert _in_order([text for _, text in kept if text.startswith("line ")])
    file = [json.loads(line) for line in (tmp_path / "app.log").read_bytes().splitlines()]
    for found in ([(line["id"], line["message"]) for line in file], _pushed(server)):
        assert [*dict.fromkeys(found)] == kept, "every line, in order; those that came twice by their id"


def _killed_after(folder: Path, server: Http, begin: int, tries: int) -> None:
    done, seen = threading.Event(), len(server.tried)
    server.answer = lambda _content: (done.set() if len(server.tried) >= seen + tries else None, (204, {}))[1]
    words = [sys.executable, "-c", SAYS, str(folder / "reconciler.toml"), str(begin)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        reached = done.wait(PATIENCE)
        os.kill(process.pid, signal.SIGKILL)
    assert reached


def _sent_by_the_next(folder: Path) -> None:
    configuration = configured(folder, (folder / "reconciler.toml").read_text())
    collector = Collector(configuration, Desk(Hidden()))
    collector.start()
    end = collector._kept.end().number
    for name in configuration.destinations:
        file = position.file(folder / "state" / "logs", name)
        until(partial(_reached, file, end), f"{name} has not all {end} lines")
    collector.stop(PATIENCE)


def _reached(file: Path, end: int) -> bool:
    found = position.read(file)
    return found is not None and found.place.number == end


def _pushed(server: Http) -> list[tuple[str, str]]:
    values = [value for content in server.got for stream in content["streams"] for value in stream["values"]]
    return [(said["id"], said["message"]) for said in (json.loads(line) for _, line in values)]


def _in_order(found: list[str]) -> bool:
    """Without a gap in what each process said."""
    numbers = [int(text.split()[1]) for text in found]
    gaps = [after for before, after in pairwise(numbers) if after != before + 1]
    return gaps == [1_000_000, 2_000_000] and numbers[0] == 0
