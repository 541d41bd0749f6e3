"""What the demo's transitions left behind as evidence: found, and checked as anybody else would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.clock import SYSTEM
from reconciler.configuration import load
from reconciler.demo.place import Place
from reconciler.errors import ReconcilerError
from reconciler.evidence.pack.place import packs
from reconciler.evidence.pack.verify import verify

PATIENCE = 240.0  # seconds for the last pack to be finished, when nobody else wants the processor


@dataclass(frozen=True, slots=True)
class Proof:
    """One pack. `findings` empty: it holds."""

    transition: str
    outcome: str
    zero_downtime: str
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    path: str


def proofs(place: Place) -> tuple[Proof, ...]:
    """Of every transition, oldest first. Raises ReconcilerError when one does not come."""
    root, deadline = load(place.config).evidence_path, SYSTEM.monotonic() + PATIENCE
    while open_ := [pack.transition for pack in packs(root) if not pack.finished]:
        if SYSTEM.monotonic() > deadline:
            raise ReconcilerError(f"the evidence of {', '.join(open_)} is not finished; see {root}")
        threading.Event().wait(0.1)
    return tuple(_proofs(place))


def _proofs(place: Place) -> Iterator[Proof]:
    for pack in packs(load(place.config).evidence_path):
        checked = verify(pack)
        verdict = checked.body["verdict"] if checked.body else {}
        yield Proof(
            pack.transition,
            verdict.get("outcome", ""),
            verdict.get("zero_downtime", ""),
            tuple(verdict.get("reasons", ())),
            tuple(str(finding) for finding in checked.findings),
            str(pack.folder),
        )
