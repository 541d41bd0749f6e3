"""The same cause is one line however its numbers vary, and two causes are two."""

from __future__ import annotations

import random
import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.events import (
    Applied,
    DriftFound,
    HealthNoted,
    HoldBegan,
    Judged,
    PausedByRule,
    Phase,
    RequestRefused,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    Verb,
)
from reconciler.core.gates import EARLY
from reconciler.core.model import Admission, Outcome, Pair, Stage
from reconciler.core.steps import Result
from reconciler.journal.entry import Entry
from reconciler.logs.causes import LONGEST, VARIES, Cause, alarming, causes, pattern
from reconciler.logs.standing import warnings_of

HEX = "0123456789abcdef"
numbers = st.one_of(
    st.integers(0, 10**9).map(str),
    st.integers(0, 10**6).map(lambda n: f"{n:,}"),
    st.floats(0, 1000).map(lambda x: f"{x:.2f}"),
    st.sampled_from(["1m35s", "9.5s", "250ms", "1h2m3s", "24h", "0s"]),
)
ids = st.text(HEX, min_size=7, max_size=64).filter(
    lambda t: re.search("[a-f]", t) and re.search("[0-9]", t)
) | st.uuids().map(str)
hosts = st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,8}){0,3}", fullmatch=True)
ports = st.integers(10, 65535)
addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.tuples(st.ip_addresses(v=4), ports).map(lambda found: f"{found[0]}:{found[1]}"),
    st.tuples(hosts, ports).map(lambda found: f"{found[0]}:{found[1]}"),
    st.tuples(st.ip_addresses(v=6), ports).map(lambda found: f"[{found[0]}]:{found[1]}"),
    st.tuples(
        st.sampled_from(["http", "https", "tcp", "postgresql"]),
        hosts,
        st.from_regex(r"(/[a-z0-9]{0,5}){0,3}", fullmatch=True),
    ).map(lambda found: f"{found[0]}://{found[1]}{found[2]}"),
)
quoted = (
    st.text(string.printable, max_size=20).map(lambda text: re.sub(r"['\s]", "", text)).map(lambda text: f"'{text}'")
)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
paths = st.from_regex(r"(/[a-z0-9_.-]{1,8}){1,4}", fullmatch=True).filter(lambda text: not text.endswith("."))
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(-[a-z0-9]{1,5})?", fullmatch=True).map(
    lambda text: f"green@{text}"
)
KINDS = {
    "n": numbers, "id": ids, "address": addresses, "name": quoted, "time": times, "path": paths, "version": versions,
}  # fmt: skip
WORDS = ("no answer from", "cannot read", "failed", "waits for", "because of", "limit", "stable", "gate is above")


def test_every_kind_of_what_varies_is_tried() -> None:
    assert set(KINDS) == set(VARIES) - {"kept"}


@given(st.data())
def test_the_same_sentence_with_other_values_is_the_same_cause(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    words = [data.draw(st.sampled_from(WORDS)) for _ in kinds]
    first, second = (
        " ".join(f"{word} {data.draw(KINDS[kind])}" for word, kind in zip(words, kinds, strict=True)) for _ in range(2)
    )
    assert pattern(first) == pattern(second)
    assert all(word in pattern(first) for word in words)


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
)
def test_other_words_are_another_cause(one: list[str], other: list[str]) -> None:
    patterns = [pattern(" 17 ".join(words)) for words in (one, other)]
    assert (patterns[0] == patterns[1]) is (one == other)


@given(st.text() | st.text("aP<n>'\"`/:.@[]-15 \\…", max_size=300) | st.lists(st.one_of(*KINDS.values())).map("".join))
def test_a_pattern_is_its_own_pattern_short_and_without_numbers(text: str) -> None:
    found = pattern(text)
    assert pattern(found) == found
    assert len(found) <= LONGEST
    assert "\n" not in found
    assert not any(one.isdecimal() for one in re.sub(r"\bP[0-9]{2}\b", "", found))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("GateFailed: P95 412 ms above 300 ms", "GateFailed: P95 <n> ms above <n> ms"),
        ("GatewayUnreachable: http://127.0.0.1:9901/stats: no connection ([Errno 111] Connection refused)",
         "GatewayUnreachable: <address>: no connection ([Errno <n>] Connection refused)"),
        ("green@1.4.2 failed 14 of 1,020 requests (1.37 %), blue 3 of 9,310",
         "green@<version> failed <n> of <n> requests (<n> %), blue <n> of <n>"),
        ("app 'web' has not ended within 10s", "app <name> has not ended within <n>"),
        ("/srv/x/state/journal.db: disk I/O error", "<path>: disk I/O error"),
        ("alerts.ops: the other side answered with status 500; given up after a day",
         "alerts.ops: the other side answered with status <n>; given up after a day"),
        ("desired state 0a1b2c3d4e5f of deadbeef1234 is in force", "desired state <id> of <id> is in force"),
        ("frozen: it opens at 2026-12-01T08:00+09:00, in 1h2m3s", "frozen: it opens at <time>, in <n>"),
        ("first\nsecond 2", "first"),
    ],
)  # fmt: skip
def test_what_is_really_said(said: str, found: str) -> None:
    assert pattern(said) == found


