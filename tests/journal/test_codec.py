"""Events survive the journal exactly, whatever they hold."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.events import Accepted, Applied, Began, Event, Intended, Watched
from reconciler.core.model import Pair, Release, Routing, Slot, StrategyStep
from reconciler.core.steps import Act, CloseGateway, Result, Route
from reconciler.errors import JournalError
from reconciler.journal.codec import dump, kinds, load
from reconciler.journal.entry import seal

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(Pair, lambda hint: st.builds(Pair, *[st.from_type(get_args(hint)[0])] * 2))


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind))
    again = load(*dump(event))
    assert again == event
    assert type(again) is kind
    assert dump(again) == dump(event)
    hash(again)


@pytest.mark.parametrize("kind", get_args(Act), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_act_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    event = Intended(data.draw(st.from_type(kind)), "rule")
    again = load(*dump(event))
    assert again == event
    assert type(again.act) is kind


@pytest.mark.parametrize("kind", get_args(StrategyStep), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_strategy_step_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    release = Release(Slot.BLUE, "1")
    event = Began("t", release, release, "d", "r", (data.draw(st.from_type(kind)),))
    again = load(*dump(event))
    assert again == event
    assert type(again.steps[0]) is kind


def test_acts_with_the_same_fields_are_told_apart() -> None:
    kind, data = dump(Intended(CloseGateway(), "rule"))
    assert load(kind, data).act == CloseGateway()
    assert json.loads(data)["act"] == {"kind": "CloseGateway"}


def test_data_are_canonical() -> None:
    _, data = dump(Intended(Route(None, Routing(Pair(90, 10)), advance=True), "raise", revision="é"))
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"))
    assert data.isascii()


@pytest.mark.parametrize(
    ("kind", "data", "names"),
    [
        ("Teleported", "{}", "Teleported"),
        ("Applied", '{"result":"perhaps"}', "perhaps"),
        ("Applied", "{}", "Applied"),
        ("Applied", '{"result":"done","colour":"red"}', "colour"),
        ("Applied", '{"result":"done","reason":7}', "7"),
        ("Applied", "{", "Applied"),
        ("Applied", "[]", "Applied"),
        ("Intended", '{"act":{"kind":"Vanish"},"rule":"r"}', "Vanish"),
        ("Intended", '{"act":{"kind":"Release","slot":"blue","version":"1"},"rule":"r"}', "Release"),
        ("Accepted", '{"digest":"d","pins":{"blue":1,"green":null,"kind":"Pair"},"revision":"r"}', "1"),
        ("SoakBegan", '{"kind":"Watched"}', "SoakBegan"),
    ],
)
def test_what_is_not_an_event_is_refused_by_name(kind: str, data: str, names: str) -> None:
    if kind == "SoakBegan":  # the tag of a row is its column; one smuggled into the data changes nothing
        assert type(load(kind, data)) is kinds()[kind]
        return
    with pytest.raises(JournalError, match=names):
        load(kind, data)


def test_a_field_that_was_added_later_takes_its_default() -> None:
    assert load("Applied", '{"result":"done"}') == Applied(Result.DONE, "")
    pins = '{"blue":"1","green":null,"kind":"Pair"}'
    assert load("Accepted", f'{{"digest":"d","pins":{pins},"revision":"r"}}') == Accepted("d", "r", Pair("1", None))


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.text())
def test_the_digest_covers_every_column(elapsed: float, actor: str, environment: str) -> None:
    row = seal(1, environment, Watched(), actor=actor, at="now", elapsed=elapsed, generation=0, previous="0" * 64)
    assert row.computed() == row.digest
    assert row._replace(actor=actor + "x").computed() != row.digest
    assert row._replace(elapsed=elapsed / 2 + 1.5).computed() != row.digest or elapsed == 3.0
