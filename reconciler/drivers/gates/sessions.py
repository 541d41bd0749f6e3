"""Gate `sessions`: sessions that were opened before the switch are used all through it, and each must survive it.

A sampler (`measure/`) opens them by the road that users take while the newcomer has no weight, so this gate belongs
under `preflight`, and is asked again in every later stage. Each is then used in turn; it is lost when an answer brings
another session's id, or not what was stored in it.

Sessions live as long as the process that holds them. One that was started in mid-transition has none of before, and
cannot have: it answers Inconclusive until the transition ends (docs/decisions/012).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from reconciler.core.model import Outcome, Stage
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.journey import CONTENT, USE, Journey, Step, Visits
from reconciler.drivers.journey_written import MAX_RATE, Asked, Rate
from reconciler.drivers.protocols import GateContext, Road, reading
from reconciler.drivers.retention import Retention
from reconciler.drivers.sampled import USERS
from reconciler.drivers.thresholds import Threshold, Unit, threshold
from reconciler.durations import Duration

BEGINS = Stage.PREFLIGHT  # it must have begun before the newcomer has weight


def _retention(text: str) -> Threshold:
    limit = threshold(text, Unit.PERCENT, upper=False)
    if limit.holds(0) or not limit.holds(100):
        raise ValueError(f"'{text}' {'always' if limit.holds(0) else 'never'} holds, expected one such as '>= 100 %'")
    return limit


def _check_retention(text: str) -> str:
    _retention(text)
    return text


class Settings(BaseModel):
    """Paths are asked at the environment's own address; a manifest cannot name another one."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    open: Asked | None = Field(None, description="Its answer sets the session's cookie; without it, `write` does.")
    write: Asked = Field(description="Stores {content}, which stands in its path or body, in the session.")
    read: Asked = Field(description="Its answer must hold that content.")
    cookie: str = Field(
        "", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$", max_length=200, description="That names the session."
    )
    count: int = Field(20, ge=1, le=500, strict=True, description="Sessions.")
    rate: Rate = Field(20.0, gt=0, le=MAX_RATE, description="Requests per second, all sessions together.")
    timeout: Duration = Field(2.0, gt=0, le=60, description="For one request.")
    retention: Annotated[str, AfterValidator(_check_retention)] = Field(
        ">= 100 %", pattern=r"^>=? *[0-9.]+ *%$", description="Sessions that must survive."
    )

    @model_validator(mode="after")
    def _content_is_written(self) -> Self:
        if CONTENT not in self.write.path + (self.write.body or ""):
            raise ValueError(f"expected '{CONTENT}' in the path or the body of 'write'")
        if any(one and CONTENT in one.path + (one.body or "") for one in (self.open, self.read)):
            raise ValueError(f"only 'write' knows '{CONTENT}'")
        return self

    def steps(self) -> tuple[Step, ...]:
        named = (("open", self.open), ("write", self.write), (USE, self.read))
        return tuple(Step(name, **asked.model_dump()) for name, asked in named if asked)


def plan(settings: Settings, roads: Mapping[str, Road], begun: Window) -> Journey | None:
    """None: the newcomer had weight already when this process came, so what it opened would prove nothing."""
    if begun.rung:
        return None
    visits = Visits(settings.count, settings.cookie, f"{begun.transition} {begun.fair:g}")
    return Journey(settings.steps(), {USERS: roads[USERS]}, settings.rate, settings.timeout, visits)


class SessionsGate:
    def __init__(self, context: GateContext, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._limit = _retention(settings.retention)

    def run(self, window: Window) -> GateReading:
        if self._context.sessions is None:
            return reading(window, self._context.name, Outcome.ERROR, "no sampler runs for this gate")
        source = self._context.sessions(self._context.name)
        found = Retention(self._settings.count, window, source.sessions(window))
        outcome, reason = self._judge(found, source.problem())
        said = {"limit": self._limit.text, "samples": sum(one.uses for one in found.told)}
        shown = {"value": found.account(), "measures": found.measures()}
        return reading(window, self._context.name, outcome, reason, **shown, **said)

    def silent(self, window: Window) -> bool:
        """Who asks while the newcomer has weight has opened no session before it had."""
        return window.by_hand and window.rung > 0

    def _judge(self, found: Retention, problem: str) -> tuple[Outcome, str]:
        """What the newcomer lost stays lost, even if nothing more can be seen. All else needs each session's proof."""
        if not self._enough(found, found.count - len(found.blamed)):
            return Outcome.FAILED, found.story(found.blamed)
        if problem:
            return Outcome.ERROR, problem
        if not self._enough(found, found.count - len(found.lost)):
            return _not_the_newcomers(found)
        if found.window.rung == 0 and (why := found.closed):
            return Outcome.ERROR, why
        if self._enough(found, len(found.kept)) and (found.window.rung or found.opened == found.count):
            return Outcome.SUCCESSFUL, _well(found)
        return Outcome.INCONCLUSIVE, found.lacking()

    def _enough(self, found: Retention, sessions: int) -> bool:
        return self._limit.holds(found.percent(sessions))

    def close(self) -> None:
        """Nothing is held: the sampler belongs to `measure/`."""


def _not_the_newcomers(found: Retention) -> tuple[Outcome, str]:
    """Before the newcomer has weight, this shows that nothing can be proved here; later, that nobody knows by whom."""
    if found.window.rung:
        return Outcome.INCONCLUSIVE, f"{found.story(found.lost)}; that may not be the newcomer's doing"
    return Outcome.ERROR, f"{found.story(found.lost)}; the newcomer has no users yet, so nothing can be proved"


def _well(found: Retention) -> str:
    newcomer = str(found.window.newcomer.slot)
    moved = sum(newcomer in one.slots for one in found.kept)
    by = f", {moved} of them in {newcomer} too" if moved and found.window.rung else ""
    return f"{len(found.kept)} of {found.count} sessions kept their id and content{by}"


def open(context: GateContext, settings: Settings) -> SessionsGate:
    return SessionsGate(context, settings)
