"""The gate `sessions`: the exam, how it judges, and what it says of a real shop. The visitors are examined in
tests/measure/."""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import psutil
import pytest
from gate_exam import LATER, SECRET, WINDOW, GateExam
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.core.model import GateSpec, Mode, Outcome, Slot, Stage
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.gates import sessions
from reconciler.drivers.journey import USE, Journey
from reconciler.drivers.protocols import Gate, GateContext, Road, Sample, Session
from reconciler.measure.samplers import Samplers

GOOD, FAILED, ERROR, UNSURE = (
    {outcome} for outcome in (Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
)
COUNT = 4
SETTINGS = {
    "write": {"method": "POST", "path": "/basket", "body": "{content}"},
    "read": {"path": "/basket"},
    "count": COUNT,
}
AT_0 = replace(WINDOW, rung=0)
USED = Sample(9, "users", USE, 105.0, 0.010, 200, True, "green", session=1)
SILENT = replace(USED, status=None, ok=False, slot="", error="no complete answer within 2 s")
GONE = replace(USED, ok=False, error="what it had stored is gone", lost=True)
KEPT = Session(1, 101.0, True, True, 3, USED, frozenset({"blue", "green"}))
WAITED = replace(KEPT, kept=False, uses=0, last=SILENT)
LATE = replace(KEPT, before=False)
LOST = replace(KEPT, kept=False, last=GONE, lost=GONE, lost_at=10)
BY_STABLE = replace(LOST, slots=frozenset({"blue"}), lost=replace(GONE, slot="blue"))
EARLY = replace(BY_STABLE, lost_at=0)
EXCUSED = replace(LOST, excused=True)
OPENING = Session(1, uses=1, last=replace(USED, step="write"))
REFUSED = Session(1, uses=1, last=replace(USED, step="write", status=404, ok=False, error="status 404 instead of 200"))


def some(*kinds: Session) -> list[Session]:
    """Numbered from 1; the rest are kept."""
    whole = [*kinds, *[KEPT] * (COUNT - len(kinds))]
    return [replace(one, number=number) for number, one in enumerate(whole, 1)]


@dataclass
class Told:
    """Sessions as values."""

    found: Sequence[Session] = ()
    trouble: str = ""

    def sessions(self, window: Window) -> Sequence[Session]:
        return self.found

    def problem(self) -> str:
        return self.trouble


def gate(told: Told | None, **said: Any) -> Gate:
    context = GateContext(
        "production",
        "baskets",
        dict,
        lambda _: Road("http://x", {"x-forced-road": SECRET}),
        lambda _: False,
        sessions=None if told is None else lambda _: told,
    )
    return sessions.open(context, sessions.Settings.model_validate({**SETTINGS, **said}))


def judged(found: Sequence[Session], window: Window = WINDOW, trouble: str = "", **said: Any) -> GateReading:
    return gate(Told(found, trouble), **said).run(window)


SITUATIONS: dict[str, tuple[Told | None, set[Outcome]]] = {
    "good": (Told(some()), GOOD),
    "no sampler": (None, ERROR),
    "a dead sampler": (Told(some(), "it died"), ERROR),
    "no sessions": (Told(), UNSURE),
    "one is missing": (Told(some()[1:]), UNSURE),
    "one was opened too late": (Told(some(LATE)), UNSURE),
    "one got no answer": (Told(some(WAITED)), UNSURE),
    "one is lost": (Told(some(LOST)), FAILED),
    "one is lost, then a dead sampler": (Told(some(LOST), "it died"), FAILED),
    "one is lost among nothing else": (Told([LOST]), FAILED),
    "stable found that one is lost": (Told(some(replace(LOST, lost=replace(GONE, slot="blue")))), FAILED),
    "an app without a name lost one": (Told(some(replace(LOST, slots=frozenset({""})))), FAILED),
    "stable lost one by itself": (Told(some(BY_STABLE)), UNSURE),
    "one is lost while stable failed": (Told(some(EXCUSED)), UNSURE),
}


class TestSessions(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in SITUATIONS.items()}

    @pytest.fixture
    def gate(self, case: str) -> Gate:
        return gate(SITUATIONS[case][0])


@pytest.mark.parametrize(
    ("found", "outcome", "says"),
    [
        (some(), GOOD, "4 of 4 sessions kept their id and content"),
        ([], UNSURE, "0 of 4 sessions are open"),
        (some(OPENING, OPENING), UNSURE, "2 of 4 sessions are open"),
        (some(REFUSED), ERROR, "session 1 of 4 cannot be opened: 'write' by green: status 404 instead of 200"),
        (some(EARLY), ERROR, "session 1 of 4 was lost, by blue at 0 %.*the newcomer has no users yet"),
        (some(LOST), ERROR, "session 1 of 4 was lost, by green at 10 %.*the newcomer has no users yet"),
        (some(WAITED), UNSURE, "3 of 4 sessions were found whole at this weight so far; most often: no complete"),
    ],
)
def test_before_the_newcomer_has_users_all_must_be_open(found: list[Session], outcome: set[Outcome], says: str) -> None:
    reading = judged(found, AT_0)
    assert reading.outcome in outcome
    assert re.match(says, reading.reason), reading.reason


@given(st.lists(st.sampled_from([KEPT, LOST, WAITED, LATE, BY_STABLE, EXCUSED]), max_size=COUNT), st.integers(1, 100))
def test_the_account_balances_and_unknown_is_never_kept(kinds: list[Session], least: int) -> None:
    found = [replace(one, number=number) for number, one in enumerate(kinds, 1)]
    reading = judged(found, retention=f">= {least} %")
    all_, kept, lost, unknown = (int(number) for number in re.findall(r"[0-9]+", reading.value.partition(":")[2]))
    assert (kept, all_) == (kinds.count(KEPT), COUNT)
    assert all_ == kept + lost + unknown
    assert (reading.outcome is Outcome.SUCCESSFUL) is (100 * kept / COUNT >= least)
    assert (reading.outcome is Outcome.FAILED) is (100 * (COUNT - kinds.count(LOST)) / COUNT < least)


def test_the_first_that_were_lost_are_named_and_the_value_is_the_retention() -> None:
    lost = [replace(LOST, lost=replace(GONE, start=105.0 - number)) for number in range(4)]
    found = judged(some(*lost), retention="> 50 %")
    assert found.value == "0 %: 4 sessions = 0 kept + 4 lost + 0 unknown"
    assert found.limit == "> 50 %"
    assert found.samples == 12
    assert found.reason == (
        "sessions 4, 3, 2 and 1 more of 4 were lost, the first by green at 10 %, 1.0 s after it was opened: "
        "what it had stored is gone"
    )


def test_one_that_was_lost_is_named() -> None:
    assert judged(some(KEPT, LOST)).reason.startswith("session 2 of 4 was lost, by green at 10 %, 4.0 s after")
    assert judged(some(LOST, KEPT, LOST)).reason.startswith("sessions 1 and 3 of 4 were lost, the first by green")


def test_a_limit_below_all_tolerates_as_many_and_no_more() -> None:
    assert judged(some(LOST), retention=">= 75 %").outcome is Outcome.SUCCESSFUL
    assert judged(some(WAITED), retention=">= 75 %").outcome is Outcome.SUCCESSFUL
    assert judged(some(replace(EARLY, before=False)), AT_0, retention=">= 75 %").outcome is Outcome.SUCCESSFUL
    assert judged(some(LOST, WAITED), retention=">= 75 %").outcome is Outcome.INCONCLUSIVE
    assert judged(some(LOST, LOST), retention=">= 75 %").outcome is Outcome.FAILED
    assert judged(some(OPENING), AT_0, retention=">= 75 %").outcome is Outcome.INCONCLUSIVE, "all are opened first"


def test_it_says_what_it_cannot_know() -> None:
    reason = judged([]).reason
    assert reason.startswith("4 of 4 sessions were not open before the newcomer had weight, as far as this process")


def test_a_process_that_comes_in_mid_transition_opens_none() -> None:
    settings = sessions.Settings.model_validate(SETTINGS)
    assert sessions.plan(settings, {"users": Road("http://users")}, WINDOW) is None


def test_the_plan_takes_the_users_road_alone_and_another_transition_means_other_sessions() -> None:
    roads = {name: Road(f"http://{name}", {"x": SECRET}) for name in ("blue", "green")} | {"users": Road("http://u")}
    opens = {"path": "/login", "method": "POST", "body": "name=probe", "expectStatus": 302}
    said = {**SETTINGS, "open": opens, "rate": "8/s", "timeout": "3s", "cookie": "SessionId"}
    settings = sessions.Settings.model_validate(said)
    plan = sessions.plan(settings, roads, AT_0)
    assert plan
    assert dict(plan.roads) == {"users": roads["users"]}
    assert (plan.rate, plan.timeout) == (8.0, 3.0)
    assert plan.visits
    assert (plan.visits.count, plan.visits.cookie) == (COUNT, "SessionId")
    assert [(step.name, step.method, step.path, step.expect_status) for step in plan.steps] == [
        ("open", "POST", "/login", 302),
        ("write", "POST", "/basket", 200),
        (USE, "GET", "/basket", 200),
    ]
    assert Journey.read(plan.line()) == plan
    assert sessions.plan(settings, roads, replace(AT_0, transition="t2")) != plan


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"retention": ">= 20"}, "retention"),
        ({"retention": ">= 1s"}, "retention"),
        ({"retention": "<= 100 %"}, "retention"),
        ({"retention": ">= 101 %"}, "at most 100 %"),
        ({"retention": "> 100 %"}, "'> 100 %' never holds"),
        ({"retention": ">= 0 %"}, "'>= 0 %' always holds"),
        ({"write": {"path": "/basket", "body": "x"}}, "expected '{content}' in the path or the body of 'write'"),
        ({"read": {"path": "/basket/{content}"}}, "only 'write' knows '{content}'"),
        ({"open": {"path": "/login/{content}"}}, "only 'write' knows '{content}'"),
        ({"read": {"path": "http://elsewhere.example/"}}, "path"),
        ({"read": {"path": "/a b"}}, "path"),
        ({"read": {"path": "/", "method": "DELETE"}}, "method"),
        ({"write": {"path": "/{content}", "contentType": "text/plain\r\nX-Smuggled: 1"}}, "contentType"),
        ({"cookie": "a; b"}, "cookie"),
        ({"count": 0}, "count"),
        ({"count": 501}, "count"),
        ({"rate": 0}, "rate"),
        ({"url": "http://elsewhere.example/"}, "url"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(why)):
        sessions.Settings.model_validate({**SETTINGS, **said})


