"""The contracts of the three driver families, and what a driver is given when it is opened.

Every call is idempotent and bounded by the deadline that the driver was built with; reading changes nothing, not even
a file's time. No answer raises `Unreachable`; a definite no raises `Refused`. A driver keeps no policy and no memory:
what must be known after a restart is read from the world. One conformance exam per family (`tests/drivers/`) holds
each of them to these sentences.

A driver module holds `Settings` (a pydantic model: what a manifest may say) and `open(context, settings)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from reconciler.core.model import Outcome, Pair, Pin, Routing, Slot
from reconciler.core.reading import Counters, GateReading, GatewayReading, MemberReading, Window

# ---- gateways -------------------------------------------------------------------------------------------------------


class Fence(StrEnum):
    """How a gateway keeps an older generation from writing."""

    COMMIT = "commit"  # the gateway itself refuses: safe across machines
    OWNER_LOCK = "owner-lock"  # one process on this machine owns it
    DETECT = "detect"  # a conflict is seen only afterwards


@dataclass(frozen=True, slots=True)
class Capabilities:
    fence: Fence
    fine_weights: bool  # every percent can be expressed
    sticky: bool
    drain_proof: bool  # requests in flight per slot can be read
    managed: bool  # a write starts it when it is down; `close_listener` stops it
    lasting: bool = True  # weights and seal survive its restart
    fallback: bool = True  # the other slot stands in at once for one that dies; else its users fail until we act
    # Seconds: a look costs its machine something, so that there is one so often in a transition while nothing was done,
    # and at rest a fifth as often. 0: as often as the loop likes.
    pace: float = 0.0


@dataclass(frozen=True, slots=True)
class Road:
    """A way to one slot through the gateway, whatever the weights say. Only probes know it; it counts as no user.

    Its answers carry `x-reconciler-upstream: HOST:PORT`, the member that really answered: without the secret, the
    gateway takes a probe for a user, and another slot may answer.
    """

    url: str  # http://host:port or https://host:port, without a trailing slash
    headers: Mapping[str, str] = field(default_factory=dict)
    expects: tuple[str, ...] = ()  # host:port of the members that it leads to; empty: whoever answers
    trust: tuple[
        str, ...
    ] = ()  # https: files whose first certificates alone are believed; empty: whom this machine trusts

    def astray(self, upstream: str | None) -> str:
        """Why an answer with that `x-reconciler-upstream` is not this road's; empty when it is."""
        if not self.expects or upstream in self.expects:
            return ""
        return f"{(upstream or 'somebody else')[:60]} answered instead of {' or '.join(self.expects)}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a weighted member of a slot listens, and which paths are its own."""

    member: str
    prefix: str  # path prefix; "/" for the rest
    address: Pair[str]  # host:port per slot


@dataclass(frozen=True, slots=True)
class ByHand:
    """Two scripts that say and do the same; each stands alone, and holds no secret."""

    sh: str  # POSIX
    ps1: str  # PowerShell 7


class Gateway(Protocol):
    capabilities: Capabilities

    def read(self) -> GatewayReading:
        """Weights, admission, counters, incarnation and stamp as they are now. Down and managed: `up` is False and
        `weights` are those that it would serve if started. Raises Unreachable when it should answer and does not."""

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        """Make `routing` so, atomically over all routes, and return when the gateway has acknowledged it. Starts a
        managed gateway that is down. Raises Conflict when incarnation, stamp or weights differ from `expected`,
        Fenced when a later generation has sealed, Refused when the gateway rejects it or the routing makes no sense,
        Unreachable when no acknowledgement came."""

    def seal(self, generation: int) -> None:
        """Shut every older generation out: from now on their writes are Fenced, also those that are under way. Changes
        no weight. Sealing a gateway that was never written, or a managed one that is down, is remembered for when it
        comes up. Raises Fenced when a later one sealed, Unreachable when a gateway of somebody else's does not answer.
        """

    def address(self, slot: Slot) -> Road: ...

    def users(self) -> Road:
        """The road that users take."""

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        """How a person moves all traffic to `slot` without us, on this machine: in one write, which is read back, and
        which `read` tells by its stamp's `by_hand`. `title` and `undone`, line by line, are shown before anything is
        done: what it is for, and what it does not do; `starts` where members do not answer. Making them touches
        nothing."""

    def close_listener(self) -> None:
        """Stop a managed gateway gracefully; not managed: Refused. Closing twice is safe."""

    def close(self) -> None:
        """Let go of handles. The gateway goes on serving."""


