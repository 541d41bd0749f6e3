"""What a gate has read outlives its driver, and nothing of it outlives its transition."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import Release, Slot
from reconciler.core.reading import Window
from reconciler.measure.notebook import Notebook

WINDOW = Window("t1", Release(Slot.GREEN, "1.4.2"), Release(Slot.BLUE, "1.4.1"), 10, 12.5)


def test_what_was_read_at_one_weight_is_there_at_the_next_also_when_drivers_were_opened_anew() -> None:
    notebook = Notebook()
    notebook.page("events", "{}").write(WINDOW, "three warnings")
    assert notebook.page("events", "{}").read(replace(WINDOW, rung=50, opened=40.0, fair=30.0)) == "three warnings"


def test_another_transition_another_newcomer_other_settings_and_another_gate_begin_with_nothing() -> None:
    notebook = Notebook()
    page = notebook.page("events", "{}")
    page.write(WINDOW, "three warnings")
    assert page.read(replace(WINDOW, transition="t2")) is None
    assert page.read(replace(WINDOW, newcomer=Release(Slot.GREEN, "1.4.3"))) is None
    assert notebook.page("others", "{}").read(WINDOW) is None
    assert notebook.page("events", '{"errors":1}').read(WINDOW) is None