# ---- by a real sampler, on a real shop -------------------------------------------------------------------------------

PATIENCE = 30.0
FAST = {**SETTINGS, "rate": 50, "timeout": "10s"}


class Shop:
    """Two slots in one: `slot` is the one that answers, and what it `forgets` is not known to it."""

    def __init__(self) -> None:
        self.baskets: dict[str, bytes] = {}
        self.slot, self.forgets, self.asked = "blue", False, 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.asked += 1
                self.answer(b"")

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, body: bytes) -> None:
                sid = (self.headers.get("Cookie") or "").partition("SessionId=")[2]
                known = sid in shop.baskets and not shop.forgets
                sid = sid if known else secrets.token_hex(16)
                shop.baskets[sid] = body or (shop.baskets[sid] if known else b"nothing")
                self.send_response(200)
                self.send_header("X-Slot", shop.slot)
                self.send_header("Content-Length", str(len(shop.baskets[sid])))
                if not known:
                    self.send_header("Set-Cookie", f"SessionId={sid}; Path=/; HttpOnly")
                self.end_headers()
                self.wfile.write(shop.baskets[sid])

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.alarms = threading.Event()
        self.samplers = Samplers([self.spec], self.roads, alarm=self.alarms.set)

    settings = sessions.Settings.model_validate(FAST)
    spec = GateSpec("baskets", "sessions", Stage.PREFLIGHT, Mode.ENFORCE, settings.model_dump_json(by_alias=True))

    def roads(self) -> dict[str, Road]:
        return {"users": Road(f"http://127.0.0.1:{self.server.server_port}")}

    def gate(self) -> Gate:
        context = GateContext("e", "baskets", self.roads, lambda _: Road(""), bool, sessions=self.samplers.of)
        return sessions.open(context, self.settings)

    def busy(self, requests: int) -> None:
        """For so many more of them nobody asks the gate; fails when they do not come."""
        wanted, pause = self.asked + requests, threading.Event()
        for _ in range(int(PATIENCE / 0.02)):
            if self.asked >= wanted:
                return
            pause.wait(0.02)
        pytest.fail(f"nothing is sent any more, {wanted - self.asked} are missing")

    def generator(self) -> psutil.Process:
        generator = self.samplers.of("baskets").sampler._generator
        assert generator
        return psutil.Process(generator.pid)

    def close(self) -> None:
        self.samplers.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