@runtime_checkable
class Includable(Protocol):
    """A gateway whose product can be somebody else's, who then includes our part in its configuration."""

    def configuration(self) -> str:
        """That part: no weight stands in it, and no secret. Raises Refused."""

    def check(self) -> str:
        """What the product itself makes of that part, in a few words: where it is installed on this machine it reads
        it, and one elsewhere is asked whether it has it. Raises Refused saying what is wrong, and Unreachable."""


@runtime_checkable
class Renewing(Protocol):
    """A gateway that can show users a certificate of the operator's."""

    def renew(self, generation: int) -> bool:
        """Show every new connection what the operator's files hold now; False: it is so already, or there is nothing
        that could be shown. Connections that are open stay, and no request is lost. Changes no weight. Raises Fenced
        when a later generation has sealed; Refused when it is no pair, or the gateway does not take it: then the former
        one is shown on; Unreachable when nobody knows which is shown."""


# ---- hosts ----------------------------------------------------------------------------------------------------------


class MemberHost(Protocol):
    """One member of one environment, in both slots. `version` in a reading is a pin's label."""

    def read(self, slot: Slot) -> MemberReading:
        """What runs there now; the version is what the member itself reports."""

    def stage(self, slot: Slot, pin: Pin) -> None:
        """Make sure that everything `start` needs is there, touching nothing that runs. Raises Refused, naming what is
        missing and where it is expected."""

    def start(self, slot: Slot, pin: Pin) -> None:
        """Start `pin` and return without waiting for readiness. Already running it: nothing happens. Raises Refused
        when something else runs there, the port is taken, or the program cannot be started."""

    def stop(self, slot: Slot) -> None:
        """Ask it to end gracefully and return; it reads as STOPPING until it has, and is ended by force after its stop
        timeout (by later calls of `stop`). Not running: nothing happens."""

    def grant(self, slot: Slot, number: int) -> None:
        """Only of a member that can stand by: make what runs in that slot the owner, and nobody else. It reads as
        STANDBY from its start, as READY once it says itself that it is the owner by that number. The same grant twice
        is one change; raises Refused for a number that is not above every one given before, also after a restart."""

    def release(self, slot: Slot, number: int) -> None:
        """Only of a member that can stand by: ask it to take nothing new, finish what it has in hand and let go. It
        reads as STOPPING until it has, then as STANDBY, and is ended by force after its stop timeout (by later calls
        of `release`). Not the owner: nothing is written. Raises Refused as `grant` does."""

    def address(self, slot: Slot) -> str | None:
        """host:port where a weighted member listens in that slot."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Typed:
    """How a person does a host's work for it, as far as that may be told: no secret stands there."""

    stop: str  # a line of POSIX shell; of another machine, of PowerShell, which says where
    start: str  # in words
    let_go: str = ""  # of one that can stand by, likewise lines: it owns no more,
    role: str = ""  # what it says of itself, in JSON,
    own: str = ""  # and it owns, by the next number


@runtime_checkable
class Typeable(Protocol):
    """A host whose work a person can do."""

    def by_hand(self, slot: Slot, pin: Pin) -> Typed:
        """How its member is stopped in `slot`, and how `pin` is started there. Touches nothing."""


# ---- gates ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """One synthetic request, whole: every request that was sent has exactly one, from when it was sent."""

    id: int
    road: str  # "users", "blue", "green"
    step: str
    start: float  # seconds, monotonic
    latency: float  # seconds
    status: int | None  # None: no answer, so whether it took effect is unknown
    ok: bool
    slot: str = ""  # that answered, as the app itself says (X-Slot): nobody else tells on the users' road
    error: str = ""
    pending: bool = False  # no answer yet
    void: bool = False  # tells nothing about the road's slot: another one answered, or our sampler ended first
    rung: int | None = None  # the weight at which it was sent, in an earlier window; None: in the window asked about
    session: int = 0  # which of our sessions sent it, from 1; 0: a stranger
    lost: bool = False  # its answer shows that this session is gone

    @property
    def bad(self) -> bool:
        return not (self.ok or self.pending or self.void)


class Samples(Protocol):
    """A long-lived sampler as a gate sees it (measure/ holds the real ones)."""

    def since(self, window: Window) -> Sequence[Sample]:
        """In the order of sending: failures of the windows that this one rose from (their `rung` is set), then all
        that was sent in this one."""

    def problem(self) -> str:
        """Why there may be no samples (the sampler is dead, ...); empty when all is well."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session of ours, as it was seen until now. Its id is a secret: it is in nobody's hands but the sampler's."""

    number: int  # from 1
    opened: float | None = None  # seconds, monotonic: when its content was first read back; None: not open yet
    before: bool = False  # it was seen open while the newcomer had no weight
    kept: bool = False  # its latest use, sent in the window asked about, brought id and content back
    uses: int = 0  # answers in that window
    last: Sample | None = None  # the latest answer, or that there was none
    slots: frozenset[str] = frozenset()  # that answered it, by the app's own word
    lost: Sample | None = None  # the first answer that showed that it is gone
    lost_at: int | None = None  # the newcomer's weight when that was first told of
    excused: bool = False  # it was lost while gateway or stable failed: nobody knows by whom


