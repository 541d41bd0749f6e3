"""Gate `tcp`: a port takes connections. Nothing is sent."""

from __future__ import annotations

import socket

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.lookup import addresses
from reconciler.drivers.protocols import GateContext, reading
from reconciler.drivers.reach import check_allowed
from reconciler.durations import Duration, write
from reconciler.errors import Refused


class Settings(BaseModel):
    """A place that the operator's file allows."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    host: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$|^[0-9A-Fa-f:.]+$", max_length=253)
    port: int = Field(ge=1, le=65535, strict=True)
    timeout: Duration = Field(2.0, gt=0, le=60)


class TcpGate:
    def __init__(self, context: GateContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        self._context, self._settings, self._clock = context, settings, clock

    def run(self, window: Window) -> GateReading:
        started = self._clock.monotonic()
        outcome, reason = self._tried(min(self._settings.timeout, self._context.deadline))
        good, asked = outcome is Outcome.SUCCESSFUL, outcome is not Outcome.ERROR
        value = f"connected in {(self._clock.monotonic() - started) * 1000:.0f} ms" if good else ""
        said = {"value": value, "limit": "takes connections", "samples": int(asked)}
        return reading(window, self._context.name, outcome, reason, **said)

    def _tried(self, deadline: float) -> tuple[Outcome, str]:
        """A host that says no is an answer; silence is none."""
        host, port = self._settings.host, self._settings.port
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            check_allowed(self._context, host)
            self._connect(self._clock.monotonic() + deadline)
        except ConnectionRefusedError:
            return Outcome.FAILED, f"nobody listens at {where}"
        except TimeoutError:
            return Outcome.ERROR, f"{where} does not answer within {write(deadline)}"
        except OSError as error:
            return Outcome.ERROR, f"{where} cannot be reached: {error.strerror or type(error).__name__}"
        except Refused as error:
            return Outcome.ERROR, str(error)
        return Outcome.SUCCESSFUL, f"{where} takes connections"

    def _connect(self, until: float) -> None:
        """To the first of its addresses that takes us. Raises OSError: a refusal only if all of them refused."""
        problems: list[OSError] = []
        for number in addresses(self._settings.host, self._settings.port, self._left(until)):
            try:
                socket.create_connection((number, self._settings.port), self._left(until)).close()
                return
            except OSError as error:
                problems.append(error)
        clear = (error for error in problems if not isinstance(error, ConnectionRefusedError))
        raise next(clear, problems[0] if problems else OSError(0, "the name has no address"))

    def _left(self, until: float) -> float:
        """Seconds. Raises TimeoutError when there are none left."""
        left = until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def close(self) -> None:
        """Nothing is held."""


def open(context: GateContext, settings: Settings) -> TcpGate:
    return TcpGate(context, settings)