def said(at: int, message: str, **more: Any) -> dict[str, Any]:
    line = {"at": f"2026-01-01T10:00:{at:02d}.000+00:00", "level": "warning", "logger": "reconciler.loop"}
    return {**line, "message": message, **more}


def test_causes_are_counted_with_their_first_last_and_an_example_whatever_the_order() -> None:
    lines = [
        said(5, "P95 410 ms above 300 ms", environment="production"),
        said(1, "P95 400 ms above 300 ms", environment="test"),
        said(9, "P95 499 ms above 300 ms", environment="production"),
        said(2, "P99 400 ms above 300 ms"),
        said(3, "P95 400 ms above 300 ms", level="error"),
        said(4, "P95 400 ms above 300 ms", reason="GateFailed"),
        said(6, "P95 400 ms above 300 ms", level="info"),
        {"message": "no line of ours"},
    ]
    random.Random(1).shuffle(lines)
    first, *others = causes(lines)
    at = "2026-01-01T10:00:0{}.000+00:00".format
    assert first == Cause(
        "warning", "reconciler.loop", "", "P95 <n> ms above <n> ms", 3, at(1), at(9), "P95 499 ms above 300 ms",
        {"production", "test"},
    )  # fmt: skip
    assert [(one.level, one.reason, one.count) for one in others] == [
        ("warning", "", 1), ("error", "", 1), ("warning", "GateFailed", 1),
    ]  # fmt: skip


def test_only_what_came_since_counts() -> None:
    lines = [said(number, f"failed {number} times") for number in range(10)]
    (found,) = causes(lines, since=lines[7]["at"])
    assert (found.count, found.first) == (3, lines[7]["at"])


WEIGHTS, OPEN = Pair(100, 0), Pair(Admission.OPEN, Admission.OPEN)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Judged(Outcome.FAILED), True),
        (Judged(Outcome.ERROR), True),
        (Judged(Outcome.INCONCLUSIVE), True),
        (Judged(Outcome.SUCCESSFUL), False),
        (Judged(Outcome.RUNNING), False),
        (HealthNoted(False), True),
        (HealthNoted(True), False),
        (Applied(Result.DONE), False),
        (Applied(Result.UNKNOWN), True),
        (PausedByRule("x"), True),
        (HoldBegan("x"), True),
        (RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "x", True), True),
        (RollbackBegan(Phase.ROLLED_BACK, "Drill", "x", False), False),
        (RequestRefused(Verb.ABORT, "x"), True),
        (DriftFound(WEIGHTS, WEIGHTS, OPEN), True),
        (SoakBegan(), False),
    ],
)
def test_an_entry_of_the_journal_is_a_warning_or_is_not(event: Any, expected: bool) -> None:
    assert alarming(event) is expected


def judged(*told: tuple[float, Outcome | StagePassed]) -> list[str]:
    """What is a warning of verdicts at these seconds of a minute, and of other entries."""
    events = [(at, said if isinstance(said, StagePassed) else Judged(said)) for at, said in told]
    entries = [
        Entry(number, "prod", 1, "loop", f"2026-11-29T10:00:{at:06.3f}+00:00", 0.0, 1, event, "", "")
        for number, (at, event) in enumerate(events, 1)
    ]
    return [str(line["seq"]) for line in warnings_of(entries)]


def test_too_little_data_is_a_warning_only_where_it_lasted() -> None:
    """Every window begins without any."""
    begins, good, bad = Outcome.INCONCLUSIVE, Outcome.SUCCESSFUL, Outcome.FAILED
    assert judged((1.0, begins), (1.0 + EARLY - 0.1, good)) == []
    assert judged((1.0, begins), (1.0 + EARLY, good)) == ["1"]
    assert judged((1.0, begins), (3.0, bad)) == ["2"]
    assert judged((1.0, begins)) == ["1"], "nothing has come after it"
    passed = StagePassed(Stage.HAND_OVER, "drained Successful")
    assert judged((1.0, begins), (1.4, passed), (40.0, good)) == [], "good so soon that it was not noted"
    assert judged((1.0, begins), (1.0 + EARLY, passed)) == ["1"]
