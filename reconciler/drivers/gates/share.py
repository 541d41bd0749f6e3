"""Gate `share`: a share can be entered and written to, and nothing waits in its queue to be synchronised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.examining import Finding, failed, ok, split
from reconciler.drivers.named import Name, Named
from reconciler.drivers.patience import Patience
from reconciler.drivers.protocols import GateContext, reading
from reconciler.drivers.shares.looking import MOST, here, there
from reconciler.drivers.shares.share import Share
from reconciler.drivers.windows.examined import answers, examined
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Script
from reconciler.drivers.winrm import Client
from reconciler.durations import Duration, write
from reconciler.errors import ReconcilerError, Refused, Unreachable


class Settings(BaseModel):
    """Where it is, and what must be so there, stands in the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    INTERVAL: ClassVar = 5.0  # seconds between two looks, where nobody says

    share: Annotated[Name, Named("shares"), Field(description="[shares.NAME] of the operator's file.")]
    timeout: Duration = Field(20.0, gt=0, le=60, description="For one look.")


class ShareGate:
    def __init__(self, context: GateContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        self._context, self._settings, self._clock = context, settings, clock
        self._patience = Patience()
        self._client: Client | None = None

    def run(self, window: Window) -> GateReading:
        name = self._context.name
        try:
            share = self._share()
            left = self._look(share, self._probe(window))
        except ReconcilerError as error:
            return reading(window, name, Outcome.ERROR, str(error))
        said: dict[str, Any] = {"samples": 1}
        if share.queue:
            said |= {"value": str(left), "limit": "<= 0"}
        if left:
            many = f"{left}{' or more' if left == MOST and share.machine else ''} left in {share.queue}"
            return reading(window, name, Outcome.RUNNING, f"not drained yet: {many}", **said)
        return reading(window, name, Outcome.SUCCESSFUL, _good(share), **said)

    def _share(self) -> Share:
        if self._context.named is None:
            raise Refused(f"share '{self._settings.share}' is not defined in the operator's file")
        found: Share = self._context.named("shares", self._settings.share)
        return found

    def _look(self, share: Share, probe: str) -> int:
        """How many files are left in its queue."""
        deadline = min(self._settings.timeout, self._context.deadline)
        if share.machine is not None:
            return there(share, probe, partial(self._run, share.machine, deadline))
        ends = self._clock.monotonic() + deadline

        def check() -> None:
            if self._clock.monotonic() > ends:
                raise Unreachable(f"it cannot be looked at within {write(deadline)}")

        return self._patience.ask(lambda: here(self._settings.share, share, probe, check), deadline)

    def _run(self, machine: str, deadline: float, script: Script, said: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._client is None:
            assert self._context.named is not None
            self._client = Client(self._context.named("machines", machine))
        return self._client.run(script, said, deadline)

    def _probe(self, window: Window) -> str:
        """The name of our file: always the same, and nobody else's, so that one that was left is replaced. Whoever asks
        by hand has another one: the loop may be looking at the same time."""
        whose = f"{self._context.journal}\n{self._context.environment}\n{self._context.name}"
        whose += f"\n{window.transition}" if window.by_hand else ""
        return f".reconciler-{sha256(whose.encode()).hexdigest()[:16]}.tmp"

    def examine(self) -> Sequence[Finding]:
        """The machine that looks, and whether the share can be entered and its queue be counted. Writes nothing there,
        so whether it is writable is found out by `reconcile gates`."""
        try:
            share = self._share()
            found = self._machine(share)
            if share.machine is None or answers(found):
                found.append(self._entered(share))
        except ReconcilerError as error:
            return [failed("share", *split(error))]
        return found

    def _machine(self, share: Share) -> list[Finding]:
        if share.machine is None:
            return []
        assert self._context.named is not None
        try:
            machine: Machine = self._context.named("machines", share.machine)
        except ReconcilerError as error:
            return [failed("machine", *split(error))]

        def run(script: Script, said: Mapping[str, Any], deadline: float = machine.deadline, /) -> Mapping[str, Any]:
            return self._run(share.machine or "", deadline, script, said)

        return examined(share.machine, machine, run)

    def _entered(self, share: Share) -> Finding:
        left = self._look(share.model_copy(update={"writable": False}), "")
        queue = f"; {left} in {share.queue}" if share.queue else ""
        return ok("share", f"{share.unc} can be entered{queue}")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _good(share: Share) -> str:
    parts = [f"{share.unc} can be entered" + (f" from {share.machine}" if share.machine else "")]
    if share.writable:
        parts.append("a file was written, read back and removed")
    if share.queue:
        parts.append(f"nothing is left in {share.queue}")
    return "; ".join(parts)


def open(context: GateContext, settings: Settings) -> ShareGate:
    return ShareGate(context, settings)
