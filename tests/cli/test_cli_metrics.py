"""`reconcile run` with `[metrics]`: a place that cannot be had is told at once, and nothing is started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    found = Folder(tmp_path / "f")
    found.git("init", "--quiet", "-b", "main", ".")
    yield found
    found.close()


def test_a_port_in_use_ends_the_command_and_names_the_place(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        (folder.root / "reconciler.toml").write_text(f'[metrics]\nlisten = "{where}"\n', encoding="utf-8")
        done = folder.process("run")
    assert done.returncode == 1
    assert f"metrics cannot be served at {where}: Address already in use" in done.stderr
    assert "keeping" not in done.stderr


def test_a_place_that_others_could_reach_has_to_be_allowed(folder: Folder) -> None:
    (folder.root / "reconciler.toml").write_text('[metrics]\nlisten = "0.0.0.0:9464"\n', encoding="utf-8")
    done = folder.process("run")
    assert done.returncode == 1
    assert "metrics.listen: listening on '0.0.0.0:9464' is not allowed" in done.stderr
