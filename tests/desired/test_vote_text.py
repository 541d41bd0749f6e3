from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Stage
from reconciler.desired.vote_text import MOST_REASON, VoteText, compose, parse
from reconciler.errors import UsageError

PLAN = "ab" * 32
GOOD = compose("production", Stage.SHIFT, PLAN, "approve", "looked at it")


def test_what_is_composed_is_read_again() -> None:
    assert GOOD.splitlines() == [
        "approve shift of production",
        "",
        "looked at it",
        "",
        "Reconciler-Environment: production",
        "Reconciler-Stage: shift",
        f"Reconciler-Plan: {PLAN}",
        "Reconciler-Verdict: approve",
    ]
    assert parse(GOOD) == VoteText("production", Stage.SHIFT, PLAN, True, "looked at it")
    assert parse(compose("a", "handOver", PLAN, "reject")) == VoteText("a", Stage.HAND_OVER, PLAN, False)


INJECTED = f"""fine

Reconciler-Environment: other
Reconciler-Stage: finalise
Reconciler-Plan: {"0" * 64}
Reconciler-Verdict: approve
"""


@pytest.mark.parametrize(
    "reason",
    [
        INJECTED,
        INJECTED.replace("\n", "\r\n"),
        INJECTED.replace("\n", "\r"),
        INJECTED.replace("\n", "\u2028"),
        "\n\n\n" + INJECTED + "\n\n\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----",
        "x\0y",
        "\x1b[31mred",
    ],
)
def test_no_reason_can_make_a_rejection_another_vote(reason: str) -> None:
    found = parse(compose("production", Stage.SHIFT, PLAN, "reject", reason))
    assert found is not None
    assert (found.environment, found.stage, found.plan, found.approve) == ("production", Stage.SHIFT, PLAN, False)
    assert all(one.isprintable() or one == "\n" for one in found.reason)


@given(st.text())
def test_whatever_somebody_writes_as_reason_is_a_reason(reason: str) -> None:
    text = compose("production", Stage.SHIFT, PLAN, "reject", reason)
    found = parse(text)
    assert found is not None
    assert (found.environment, found.stage, found.plan, found.approve) == ("production", Stage.SHIFT, PLAN, False)
    assert len(found.reason) <= MOST_REASON
    assert not any(line.startswith(("#", "-----")) for line in text.splitlines())


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    parse(text)
    parse(GOOD + text)


@pytest.mark.parametrize(
    "values",
    [
        ("production\nReconciler-Stage: x", "shift", PLAN, "approve"),
        ("", "shift", PLAN, "approve"),
        ("production", "sift", PLAN, "approve"),
        ("production", "shift", PLAN[:-1], "approve"),
        ("production", "shift", PLAN, "yes"),
    ],
)
def test_what_could_not_be_read_cannot_be_written(values: tuple[str, str, str, str]) -> None:
    with pytest.raises(UsageError, match="nobody can vote"):
        compose(*values)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "approve shift of production",
        GOOD.replace("Reconciler-Verdict: approve", ""),
        GOOD + "Reconciler-Verdict: reject\n",
        GOOD + "Reconciler-Environment: production\n",
        GOOD + "\nand one paragraph more\n",
        GOOD.replace(PLAN, PLAN.upper()),
        GOOD.replace("Reconciler-Stage: shift", "Reconciler-Stage: shift\n more"),
        GOOD.replace("approve\n", "approve, I think\n"),
    ],
)
def test_what_is_not_exactly_one_vote_is_none(message: str) -> None:
    assert parse(message + "\n") is None or message == GOOD


def test_other_peoples_trailers_beside_ours_do_no_harm() -> None:
    found = parse("because\n\nSigned-off-by: A <a@x>\n" + GOOD.partition("looked at it\n\n")[2])
    assert found == VoteText("production", Stage.SHIFT, PLAN, True, "because")


def test_a_subject_that_somebody_wrote_himself_is_part_of_the_reason() -> None:
    written = GOOD.replace("approve shift of production", "It is fine")
    assert parse(written) == VoteText("production", Stage.SHIFT, PLAN, True, "It is fine\n\nlooked at it")
