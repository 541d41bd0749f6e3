"""The record of one environment on this machine, gathered and judged: its journal, and its gateway's access log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.configuration import Configuration
from reconciler.core.model import Slot
from reconciler.evidence import access
from reconciler.evidence.judge import Verdict, judge
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal


def judged(
    configuration: Configuration, environment: str, *, sticky: bool = False, drain: float | None = None
) -> Verdict:
    """What journal and access log together show. Raises JournalBroken for a journal that is not as it was written:
    nothing is proved by it; and JournalError."""
    entries = _entries(configuration, environment)
    log = configuration.state_dir / environment / "gateway" / "access.log"
    if not log.exists():
        return judge(entries, sticky=sticky)
    with log.open(encoding="utf-8", errors="replace") as lines:
        return judge(entries, access.read(lines, _slots(configuration)), sticky=sticky, drain=drain)


def _entries(configuration: Configuration, environment: str) -> Sequence[Entry]:
    journal = open_journal(configuration.journal_url, read_only=True)
    try:
        journal.verify()
        return journal.since(environment, 0)
    finally:
        journal.close()


def _slots(configuration: Configuration) -> Mapping[str, Slot]:
    """Whose an address is, by the operator's file."""
    ports = (configuration.app(name).ports for name in configuration.apps)
    return {f"127.0.0.1:{found.of(slot)}": slot for found in ports if found for slot in Slot}
