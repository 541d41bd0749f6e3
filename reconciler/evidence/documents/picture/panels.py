"""Five panels, each of one thing over time. What was not measured is said in the panel, and not drawn as zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from reconciler.core.model import Slot
from reconciler.drivers.sampled import USERS
from reconciler.drivers.thresholds import Unit, threshold
from reconciler.evidence.documents.limits import slowest_allowed
from reconciler.evidence.documents.measured import known_until
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.requests import Outcome
from reconciler.evidence.pack.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes", Material, Series], None]

COLOURS = {"blue": "#3b76b8", "green": "#3d9a5f"}
FAR = 6  # times the highest value: a limit beyond that is not drawn
LOOKED = 2.2  # seconds between two looks at a gateway at most, while somebody looks
RED, GREY, AMBER = "#b3261e", "#8a96a3", "#b07800"


def weights(axes: Axes, material: Material, _series: Series) -> None:
    """As read back; each holds until the next one was read."""
    read = material.traffic.weights
    if not read:
        _nothing(axes, "the gateway's weights were not read back")
        return
    newcomer = material.steps.began.newcomer.slot
    values = [one.blue if newcomer is Slot.BLUE else one.green for one in read]
    times = [*(one.at for one in read), max(known_until(material), read[-1].at)]
    line, top = [*values, values[-1]], [100] * len(times)
    for slot, low, high in ((newcomer, [0] * len(times), line), (newcomer.other, line, top)):
        axes.fill_between(times, low, high, step="post", color=COLOURS[slot], alpha=0.55, linewidth=0, label=str(slot))
    axes.step(times, line, where="post", color="#1c2733", linewidth=1.2)


def requests(axes: Axes, material: Material, series: Series) -> None:
    """Each second, on the users' road; and what the gateway counted there: users' requests and ours."""
    found = {number: bucket for number, bucket in series.buckets.items() if bucket.users}
    if not found and not series.served:
        _nothing(axes, "no request was recorded")
        return
    _counted(axes, series)
    sent = [(number, sum(bucket.users.values()) / series.covered(number)) for number, bucket in sorted(found.items())]
    _line(axes, series, sent, "#1c2733", "test requests", width=1.4)
    _failed(axes, material, series)


def _failed(axes: Axes, material: Material, series: Series) -> None:
    """What users may have met is red: as the gateway counted it, and of our own on the same road. What failed on the
    forced road met nobody."""
    counted = {number: one.failed for number, one in sorted(series.served.items()) if one.failed}
    ours = {number: one.users.get(Outcome.FAILED, 0) for number, one in sorted(series.buckets.items())}
    others = {number: one.others.get(Outcome.FAILED, 0) for number, one in sorted(series.buckets.items())}
    met = {number: max(counted.get(number, 0), ours.get(number, 0)) for number in sorted({*counted, *ours})}
    roads = material.account.roads
    forced = sum(road.failed for name, road in roads.items() if name != USERS)
    users = max(material.served.failed, material.account.users.failed if material.account.users else 0)
    _bars(axes, series, others, GREY, f"failed on the forced road, where no user is: {forced:,}")
    _bars(axes, series, met, RED, f"failed on the users' road: {users:,}", shade=True)


def _bars(
    axes: Axes, series: Series, counts: Mapping[int, int], colour: str, name: str, *, shade: bool = False
) -> None:
    bad = [(series.middle(number), count / series.covered(number)) for number, count in counts.items() if count]
    for at, _ in bad if shade else ():
        axes.axvspan(at - series.width / 2, at + series.width / 2, color=colour, alpha=0.15, linewidth=0)
    if bad:
        heights = [height for _, height in bad]
        axes.bar([at for at, _ in bad], heights, width=series.width, color=colour, label=name, zorder=3)


def _counted(axes: Axes, series: Series) -> None:
    found = sorted(series.served.items())
    for slot in map(str, Slot):
        line = [(number, one.requests[slot] / one.seconds) for number, one in found if slot in one.requests]
        _line(axes, series, line, COLOURS[slot], f"all requests, by {slot}")


def latency(axes: Axes, material: Material, series: Series) -> None:
    """Seconds, of what was answered well on the users' road."""
    found = {number: bucket for number, bucket in sorted(series.buckets.items()) if bucket.latencies}
    if not found:
        _nothing(axes, "no request was answered on the users' road")
        return
    for share, name, colour in ((0.5, "P50", "#9db7d6"), (0.95, "P95", "#2b5c9e"), (0.99, "P99", "#7a4b9e")):
        _line(axes, series, list(_quantiles(series, share)), colour, name, width=1.6 if share == 0.95 else 1.0)
    limit = slowest_allowed(material)
    if limit is None:
        return
    if limit.value <= FAR * max(bucket.quantile(0.99) or 0.0 for bucket in found.values()):
        _limit(axes, f"P95 {limit.text}", limit.value)
    else:  # drawn, it would press everything else flat
        axes.plot([], [], color=AMBER, linestyle=(0, (6, 3)), label=f"limit P95 {limit.text}: far above")