def until(gate: Gate, window: Window, right: Callable[[GateReading], bool]) -> GateReading:
    """The first answer that is right; fails when none is."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if right(found := gate.run(window)):
            return found
        pause.wait(0.02)
    pytest.fail(f"it never came: {found}")


def well(found: GateReading) -> bool:
    return found.outcome is Outcome.SUCCESSFUL


def test_sessions_that_both_slots_know_survive_the_switch(shop: Shop) -> None:
    gate = shop.gate()
    assert gate.run(AT_0).outcome is Outcome.INCONCLUSIVE
    assert until(gate, AT_0, well).value == "100 %: 4 sessions = 4 kept + 0 lost + 0 unknown"
    known = set(shop.baskets)
    assert gate.run(WINDOW).outcome is Outcome.INCONCLUSIVE, "what was seen before does not speak for this weight"
    shop.slot = "green"
    until(gate, WINDOW, well)
    found = until(gate, LATER, lambda found: "4 of them in green too" in found.reason)
    assert found.outcome is Outcome.SUCCESSFUL
    assert set(shop.baskets) == known, "no other session was opened"


def test_a_slot_that_forgets_is_found_and_nobody_says_whose_sessions_they_were(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = shop.gate()
    until(gate, AT_0, well)
    shop.slot, shop.forgets = "green", True
    found = until(gate, WINDOW, lambda found: "4 lost" in found.value)
    assert found.outcome is Outcome.FAILED
    assert re.match("sessions [1-4], [1-4], [1-4] and 1 more of 4 were lost, the first by green at 10 %", found.reason)
    assert found.reason.endswith("it was given another session's id, or none")
    assert shop.alarms.is_set()
    told = repr(shop.samplers.of("baskets").sessions(WINDOW)) + repr(found) + caplog.text
    for sid, content in shop.baskets.items():
        assert sid not in told
        assert content.decode() not in told or content == b"nothing"


def test_sessions_end_with_who_holds_them_and_then_nothing_is_proved(shop: Shop) -> None:
    gate = shop.gate()
    until(gate, AT_0, well)
    until(gate, WINDOW, well)
    shop.generator().kill()
    until(gate, WINDOW, lambda found: found.outcome is Outcome.ERROR)
    found = until(gate, WINDOW, lambda found: found.outcome is Outcome.INCONCLUSIVE and found.samples > COUNT * 4)
    assert "4 of 4 sessions were not open before the newcomer had weight" in found.reason


def test_a_policy_commit_that_does_not_touch_the_gate_leaves_its_sessions_alone(shop: Shop) -> None:
    until(shop.gate(), AT_0, well)
    before, changed = shop.samplers, replace(shop.spec, interval=9.0)
    assert before.untouched([changed]) == {}
    shop.samplers = Samplers([shop.spec], shop.roads, earlier=before.untouched([shop.spec]))
    before.close()
    assert until(shop.gate(), WINDOW, well)
    assert len(shop.baskets) == COUNT


def test_sessions_live_through_a_step_of_ours_in_which_nobody_asks_about_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a Windows service that is started cold at 100 %, for three quarters of a minute."""
    monkeypatch.setattr("reconciler.measure.samplers.IDLE", 0.0)
    shop.samplers = Samplers([shop.spec], shop.roads)
    shop.samplers.keep(under_way=True)
    gate = shop.gate()
    until(gate, AT_0, well)
    until(gate, WINDOW, well)
    shop.slot = "green"
    shop.busy(5 * COUNT)
    until(gate, LATER, well)
    assert len(shop.baskets) == COUNT, "none was opened anew"


def test_a_gate_that_is_opened_in_mid_transition_sends_nothing_and_is_not_sure(shop: Shop) -> None:
    gate = shop.gate()
    for _ in range(3):
        assert gate.run(WINDOW).outcome is Outcome.INCONCLUSIVE
    assert shop.samplers.of("baskets").sampler._generator is None
    assert shop.baskets == {}


def test_another_transition_opens_others_and_so_does_stables_return_before_anybody_moved(shop: Shop) -> None:
    gate = shop.gate()
    until(gate, AT_0, well)
    first = set(shop.baskets)
    until(gate, replace(AT_0, fair=5.0), well)
    second = set(shop.baskets) - first
    until(gate, replace(AT_0, transition="t2", newcomer=replace(AT_0.newcomer, slot=Slot.GREEN)), well)
    third = set(shop.baskets) - first - second
    assert [len(first), len(second), len(third)] == [COUNT] * 3


def test_a_shop_without_sessions_is_an_error_and_no_verdict(shop: Shop) -> None:
    shop.forgets = True
    found = until(shop.gate(), AT_0, lambda found: found.outcome is Outcome.ERROR)
    assert "cannot be opened" in found.reason
