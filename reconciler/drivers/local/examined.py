"""What a gateway of this machine can be examined by: its program, and the place where it listens."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from reconciler.drivers.examining import Finding, failed, ok, split, unknown
from reconciler.drivers.identity import Identity
from reconciler.drivers.local.process import check_free
from reconciler.errors import Refused

_VERSION = re.compile(r"\b(\d+\.\d+[\w.+-]*)")


def program(what: str, find: Callable[[], Path], flag: str, deadline: float) -> Finding:
    """Its version, by what it says of itself, and where it is. `find` raises Refused, saying how to get one."""
    try:
        path = find()
    except Refused as error:
        return failed(what, *split(error))
    try:
        done = subprocess.run(
            [str(path), flag], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline, check=False
        )
    except subprocess.TimeoutExpired:
        return unknown(what, f"{path} does not answer in time", f"try by hand: {path} {flag}")
    except OSError as error:
        return failed(what, f"{path} cannot be run: {type(error).__name__}", f"try by hand: {path} {flag}")
    found = _VERSION.search(done.stdout)
    if done.returncode or not found:
        return unknown(what, f"{path} does not tell its version", f"try by hand: {path} {flag}")
    return ok(what, f"{found[1].partition('-')[0]}, {path}")


def listener(what: str, host: str, port: int, ours: Identity | None) -> Finding:
    """Free, or ours. Looking takes the place for a moment, and only one that nobody has."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if ours is not None:
        return ok(what, f"{where}, our own process {ours.pid}")
    try:
        check_free(host, port)
    except Refused as error:
        return failed(what, *split(error))
    return ok(what, f"{where} is free")
