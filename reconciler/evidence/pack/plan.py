"""What was going to be done, as the preview said it at the moment at which the transition began; and anew for every
change of policy under way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reconciler.core.diff import standing
from reconciler.core.events import Ended
from reconciler.core.model import Desired, Spec
from reconciler.core.preview import Planned, preview, rollback_seconds
from reconciler.core.reading import Observed
from reconciler.core.state import State
from reconciler.drivers.local.durable import replace
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.agreement import key
from reconciler.evidence.pack.foreign import content, parsed
from reconciler.wording import describe

FORMAT = 1
LARGEST = 1 << 25  # bytes: a plan takes a hundred for each step


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an environment, and what was remembered before and after what it led to, which may have taken long.
    `now`: watched seconds. `read`: when it was taken; seconds, monotonic."""

    desired: Desired
    observed: Observed
    before: State
    after: State
    now: float
    read: float
    by_hand: Callable[[], Mapping[str, bytes]] | None = None  # makes the scripts that lead back without us

    @property
    def transition(self) -> str:
        return self.after.transition.id if self.after.transition else ""

    @property
    def begins(self) -> bool:
        """It was in this look that the transition began, so the plan is exactly what a preview would have shown."""
        return self.before.transition is None and self.after.transition is not None


def planned(look: Look, at: float) -> dict[str, Any] | None:
    """The plan of the transition that is under way; None without one. `at`: seconds since 1970."""
    transition, spec = look.after.transition, standing(look.desired, look.after).spec
    if transition is None or spec is None:
        return None
    state = look.before if look.begins else look.after
    road = preview(look.desired, look.observed, state, look.now)
    return {
        "at": round(at, 3),
        "late": not look.begins,  # then it tells only what was still to be done after entry `since`
        "since": look.after.seq if not look.begins else 0,
        "revision": transition.revision,
        "digest": transition.digest,
        "stable": _release(transition.stable),
        "newcomer": _release(transition.newcomer),
        "seconds": road.seconds,
        "rollbackSeconds": rollback_seconds(look.desired, look.observed, state, look.now),
        "ends": {"reason": road.end.reason, "message": road.end.message},
        "steps": [_step(one) for one in _until_end(road.steps)],
        "strategy": [describe(step) for step in transition.steps],
        **_policy(spec),
    }


def _release(release: Any) -> dict[str, str]:
    return {"slot": str(release.slot), "version": release.version}


def _until_end(steps: Sequence[Planned]) -> list[Planned]:
    """What comes after the end belongs to no transition any more."""
    ends = [number for number, step in enumerate(steps, 1) if isinstance(step.what, Ended)]
    return list(steps[: ends[0]] if ends else steps)


def _step(one: Planned) -> dict[str, Any]:
    return {
        "after": round(one.after, 3),
        "rule": one.rule,
        "what": describe(one.what),
        "key": key(one.what),
        "because": one.because,
        "weight": one.weight,
        "gates": list(one.gates),
    }


def _policy(spec: Spec) -> dict[str, Any]:
    """What the documents need of the manifest, which is not in the journal."""
    gates = [{"name": g.name, "kind": g.kind, "stage": str(g.stage), "mode": str(g.mode)} for g in spec.gates]
    members = [{"name": member.name, "traffic": str(member.traffic)} for member in spec.members]
    asked = spec.approvals
    return {
        "gates": gates,
        "members": members,
        "approvals": {"before": [str(stage) for stage in asked.before], "minimum": asked.minimum} if asked else None,
        "durations": {
            "warmUp": spec.warm_up,
            "soak": spec.soak,
            "drainTimeout": spec.drain_timeout,
            "scaleDownDelay": spec.scale_down_delay,
            "rollbackWindow": spec.rollback_window,
        },
        "onFailure": str(spec.on_failure),
        "snapshot": spec.snapshot is not None,
        "migration": asdict(spec.migration) if spec.migration else None,
    }


def write(path: Path, environment: str, transition: str, plans: Sequence[dict[str, Any]]) -> None:
    """The whole file at once, so that no reader meets half of it. Raises OSError."""
    data = {"format": FORMAT, "environment": environment, "transition": transition, "plans": list(plans)}
    replace_file(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def read(path: Path) -> list[dict[str, Any]]:
    """The plans; none of a file that is not there. Raises EvidenceBroken."""
    try:
        found = parsed(content(path, LARGEST))
        plans: list[dict[str, Any]] = found["plans"]
        return [dict(plan) for plan in plans]
    except FileNotFoundError:
        return []
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EvidenceBroken(f"{path}: it cannot be read: {error}") from error


def replace_file(path: Path, content: bytes) -> None:
    """Old or new, never something between, also after a power cut. Raises OSError; then nothing is left of the new one,
    which would keep room that others need."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
