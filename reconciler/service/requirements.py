"""Why the loop could not work as a service although it works in a terminal: another account, another PATH, no
variables. Everything is looked at before anything is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.configuration import Configuration
from reconciler.drivers.local.durable import nearest
from reconciler.drivers.programs import programs
from reconciler.service.accounts import NAMES, Account

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what systemd gives to whoever asks for none


def unfit(found: Configuration, account: Account) -> Iterator[str]:
    """Every reason, with what mends it."""
    yield from _interpreter(account)
    yield from _files(found, account)
    yield from _programs(found)


def variables(found: Configuration) -> list[str]:
    """The names of variables that the operator's file wants to be told secrets by."""
    alerts = [one.url_env for one in found.recipients.values() if one.url_env]
    logs = [name for one in found.destinations.values() for name in one.headers_env.values()]
    machines = [one.password_env for one in found.entries("machines").values() if one.password_env]
    return sorted({*alerts, *logs, *machines})


def longest(found: Configuration) -> float:
    """Seconds that an orderly end may take: a migration that has just begun, between its check and its check."""
    return 3 * max((one.timeout for one in found.entries("commands").values()), default=20.0) + 30


def _interpreter(account: Account) -> Iterator[str]:
    python = Path(sys.executable)
    if not sys.executable or not python.is_absolute():
        yield f"this interpreter does not say where it is ('{sys.executable}'); call reconcile by its whole path"
    elif not account.may("-x", python):
        yield (
            f"{account.name} may not run {python}: install the reconciler where everybody may read, such as "
            "/opt/reconciler"
        )
    elif account.call((str(python), "-P", "-c", "import reconciler.cli"), {"PATH": PATH}):
        yield f"{python} finds the reconciler only from this folder or by PYTHONPATH: install it (pip install)"


def _files(found: Configuration, account: Account) -> Iterator[str]:
    assert found.file is not None, "whoever asks has looked"
    read = [("the operator's file", found.file), ("[repository] path", found.repository_path)]
    read += [(f"{key}", path) for key, path in found.beside().items()]
    for name, machine in found.entries("machines").items():
        read += [(f"machines.{name}.{key}", path) for key, path in machine.files().items()]
    journal = Path(found.journal_url.removeprefix("sqlite:///"))
    written = [("[state] dir", found.state_dir), ("the folder of [journal] url", journal.parent)]
    if journal.exists():
        written.append(("[journal] url", journal))
    written += [("[snapshots] folder", found.snapshots_dir), ("[evidence] folder", found.evidence_path)]
    for flag, places in (("-r", read), ("-w", written)):
        for what, path in places:
            there = path if flag == "-r" else nearest(path)
            if not account.may(flag, there):
                yield f"{what}: {account.name} may not {NAMES[flag]} {there}: chown it, or choose who runs it by --as"


def _programs(found: Configuration) -> Iterator[str]:
    for one in programs(found.entries("apps"), found.entries("commands")):
        if one.found(PATH) is None:
            yield f"{one.place}: '{one.word}' is not found by a service (PATH={PATH}): write its whole path there"
