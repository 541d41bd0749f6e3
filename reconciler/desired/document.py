"""A manifest as it is written: the models from which the published schema is generated.

What comes later is not here, and therefore refused: a key that is silently ignored
would be a promise not kept.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from reconciler.core.model import DriftMode, DrillKind, GitAfter, Mode, OnFailure, Slot, Traffic
from reconciler.drivers.commands.name import CommandName
from reconciler.drivers.named import Name as OperatorsName
from reconciler.drivers.named import Named
from reconciler.durations import Duration

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Field(json_schema_extra={"patternErrorMessage": "a name of small letters, digits and dashes, at most 63"}),
]
Version = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a version that starts with a letter or digit and holds letters, digits and . _ + -"
        }
    ),
]
ConfigKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
ConfigValue = Annotated[str, StringConstraints(max_length=4096)]
Prefix = Annotated[
    str,
    StringConstraints(pattern=r"^/([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)?$"),
    Field(json_schema_extra={"patternErrorMessage": "a path that starts with /, such as /api"}),
]


class Part(BaseModel):
    """Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Chosen(BaseModel):
    """A driver by its kind. The other keys are the driver's own, and its `Settings` judge them."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel)

    kind: str


class GatewayChoice(Chosen):
    """What carries the users' traffic."""


class HostChoice(Chosen):
    """What runs a member."""


Tolerated = Annotated[int, Field(ge=0, le=1000, strict=True)]


class GateChoice(Chosen):
    """A check; only its success lets a transition go on. The limits count answers in one window."""

    name: Name | None = None
    mode: Mode = Mode.ENFORCE
    critical: Annotated[bool, Field(strict=True)] = True
    must_have_data: Annotated[bool, Field(strict=True)] = False
    interval: Annotated[Duration, Field(gt=0, le=3600)] | None = None
    failure_limit: Tolerated = 0
    inconclusive_limit: Tolerated | None = None
    consecutive_error_limit: Tolerated | None = None


class Metadata(Part):
    name: Name


class SlotPin(Part):
    """What a slot should run. The configuration is part of the pin."""

    version: Version
    config: Annotated[dict[ConfigKey, ConfigValue], Field(max_length=128)] = {}


class Slots(Part):
    blue: SlotPin | None = None
    green: SlotPin | None = None


class Match(Part):
    """Which requests are this member's; the longest prefix wins."""

    prefix: Prefix


class MemberEntry(Part):
    """A part of a slot: `weighted` is shared by weight, `exclusive` has one owner at a time."""

    name: Name
    traffic: Traffic
    match: Match | None = None
    standby: bool = False
    host: HostChoice

    @property
    def prefix(self) -> str | None:
        """Without a `match`, a weighted member takes what nobody else does; an exclusive one gets no requests."""
        if self.traffic is Traffic.EXCLUSIVE:
            return None
        return self.match.prefix if self.match else "/"


class PauseStep(Part):
    """Without a duration it waits for `promote`."""

    duration: Duration | None = None


class AnalysisStep(Part):
    """Go on as soon as every gate is Successful (`confident`: and the evidence rules out that it is clearly worse);
    pause when that takes longer than `atMost`."""

    until: Literal["successful", "confident"] = "successful"
    at_most: Duration


class Step(Part):
    """Exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    set_weight: Annotated[int, Field(ge=1, le=100)] | None = None
    pause: PauseStep | None = None
    analysis: AnalysisStep | None = None
    hand_over: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = None


def default_steps() -> tuple[Step, ...]:
    """10 %, 50 %, 100 %, ten seconds apart."""
    written = ({"setWeight": 10}, {"pause": {"duration": "10s"}}, {"setWeight": 50}, {"pause": {"duration": "10s"}})
    return tuple(Step.model_validate(step) for step in (*written, {"setWeight": 100}))


class Strategy(Part):
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)] = Field(default_factory=default_steps)
    warm_up: Duration = 5.0
    soak: Duration = 600.0
    drain_timeout: Duration = 30.0
    scale_down_delay: Duration = 1800.0
    progress_deadline: Duration = 900.0
    rollback_window: Duration = 86400.0
    hold_timeout: Duration = 3600.0


Checks = Annotated[tuple[GateChoice, ...], Field(max_length=50)]


class Gates(Part):
    migrate: Checks = ()
    preflight: Checks = ()
    shift: Checks = ()
    hand_over: Checks = ()
    postflight: Checks = ()


class Migrate(Part):
    """How the data is made ready for a newcomer, before anything of it starts: commands of the operator's file."""

    command: CommandName
    check: Annotated[CommandName, Field(description="Its expected exit code: applied. 10: not applied. Else: unknown.")]
    old_version_works: Annotated[bool, Field(strict=True)]


