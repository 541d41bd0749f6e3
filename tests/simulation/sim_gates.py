"""Gates as the loop asks them: the real rounds and the real synthetic gate, over samples that the simulation makes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.desired.manifest import GateDriver, Manifest
from reconciler.drivers.gates.synthetic import Settings, SyntheticGate
from reconciler.drivers.protocols import Gate, GateContext, Sample
from reconciler.measure.generator import _record
from reconciler.measure.rounds import Rounds

if TYPE_CHECKING:
    from sim_world import Place

RATE, MOST = 5.0, 40  # samples per second; and in one window


class Alive:
    """A gate that asks one question at a time, as the http gate does."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name

    def run(self, window: Window) -> GateReading:
        weather, slot = self._place.weather, window.newcomer.slot

        def said(outcome: Outcome) -> GateReading:
            return GateReading(self._name, outcome, window, reason=str(outcome))

        if weather.strikes("gate-raises"):
            raise RuntimeError("a gate that breaks its word")
        if weather.strikes("gate-error"):
            return said(Outcome.ERROR)
        if weather.strikes("gate-inconclusive") or self._place.releases.shows(
            window.newcomer.version, "version-seen-too-little"
        ):
            return said(Outcome.INCONCLUSIVE)
        if not self._place.answers(slot):
            return said(Outcome.ERROR)
        self._place.good.append(said(Outcome.SUCCESSFUL))
        return self._place.good[-1]

    def close(self) -> None:
        pass


class Samples:
    """What a sampler has sent to the newcomer since a window opened."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._window: Window | None = None
        self._since = 0.0
        self._seen: list[Sample] = []
        self.spoiled = False  # some of what is in the window is no number

    def since(self, window: Window) -> Sequence[Sample]:
        now, weather = self._place.timeline.now, self._place.weather
        if window != self._window:
            self._window, self._since, self._seen, self.spoiled = window, now, [], False
        if weather.strikes("gate-reset", 5.0):
            self._since, self._seen, self.spoiled = now, [], False
        missing = min(MOST, int((now - self._since) * RATE)) - len(self._seen)
        if weather.strikes("gate-missing"):
            self._since, missing = self._since + missing / RATE, 0
        self._seen += [one for _ in range(missing) if (one := self._sample(window, now))]
        return self._seen

    def _sample(self, window: Window, now: float) -> Sample | None:
        """As the load generator writes it, and as its line is read. None: no line that can be used."""
        place, release = self._place, window.newcomer
        bad = place.releases.traits.get(release.version) == "version-bad" and place.weather.draw("bad").random() < 0.5
        if bad:
            place.weather.strike("version-bad")
        ok = place.answers(release.slot) and not bad
        latency = math.nan if place.weather.strikes("gate-nan", 0.3) else 0.01
        said = {"road": str(release.slot), "step": "GET /", "start": now, "latency": latency}
        record = _record(json.dumps({**said, "status": 200 if ok else 500, "ok": ok}).encode())
        self.spoiled |= record is not None and math.isnan(latency)
        return Sample(len(self._seen), **record) if record else None

    def problem(self) -> str:
        return "the sampler is dead" if self._place.weather.strikes("gate-error", 0.3) else ""


class Judged:
    """The real synthetic gate, watched: what is no number must never count as good."""

    def __init__(self, place: Place, gate: GateDriver, manifest: Manifest) -> None:
        self._place, self._samples = place, Samples(place)
        context: Any = GateContext(
            manifest.name,
            gate.name,
            dict,
            lambda _: None,
            lambda _: True,
            lambda _: self._samples,  # type: ignore[arg-type,return-value]
        )
        self._gate = SyntheticGate(context, settings(gate))

    def run(self, window: Window) -> GateReading:
        found = self._gate.run(window)
        if found.outcome is Outcome.SUCCESSFUL and self._samples.spoiled:
            self._place.laws.breach("law 3: a measure that is no number counts as good")
        if found.outcome is Outcome.SUCCESSFUL:
            self._place.good.append(found)
        return found

    def close(self) -> None:
        pass


def settings(gate: GateDriver) -> Settings:
    found: Settings = gate.settings
    return found


class Late:
    """A pool of one: everything is done at once, but for answers that come later."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def submit(self, run: Callable[[Window], GateReading], window: Window) -> Future[GateReading]:
        answer: Future[GateReading] = Future()
        if self._place.weather.strikes("gate-late"):
            delay = self._place.weather.draw("gate-late").uniform(0.1, 10.0)
            self._place.timeline.after(delay, lambda: _run(answer, run, window))
        else:
            _run(answer, run, window)
        return answer

    def shutdown(self, **_: object) -> None:
        pass


def _run(answer: Future[GateReading], run: Callable[[Window], GateReading], window: Window) -> None:
    try:
        answer.set_result(run(window))
    except Exception as error:  # as a thread pool does
        answer.set_exception(error)


def open_rounds(place: Place, manifest: Manifest, clock: Any) -> Rounds:
    """The real rounds, asked in no thread."""
    gates: dict[str, Gate] = {}
    for gate in manifest.gates:
        gates[gate.name] = Judged(place, gate, manifest) if gate.kind == "synthetic" else Alive(place, gate.name)
    rounds = Rounds(gates, clock)
    rounds._pool = Late(place)  # type: ignore[assignment]
    return rounds
