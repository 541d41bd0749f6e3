"""Whatever is committed or written: something usable, or problems with places. Never another exception."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.configuration import parse as parse_operator
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.desired.repository import _listing
from reconciler.errors import InvalidConfiguration

SAMPLE = (Path(__file__).resolve().parents[2] / "environments" / "sample.yaml").read_bytes()
OPERATOR = b"""
[repository]
path = "x"
[apps.a]
command = ["{python}"]
ports = {blue = 1, green = 2}
[security]
listen = ["a"]
"""
MANY = settings(max_examples=300)

TOKENS = r"no|1.10|&a |*a|<<: |!!str |- |{|}|[|]|: |? |\n|  |\t|\r|---\n|...\n|>-\n|'|\"|\\|#|%YAML 1.1\n|\xff|\x00"
WORDS = "setWeight handOver kind null -1 true é😀 \u2028 \ufeff | 0x1F 012 ~ 1e400 2024-01-01 journey"
escaped = [one.encode("latin-1").decode("unicode_escape").encode("latin-1") for one in TOKENS.split("|")]
tokens = st.sampled_from([*escaped, *(one.encode() for one in WORDS.split(" ")), b"9" * 400])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = """spec slots blue green version config members name traffic host kind gates shift strategy steps setWeight pause
duration handOver analysis gateway listen match prefix journey path p95 errors metadata activeSlot app sessions mode"""
known = st.sampled_from(KEYS.split())
values = st.recursive(
    scalars | st.sampled_from(["envoy", "process", "http", "synthetic", "blue", "weighted", "exclusive", "5s", "api"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(known | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)


def usable_or_problems(data: bytes) -> None:
    found = read(data, "environments/x.yaml")
    if isinstance(found, Manifest):
        assert found.spec.target.version
        return
    assert isinstance(found, Invalid)
    assert found.problems
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n")
    breaks = sum(lines.count(one) for one in "\n\r\x85\u2028\u2029")
    for problem in found.problems:
        assert 0 <= problem.line <= breaks + 2
        assert len(problem.message) < 1000
        assert problem.message.isprintable()


@MANY
@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_problems(data: bytes) -> None:
    usable_or_problems(data)


@MANY
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.integers(0, 12), tokens | st.binary(max_size=4)), max_size=4))
def test_a_damaged_manifest_is_a_manifest_or_problems(cuts: list[tuple[int, int, bytes]]) -> None:
    data = SAMPLE
    for start, length, put in cuts:
        data = data[:start] + put + data[start + length :]
    usable_or_problems(data)


@MANY
@given(st.lists(tokens, max_size=60))
def test_any_heap_of_yaml_is_a_manifest_or_problems(parts: list[bytes]) -> None:
    usable_or_problems(b"".join(parts))


@pytest.fixture(scope="module")
def sample_data() -> dict[str, object]:
    import yaml

    data: dict[str, object] = yaml.safe_load(SAMPLE)
    return data


@MANY
@given(st.data())
def test_any_value_in_any_place_is_a_manifest_or_problems(sample_data: dict[str, object], data: st.DataObject) -> None:
    whole = json.loads(json.dumps(sample_data))
    where = whole
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.booleans()):
            break
        where = where[key]
    where[key] = data.draw(values)
    usable_or_problems(json.dumps(whole, allow_nan=True, ensure_ascii=False).encode("utf-8", "replace"))


@MANY
@given(st.lists(st.tuples(st.integers(0, len(OPERATOR)), st.integers(0, 9), st.text(max_size=6)), max_size=3))
def test_a_damaged_operators_file_is_usable_or_invalid(cuts: list[tuple[int, int, str]]) -> None:
    text = OPERATOR.decode()
    for start, length, put in cuts:
        text = text[:start] + put + text[start + length :]
    with contextlib.suppress(InvalidConfiguration):
        parse_operator(text, Path("reconciler.toml"))


@MANY
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"100644", b"120000", b"40000", b"160000", b"777", b"100600"]), st.binary(max_size=9)
        ),
        max_size=5,
    )
)
def test_any_names_in_a_tree_are_listed(entries: list[tuple[bytes, bytes]]) -> None:
    raw = b"".join(mode + b" " + name.replace(b"\0", b"") + b".yaml\0" + b"x" * 20 for mode, name in entries)
    with contextlib.suppress(ValueError, IndexError):
        for path in _listing(raw).blobs:
            assert path.startswith("environments/")
            assert path.isprintable()
