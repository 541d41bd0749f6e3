"""What the operator's file names: whether it is there, and can be used by whoever asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.alerts.addresses import misread
from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.desired.key_files import pgp_names, ssh_keys
from reconciler.desired.verifying import key_times
from reconciler.drivers.examining import Finding, failed, ok, split, unknown, warning
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.local.process import check_free
from reconciler.drivers.lookup import addresses
from reconciler.drivers.programs import programs
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import ReconcilerError, Refused
from reconciler.journal.sqlite import open_journal
from reconciler.logs.collector import not_allowed
from reconciler.logs.hidden import secrets_of

SOON = 30 * 86400.0  # seconds before a key's end from which on it is told
PATIENCE = 5.0  # seconds for the name service


def file(found: Configuration) -> Iterator[Finding]:
    """It could be read, and git does not track it: else nothing would have been found."""
    if found.file is None:
        yield failed("file", "there is no operator's file here", "reconcile init, or --config FILE")
        return
    open_to_others = sys.platform != "win32" and found.file.stat().st_mode & 0o077
    if open_to_others and any(secrets_of(found)):
        yield warning("file", f"{found.file} holds secrets, and others may read it", f"chmod 600 {found.file}")
    else:
        yield ok("file", str(found.file))


def runs(found: Configuration) -> Iterator[Finding]:
    """Programs of apps and of named commands, by the PATH of whoever asks."""
    named = list(programs(found.entries("apps"), found.entries("commands")))
    for one in named:
        if one.found(os.environ.get("PATH", os.defpath)) is None:
            where = f"'{one.word}' is not found from {one.folder}"
            yield failed(one.place, where, f"install it, or write its whole path in [{one.place}]")
        elif not one.folder.is_dir():
            yield failed(
                one.place, f"its folder {one.folder} is not there", f"make it, or change `cwd` in [{one.place}]"
            )
        else:
            yield ok(one.place, str(one.found(os.environ.get("PATH", os.defpath))))


def places(found: Configuration) -> Iterator[Finding]:
    """Folders and databases that gates and recovery points look into."""
    for name, folder in found.entries("folders").items():
        marker = folder.marker and folder.root / folder.marker
        if not os.access(folder.root, os.R_OK | os.X_OK) or not folder.root.is_dir():
            cure = f"make it readable for this account, or change [folders.{name}]"
            yield failed(f"folders.{name}", f"{folder.root} is not there, or cannot be read", cure)
        elif marker and not os.path.lexists(marker):
            yield failed(f"folders.{name}", f"its marker {marker} is not there", f"mount {folder.root}")
        else:
            yield ok(f"folders.{name}", str(folder.root))
    for name, query in found.entries("queries").items():
        yield _query(f"queries.{name}", query.file)


def _query(what: str, database: Path | None) -> Finding:
    if database is not None:
        there = os.access(database, os.R_OK)
        return ok(what, str(database)) if there else failed(what, f"{database} cannot be read", f"see url of [{what}]")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return failed(what, "there is no PostgreSQL driver here", "pip install 'slot-reconciler[postgres]'")
    return ok(what, "PostgreSQL; it is asked by its gate, not here")


def keys(found: Configuration, clock: Clock = SYSTEM) -> Iterator[Finding]:
    """Whose signatures count, and until when; the key of our own commits."""
    if found.signers_path:
        names, problems = ssh_keys(found.signers_path)
        yield from (failed("signers", f"line {one.line}: {one.message}", f"edit {one.file}") for one in problems)
        yield from _ends(found.signers_path, clock.now().timestamp()) or [ok("signers", f"{len(names)} with a key")]
    if found.keyring_path:
        yield ok("keyring", f"{len(pgp_names(found.keyring_path))} with a key; the ends of theirs are not looked at")
    if key := found.signing_key_path:
        closed = sys.platform == "win32" or not key.stat().st_mode & 0o077
        told = f"ssh-keygen refuses {key}: others may read it"
        yield ok("signing key", str(key)) if closed else failed("signing key", told, f"chmod 600 {key}")


def _ends(signers: Path, now: float) -> list[Finding]:
    """The file says when keys end, and not in order; a time that begins one is told as well, which is harmless."""
    soon = [moment for moment in key_times(signers) if now < moment < now + SOON]
    days = int((min(soon) - now) / 86400) if soon else 0
    cure = f"write new keys into {signers}, before"
    return [warning("signers", f"the time of a key begins or ends in {days} days", cure)] if soon else []


def destinations(found: Configuration) -> Iterator[Finding]:
    """Where alerts and the log go; no address is shown, and nothing is sent."""
    wrong = dict(_by_name(line) for line in (*misread(found), *not_allowed(found)))
    for name, recipient in found.recipients.items():
        what = f"alerts.{name}"
        yield _usable(what, wrong.get(what, ""), recipient.address)
    for name, destination in found.destinations.items():
        what = f"logs.{name}"
        usable = _usable(what, wrong.get(what, ""), destination.all_headers)
        yield usable if usable.cure or not destination.host else named(what, destination.host)


def machines(found: Configuration) -> Iterator[Finding]:
    """Whether what proves who asks, and who answers, can be read; no machine is asked."""
    for name, machine in found.entries("machines").items():
        what = f"machines.{name}"
        gone = [f"{key}: {path}" for key, path in machine.files().items() if not _readable(path)]
        if gone:
            cure = f"put them there, readable for this account, or change [{what}]"
            yield failed(what, f"cannot be read: {', '.join(gone)}", cure)
        else:
            yield _proved(what, machine)


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _proved(what: str, machine: Machine) -> Finding:
    try:
        machine.password()
    except ReconcilerError as error:
        return failed(what, str(error), f"put it there, or change [{what}]")
    return ok(what, f"{machine.host}, by {machine.transport}; asked below, by what names it")


def _by_name(line: str) -> tuple[str, str]:
    """`alerts.ops.url: why` -> `alerts.ops`, `why`"""
    place, _, why = line.partition(": ")
    return place.rpartition(".")[0], why


def _usable(what: str, wrong: str, secret: object) -> Finding:
    """`secret` reads what lies in variables and files."""
    if wrong:
        return failed(what, *split(wrong)) if split(wrong)[1] else failed(what, wrong, f"see [{what}]")
    try:
        secret()  # type: ignore[operator]
    except ReconcilerError as error:
        return failed(what, str(error), f"put it there, or change [{what}]")
    return ok(what, "its address can be read; try it: reconcile " + what.replace(".", " --test "))


def named(what: str, host: str) -> Finding:
    """Does the name service know it?"""
    try:
        found = addresses(host, 0, PATIENCE)
    except TimeoutError:
        return unknown(what, f"the name service does not answer for '{host}'", "see the machine's resolver")
    except OSError:
        return failed(what, f"nobody knows the name '{host}'", "correct it, or tell the name service")
    return ok(what, f"{host} is {found[0]}" if found[0] != host else host)


def metrics(found: Configuration) -> Iterator[Finding]:
    """Where a running loop serves them already, the place is taken, and rightly so."""
    if (listen := found.metrics.listen) is None:
        return
    if open_journal(found.journal_url, read_only=True).attended():
        yield ok("metrics", f"http://{listen}/metrics, by the running loop")
        return
    try:
        check_free(*host_and_port(listen))
    except Refused as error:
        yield failed("metrics", split(error)[0], "free it, or change `listen` in [metrics]")
    else:
        yield ok("metrics", f"{listen} is free")
