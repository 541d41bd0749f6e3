"""What one environment needs besides its drivers: a repository, a manifest, and hosts that are known by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from reconciler.configuration import Configuration
from reconciler.desired.manifest import Invalid, Manifest
from reconciler.desired.repository import Repository
from reconciler.doctor.machine import ownership
from reconciler.doctor.operator import named
from reconciler.drivers.examining import Finding, failed, ok

URL = re.compile(r"https?://")


def repository(found: Configuration) -> Iterator[Finding]:
    """Raises InvalidDesired, which says what to do."""
    place = Repository(found.repository_path, found.repository.branch)
    try:
        branch, commit = place.tip()
    finally:
        place.close()
    yield ok("repository", f"{found.repository_path}, branch {branch} at {commit[:12]}")
    yield from ownership(found.repository_path)


def manifest(found: Manifest | Invalid) -> Iterator[Finding]:
    if isinstance(found, Manifest):
        yield ok("manifest", found.file)
        return
    count = f" and {more} more" if (more := len(found.problems) - 1) > 0 else ""
    yield failed(
        "manifest", f"{found.problems[0]}{count}", "reconcile validate tells all of it; correct it, and commit"
    )


def names(found: Manifest, configuration: Configuration) -> Iterator[Finding]:
    """Every host that the manifest asks anybody to ask: may it be asked, and is it known?"""
    asked = dict.fromkeys(host for gate in found.gates for host in _hosts(gate.settings))
    for host in asked:
        if configuration.allowed(host):
            yield named("host", host)
        else:
            place = configuration.file or Path("reconciler.toml")
            yield failed("host", f"'{host}' may not be asked", f"add it to allow_hosts in [security] of {place}")


def _hosts(settings: object) -> Iterator[str]:
    """Of every URL in a gate's settings, however deep, and of a `host`."""
    for key, value in _inside(settings):
        if isinstance(value, str) and URL.match(value):
            yield urlsplit(value).hostname or ""
        elif isinstance(value, str) and key == "host":
            yield value
        else:
            yield from _hosts(value)


def _inside(value: object) -> Iterable[tuple[object, object]]:
    if isinstance(value, BaseModel):
        return value
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()