def _quantiles(series: Series, share: float) -> Iterator[tuple[int, float]]:
    for number, bucket in sorted(series.buckets.items()):
        if (found := bucket.quantile(share)) is not None:
            yield number, found


def _delays(material: Material) -> dict[str, Mapping[int, float]]:
    """By gate."""
    names = [str(gate["name"]) for plan in material.plans for gate in plan["gates"] if gate["kind"] == "queue-delay"]
    return {name: material.whole.values[name] for name in dict.fromkeys(names) if material.whole.values.get(name)}


def queue(axes: Axes, material: Material, series: Series) -> None:
    """As the gates measured it, in their own unit; and their limits."""
    told = _delays(material)
    if not told:
        _nothing(axes, "no gate measured a queue's delay")
        return
    for number, name in enumerate(told):
        line = sorted(series.values.get(name, {}).items())
        _line(axes, series, line, ("#8a5a00", "#5a6e00", "#6e2f5a")[number % 3], _short(name), width=1.6)
    for limit in {one.limit for one in material.gates if one.gate in told}:
        try:
            _limit(axes, limit, threshold(limit, *Unit).value)
        except ValueError:
            continue  # no limit of ours


def _limit(axes: Axes, text: str, value: float) -> None:
    axes.axhline(value, color=AMBER, linestyle=(0, (6, 3)), linewidth=1.2, label=f"limit {text}")


def sessions(axes: Axes, material: Material, series: Series) -> None:
    """Of those that were opened before: kept and lost for certain, and those not used again yet."""
    found = sorted(series.sessions.items())
    if not material.whole.sessions:
        _nothing(axes, "no gate counted sessions")
        return
    times = [max(series.middle(number), series.begin) for number, _ in found]
    if not times:
        return
    times.append(max(series.end, times[-1]))
    low = [0] * len(times)
    for name, part, colour in (("kept", 0, "#3d9a5f"), ("not used again yet", 2, "#c3ccd6"), ("lost", 1, RED)):
        counts = [counts[part] for _, counts in found]
        high = [one + more for one, more in zip(low, [*counts, counts[-1]], strict=True)]
        axes.fill_between(times, low, high, step="post", color=colour, alpha=0.7, linewidth=0, label=name)
        low = high


class Panel(NamedTuple):
    """`shown`: is there anything to draw, in the whole transition? Else the picture says so in a line below."""

    name: str
    draw: Draw
    shown: Callable[[Material], bool]
    top: float | None = None  # None: as high as what is drawn


PANELS = (
    Panel("share of traffic, %", weights, lambda material: bool(material.traffic.weights), 100.0),
    Panel("requests / s", requests, lambda material: bool(material.whole.buckets or material.whole.served)),
    Panel("latency, s", latency, lambda material: any(one.latencies for one in material.whole.buckets.values())),
    Panel("queue delay, s", queue, lambda material: bool(_delays(material))),
    Panel("sessions", sessions, lambda material: bool(material.whole.sessions)),
)


def _line(
    axes: Axes, series: Series, found: Sequence[tuple[int, float]], colour: str, name: str, width: float = 1.0
) -> None:
    """By number of the bucket; where one is missing, so is the line."""
    times: list[float] = []
    values: list[float] = []
    for number, value in found:
        if times and series.middle(number) - times[-1] > max(LOOKED, 1.5 * series.width * _stride(found)):
            times.append(series.middle(number))
            values.append(float("nan"))
        times.append(series.middle(number))
        values.append(value)
    if times:
        axes.plot(times, values, color=colour, linewidth=width, label=name, marker="." if len(times) == 1 else "")


def _stride(found: Sequence[tuple[int, float]]) -> int:
    """How many buckets usually lie between two values: a gate answers more seldom than requests end."""
    gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(found))
    return max(1, gaps[len(gaps) // 2]) if gaps else 1


def _short(name: str) -> str:
    """Names come from a manifest: what the font has no shape for, and what hides an entry of a legend, is left out."""
    return "".join(one for one in name[:40] if one.isascii() and one.isprintable()).lstrip("_") or "gate"


def _nothing(axes: Axes, why: str) -> None:
    axes.text(
        0.5, 0.5, f"not measured: {why}", transform=axes.transAxes, ha="center", va="center", color=AMBER, fontsize=10
    )