class Snapshot(Part):
    """What is saved before anything of a newcomer touches it: folders and a dump, by names of the operator's file."""

    folders: Annotated[
        tuple[OperatorsName, ...],
        Named("folders"),
        Field(min_length=1, max_length=20, description="[folders.NAME] of the operator's file."),
    ] = ()
    command: Annotated[
        OperatorsName | None,
        Named("commands"),
        Field(description="[commands.NAME] of the operator's file: writes a dump, of a database say, to `{dump}`."),
    ] = None


class DriftDetection(Part):
    mode: DriftMode = DriftMode.ENABLED


Principal = Annotated[str, StringConstraints(pattern=r'^[^\s,*!"]{1,128}$')]


class Approvals(Part):
    """Who has to agree, to exactly what was reviewed, before a stage begins."""

    before: Annotated[
        tuple[Literal["preflight", "migrate", "shift", "handOver", "finalise"], ...], Field(min_length=1, max_length=5)
    ]
    approvers: Annotated[tuple[Principal, ...], Field(max_length=100)] = ()
    minimum: Annotated[int, Field(ge=1, le=20, strict=True)] = 1
    self_approval: Annotated[bool, Field(strict=True)] = True
    expires: Annotated[Duration, Field(gt=0)] = 86400.0
    deadline: Annotated[Duration, Field(gt=0)] = 259200.0


LONGEST_WINDOW = 31 * 86400.0
LONGEST_DRILL = 7 * 86400.0


class WindowEntry(Part):
    """A time that comes again and again: in `allow` transitions may go forward (and, where there is one, only then), in
    `deny` none does. Exactly one of these, as cron writes it: minute hour day month weekday."""

    allow: str | None = None
    deny: str | None = None
    duration: Annotated[Duration, Field(gt=0, le=LONGEST_WINDOW)]
    time_zone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


class DrillEntry(Part):
    """A rehearsal with stable's own version in both slots. Without a schedule it begins on a person's word only."""

    schedule: str | None = None
    time_zone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    kind: DrillKind = DrillKind.SWITCH_AND_BACK
    expires: Annotated[Duration, Field(gt=0, le=LONGEST_DRILL)] = 14400.0


class Rollback(Part):
    """What git is told of a rollback: `revert` puts the environment's file back, where that disturbs nobody."""

    git: GitAfter = GitAfter.REVERT


class Body(Part):
    """What git asks for."""

    active_slot: Slot
    slots: Slots
    gateway: GatewayChoice
    members: Annotated[tuple[MemberEntry, ...], Field(min_length=1, max_length=100)]
    strategy: Strategy = Strategy()
    gates: Gates = Gates()
    snapshot: Snapshot | None = None
    migrate: Migrate | None = None
    approvals: Approvals | None = None
    windows: Annotated[tuple[WindowEntry, ...], Field(max_length=50)] = ()
    rollback: Rollback = Rollback()
    drill: DrillEntry | None = None
    on_failure: OnFailure = OnFailure.ROLLBACK
    drift_detection: DriftDetection = DriftDetection()


class Document(Part):
    """One environment: a gateway, two slots, its members, its policy."""

    api_version: Literal["reconciler/v1alpha1"]
    kind: Literal["Environment"]
    metadata: Metadata
    spec: Body
