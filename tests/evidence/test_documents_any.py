"""Whatever a journal and the streams may hold, the documents are written: none of them raises."""

from __future__ import annotations

import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from evidence_pack import GATES, Run
from hypothesis import given, settings
from hypothesis import strategies as st
from report_read import harmless, read

from reconciler.core.events import Began, Event
from reconciler.core.model import Admission, Analysis, HandOver, Pair, Pause, SetWeight
from reconciler.errors import EvidenceBroken
from reconciler.evidence.documents.derive import derive
from reconciler.evidence.documents.picture.dashboard import draw
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.requests import Outcome

TEXT = st.text(max_size=20) | st.sampled_from(["]]>", "<b>", "{x}", "$^$", "%s", "\x00", "\u202e", "&#0;", "버전"])
SECONDS = st.floats(-10, 200, allow_nan=False)
EVENTS = [kind for kind in get_args(Event) if kind is not Began]
CALM = settings(max_examples=60)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(-1e6, 1e9, allow_nan=False),
    int: st.integers(0, 10**9),
    str: TEXT,
    Pair[int]: st.integers(0, 100).map(lambda weight: Pair(weight, 100 - weight)),
    Pair[str | None]: st.builds(Pair, TEXT | st.none(), TEXT | st.none()),
    Pair[Admission]: st.builds(Pair, st.sampled_from(Admission), st.sampled_from(Admission)),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Of a dataclass of the core, and of what its fields hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    options = get_args(hint)
    if get_origin(hint) is Pair:
        return st.builds(Pair, of(options[0]), of(options[0]))
    if get_origin(hint) is tuple:
        return st.lists(of(options[0]), max_size=3).map(tuple)
    if options:
        return st.one_of([st.none() if one is type(None) else of(one) for one in options])
    if not is_dataclass(hint):
        return st.from_type(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{field.name: of(hints[field.name]) for field in fields(hint)})


STRATEGY = st.lists(st.one_of(map(of, (SetWeight, Pause, Analysis, HandOver))), max_size=4)
REQUEST = st.fixed_dictionaries(
    {
        "gate": TEXT,
        "run": st.sampled_from(["1", "2"]),
        "n": st.integers(0, 50),
        "road": st.sampled_from(["users", "green", "<i>"]),
        "at": SECONDS,
        "latency": st.floats(0, 50),
        "outcome": st.sampled_from(Outcome).map(str),
    },
    optional={"step": TEXT, "error": TEXT, "status": st.integers(0, 999), "slot": TEXT, "session": st.integers(1, 5)},
)
ANSWER = st.tuples(
    st.sampled_from([*(str(gate["name"]) for gate in GATES), "<other>"]),
    SECONDS,
    st.sampled_from(["Successful", "Failed", "Inconclusive", "Error", "Running", "Pending"]),
    st.sampled_from(["45 s", "1e309", "100 %: 2 sessions = 1 kept + 0 lost + 1 unknown", "0"]) | TEXT,
    st.sampled_from(["<= 60s", "errors <= 0, p95 <= 1s", "p95 <= 0.0.1s"]) | TEXT,
    TEXT,
)
COUNTED = st.none() | st.fixed_dictionaries({name: st.integers(0, 99) for name in ("requests", "errors", "refused")})
LOOK = st.fixed_dictionaries(
    {
        "at": SECONDS,
        "up": st.booleans(),
        "weights": st.none() | st.fixed_dictionaries({"blue": st.integers(0, 100), "green": st.integers(0, 100)}),
        "incarnation": st.sampled_from(["1", "2"]),
        "counters": st.fixed_dictionaries({"blue": COUNTED, "green": COUNTED}),
    }
) | st.fixed_dictionaries({"at": SECONDS, "unread": TEXT})


@st.composite
def runs(draw: st.DrawFn) -> Run:
    run = Run(old=draw(TEXT), new=draw(TEXT), tells=False)
    run.began(draw(STRATEGY), back=draw(TEXT), migrates=draw(st.booleans()))
    for event in draw(st.lists(st.one_of(map(of, EVENTS)), max_size=12)):
        run.note(event, after=draw(st.floats(0, 20)))
    run.requests = [{**one, "at": run.begin + one["at"]} for one in draw(st.lists(REQUEST, max_size=30))]
    run.looks = [{**one, "at": run.begin + one["at"]} for one in draw(st.lists(LOOK, max_size=10))]
    for gate, at, outcome, value, limit, alert in draw(st.lists(ANSWER, max_size=10)):
        run.answer(gate, at, outcome, value, limit, alert=alert, reason=alert)
    if draw(st.booleans()):
        run.planned(seconds=draw(st.none() | SECONDS), rollbackSeconds=draw(st.none() | SECONDS))
    return run


def material(run: Run) -> Material | None:
    """None: it is no evidence, and that was said."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return run.material(Path(folder))
        except EvidenceBroken:
            return None


@CALM
@given(runs())
def test_every_text_is_written_and_the_page_is_well_formed_and_harmless(run: Run) -> None:
    if found := material(run):
        assert {name for name, content in derive(found) if content} >= {"switch.log", "logbook.md", "report.html"}
        for language in ("en", "ko"):
            harmless(read(found, language).root)


@settings(CALM, max_examples=10)
@given(runs())
def test_every_picture_is_drawn(run: Run) -> None:
    if found := material(run):
        assert draw(found).startswith(b"\x89PNG")


@CALM
@given(runs())
def test_nothing_passes_that_was_not_measured(run: Run) -> None:
    """Without a stream no line about users, sessions or the gateway may say `pass`."""
    run.requests, run.looks, run.answers = [], [], []
    if found := material(run):
        lines = read(found).lines
        for name in ("Failed test requests", "Response time, P95", "Downtime", "User sessions kept (retention)"):
            assert lines[name].result in ("not measured", "not asked for", "did not come to that", "fail")


def test_most_of_what_is_invented_here_is_evidence() -> None:
    """Else these tests would test nothing."""
    seen: list[bool] = []

    @settings(CALM, max_examples=40, database=None)
    @given(runs())
    def look(run: Run) -> None:
        seen.append(material(run) is not None)

    look()
    assert sum(seen) > len(seen) / 2


def test_harm_is_seen() -> None:
    from xml.etree import ElementTree

    for page in ("<p><script/></p>", '<p onclick="x"/>', '<a href="x"/>', "<style>url(x)</style>", '<p style="x"/>'):
        with pytest.raises(AssertionError):
            harmless(ElementTree.fromstring(page))
