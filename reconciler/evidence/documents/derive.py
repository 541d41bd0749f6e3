"""Every document that is text, by its file's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reconciler.evidence.documents import logbook, structured, switchlog
from reconciler.evidence.documents.report import page
from reconciler.evidence.pack.material import Material

DOCUMENTS: Mapping[str, Callable[[Material], str]] = {
    "gates.json": structured.gates,
    "approvals.json": structured.approvals,
    "switch.log": switchlog.switch_log,
    "logbook.md": logbook.logbook,
    "report.html": page.report,
}
PICTURE = "dashboard.png"  # not text: only its digest can be compared


def derive(material: Material) -> Iterator[tuple[str, bytes]]:
    """Every document that is text: its name, and its content."""
    for name, document in DOCUMENTS.items():
        yield name, document(material).encode("utf-8", "replace")
