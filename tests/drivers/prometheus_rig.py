"""A real Prometheus on loopback, which scrapes pages of ours; its data lies in a folder of the test's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from gate_exam import FOR_EVER, answers, server
from ports import free_port

CONFIGURATION = """\
global: {{scrape_interval: 200ms}}
scrape_configs:
  - job_name: app
    static_configs:
      - targets: ["{target}"]
"""
OLD = 60  # seconds


def program(name: str = "prometheus") -> str:
    """It, or `promtool`, or no test; in CI that is a failure."""
    beside = Path(sys.prefix) / "prometheus" / "usr" / "bin" / name
    found = shutil.which(name) or (str(beside) if beside.exists() else None)
    if found is None:
        reason = f"there is no {name} here; `make prometheus` gets it on Debian or Ubuntu"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def page(connection: socket.socket) -> None:
    """What is scraped. Each has a time of its own: so a scrape that comes late makes nothing stale, and `old` stays as
    old."""
    now = round(time.time() * 1000)
    lines = (
        "queue_oldest_seconds 42",
        'errors{slot="blue"} 5',
        'errors{slot="green"} 1',
        "ratio 0.004",
        "latency_seconds 0.8",
        "not_a_number NaN",
        "without_end +Inf",
        "below_zero -30",
        "folder_entries 0",
    )
    body = ("".join(f"{line} {now}\n" for line in lines) + f"old 5 {now - OLD * 1000}\n").encode()
    answers(body=body, Content_Type="text/plain; version=0.0.4")(connection)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its address, once it has scraped what a gate may ask for."""
    program()
    with server(page) as target, scraping(folder, CONFIGURATION.format(target=target), "old and on() up == 1") as url:
        yield url


@contextmanager
def scraping(folder: Path, configuration: str, wanted: str) -> Iterator[str]:
    """The address of one with this configuration, once a query gives anything."""
    executable = program()
    file, where = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    file.write_text(configuration)
    argv = [executable, f"--config.file={file}", f"--web.listen-address={where}"]
    argv += [f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn"]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://{where}", wanted, process, folder / "log")
            yield f"http://{where}"
        finally:
            process.terminate()
            process.wait(FOR_EVER)


def _wait(url: str, wanted: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            if asked(url, "query", query=wanted):
                return
        except (URLError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"Prometheus does not scrape: {log.read_text()}")


def asked(url: str, how: str, **parameters: str) -> list[Any]:
    """What its API answers to `query` or `query_range`: one entry for each series."""
    with urlopen(f"{url}/api/v1/{how}?{urlencode(parameters)}", timeout=20) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found
