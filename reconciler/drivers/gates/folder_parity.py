"""Gate `folder-parity`: two folders agree in names, sizes and contents. One that changes meanwhile proves nothing."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.folders.folder import Ignored, tree
from reconciler.drivers.folders.parity import Comparison, compare
from reconciler.drivers.named import Name, Named
from reconciler.drivers.patience import Patience
from reconciler.drivers.protocols import GateContext, reading
from reconciler.durations import Duration, write
from reconciler.errors import ReconcilerError, Unreachable


class Settings(BaseModel):
    """Two named folders of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    INTERVAL: ClassVar = 60.0  # seconds between two comparisons, where nobody says

    folders: Annotated[
        tuple[Name, ...],
        Named("folders"),
        Field(min_length=2, max_length=2, description="Two of [folders.NAME] of the operator's file."),
    ]
    ignore: Ignored = ()
    timeout: Duration = Field(60.0, gt=0, le=3600, description="For reading both.")

    @field_validator("folders")
    @classmethod
    def _two(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(folders)) < len(folders):
            raise ValueError("a folder agrees with itself, expected two")
        return folders


class FolderParityGate:
    def __init__(self, context: GateContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        self._context, self._settings, self._clock = context, settings, clock
        self._patience = Patience()

    def run(self, window: Window) -> GateReading:
        """Takes as long as its own time-out says: large folders need more than other gates."""
        timeout = self._settings.timeout
        until = self._clock.monotonic() + timeout
        try:
            found = self._patience.ask(lambda: self._compared(until), timeout)
        except ReconcilerError as error:
            return reading(window, self._context.name, Outcome.ERROR, str(error))
        outcome, reason = _judged(found)
        value = f"{_many(found.files, 'file')}, {_many(found.differences, 'difference')}" if found else ""
        said = {"value": value, "limit": "0 differences", "samples": found.files if found else 0}
        return reading(window, self._context.name, outcome, reason, **said)

    def _compared(self, until: float) -> Comparison | None:
        def check() -> None:
            if self._clock.monotonic() > until:
                raise Unreachable(f"they cannot be compared within {write(self._settings.timeout)}")

        left, right = (tree(name, self._context, self._settings.ignore, check) for name in self._settings.folders)
        return compare(left, right)

    def close(self) -> None:
        """Nothing is held."""


def _judged(found: Comparison | None) -> tuple[Outcome, str]:
    if found is None:
        return Outcome.INCONCLUSIVE, "a folder changed while it was read"
    if found.differences:
        more = found.differences - len(found.told)
        told = "; ".join([*found.told, *([f"and {more} more"] if more else [])])
        return Outcome.FAILED, f"{_many(found.differences, 'difference')}: {told}"
    if not found.files:
        return Outcome.INCONCLUSIVE, "there is no file in either, so nothing was compared"
    return Outcome.SUCCESSFUL, f"all of {_many(found.files, 'file')} the same"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def open(context: GateContext, settings: Settings) -> FolderParityGate:
    return FolderParityGate(context, settings)