class Sessions(Protocol):
    """Sessions that a sampler holds open, as a gate sees them (measure/ has the real ones)."""

    def sessions(self, window: Window) -> Sequence[Session]:
        """All that were begun for the window's transition. One that is missing is not known of."""

    def problem(self) -> str:
        """As for `Samples`."""


class Evidence(Protocol):
    """What users got in a transition so far, as one gate weighs it: a value, folded by `measure/` look by look. The
    module of a gate that has `begin(settings)` gives the first one."""

    def seen(self, newcomer: Counters, stable: Counters) -> Evidence:
        """After a look; what was counted since the look before."""

    def unseen(self) -> Evidence:
        """After a look that tells nothing: the counters were reset, or not given."""

    def risen(self) -> Evidence:
        """At a higher weight: what speaks against the newcomer stays, what speaks for it begins anew."""


class Notes(Protocol):
    """Where a gate leaves what it has read of something that forgets, such as a log that wraps. `measure/` keeps it,
    for the latest transition and as long as this process lives: a gate must be able to do without."""

    def read(self, window: Window) -> Any:
        """What was written last in the window's transition; None: nothing."""

    def write(self, window: Window, value: Any) -> None:
        """A value that stands for itself: it replaces what was there."""


class Gate(Protocol):
    def run(self, window: Window) -> GateReading:
        """Judge one window. Never raises for what the world does: what cannot be run is Error with a reason, too little
        data is Inconclusive. Bounded in time and memory whatever the other side sends."""

    def close(self) -> None: ...


@runtime_checkable
class Patient(Protocol):
    """A gate that may have nothing to say, however long it is asked."""

    def silent(self, window: Window) -> bool:
        """Can it never answer about this window, which somebody asks about by hand? Then nobody waits for it."""


def reading(window: Window, name: str, outcome: Outcome, reason: str, **shown: Any) -> GateReading:
    """A gate's answer; `shown` may hold value, limit and samples."""
    return GateReading(name, outcome, window, reason=reason, **shown)


# ---- what a driver is given -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GatewayContext:
    environment: str
    journal: str  # the journal's id, for the stamp
    state: Path  # a folder of this environment's own
    endpoints: tuple[Endpoint, ...]
    ready_path: str = "/healthz"
    deadline: float = 5.0
    read_only: bool = False  # preview: take no lock, write no file
    proxy: Any = None  # the operator's definition of a gateway of his own; its type is the driver's
    named: Callable[[str, str], Any] | None = None  # see `GateContext.named`


@dataclass(frozen=True, slots=True)
class HostContext:
    environment: str
    member: str
    state: Path
    app: Any = None  # the operator's definition of the named app; its type is the driver's own
    deadline: float = 2.0
    standby: bool = False  # the manifest says that this member can stand by
    named: Callable[[str, str], Any] | None = None  # see `GateContext.named`
    exclusive: bool = False  # one owner at a time, which owns as long as it lives: never both slots' at once


@dataclass(frozen=True, slots=True)
class GateContext:
    environment: str
    name: str
    roads: Callable[[], Mapping[str, Road]]  # "users", "blue", "green"
    newcomer_road: Callable[[Window], Road]
    allowed: Callable[[str], bool]  # may this host be asked at all?
    samples: Callable[[str], Samples] | None = None
    sessions: Callable[[str], Sessions] | None = None
    evidence: Callable[[str], Callable[[Window], Any]] | None = None  # by the gate's name: its module's `Evidence`
    warm_up: float = 0.0  # seconds of a window in which latency is not judged yet; errors are, at once
    deadline: float = 5.0
    # What the operator's file defines under a name; the type is the drivers' own. Raises InvalidConfiguration.
    commands: Callable[[str], Any] | None = None
    queries: Callable[[str], Any] | None = None
    folders: Callable[[str], Any] | None = None
    named: Callable[[str, str], Any] | None = None  # any other, by section and name: `named("machines", "web1")`
    journal: str = ""  # the journal's id: the same transition's name in another journal is another transition
    notes: Notes | None = None
