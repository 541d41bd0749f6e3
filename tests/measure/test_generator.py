"""What the load generator writes, as it is read."""

from __future__ import annotations

import pytest

from reconciler.measure.generator import _record


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_measures_nothing(number: str) -> None:
    assert _record(b'{"road": "green", "latency": 0.5}') == {"road": "green", "latency": 0.5}
    assert _record(f'{{"road": "green", "latency": {number}}}'.encode()) is None
