"""The last word on every end-to-end test, whatever was killed in it: the journal is whole, and no law was broken."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from e2e_manifest import DRAIN

from reconciler.configuration import Configuration, load
from reconciler.errors import JournalError
from reconciler.evidence.record import judged
from reconciler.journal.sqlite import open_journal


def objections(config: Path, asked: Collection[str], *, sticky: bool) -> list[str]:
    """Why journal and access logs do not show that every law was kept, for every environment on record. `asked`: those
    that had users."""
    configuration = load(config)
    names = _names(configuration)
    missing = sorted({*asked} - {*names})
    if missing or not names:
        return [f"{', '.join(missing) or 'nobody'} had users; the journal knows {names}, so that was not judged"]
    return [
        f"{name}: {said}"
        for name in names
        for said in _objections(configuration, name, users=name in asked, sticky=sticky)
    ]


def _names(configuration: Configuration) -> tuple[str, ...]:
    journal = open_journal(configuration.journal_url, read_only=True)
    try:
        return journal.environments()
    finally:
        journal.close()


def _objections(configuration: Configuration, name: str, *, users: bool, sticky: bool) -> list[str]:
    """A chain that is not whole is an objection like any other."""
    try:
        return judged(configuration, name, sticky=sticky, drain=DRAIN).objections(users=users)
    except JournalError as error:
        return [str(error)]
