"""Cookies as a browser keeps them, and which of them names the session."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.measure.jar import LONGEST, MOST, Jar

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def jar(*lines: str) -> Jar:
    made = Jar()
    for line in lines:
        made.take([line], NOW)
    return made


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (["sid=a; Path=/; HttpOnly"], "sid=a"),
        (["sid=a", "sid=b"], "sid=b"),
        (["sid=a", "theme=dark"], "sid=a; theme=dark"),
        (["sid=a=b=="], "sid=a=b=="),
        (["sid=a", "sid="], None),
        (["sid=a", "sid=b; Max-Age=0"], None),
        (["sid=a", "sid=b; max-age=-1"], None),
        (["sid=a; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], None),
        (["sid=a; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60"], "sid=a"),
        (["sid=a; Expires=Fri, 01 Jan 2100 00:00:00 GMT"], "sid=a"),
        (["sid=a; Expires=some day"], "sid=a"),
        (["=a", "nonsense", ""], None),
        (["sid=a", "sid=" + "x" * LONGEST], "sid=a"),
    ],
)
def test_the_latest_value_of_a_name_is_sent_until_it_is_over(lines: list[str], sent: str | None) -> None:
    assert jar(*lines).header().get("Cookie") == sent


def test_a_server_that_sets_cookies_without_end_fills_no_memory() -> None:
    full = jar("sid=a", *(f"c{number}=x" for number in range(10 * MOST)))
    assert len(full.header()["Cookie"].split("; ")) == MOST
    full.take(["sid=b"], NOW)
    assert full.value("sid") == "b"


@pytest.mark.parametrize(
    ("lines", "wanted", "name", "why"),
    [
        (["basket=a"], "", "basket", ""),
        (["reconciler-demo=blue", "basket=a"], "", "basket", ""),
        (["theme=dark", "SessionId=a"], "", "SessionId", ""),
        (["theme=dark", "connect.sid=a"], "", "connect.sid", ""),
        (["theme=dark", "SessionId=a"], "theme", "theme", ""),
        ([], "", "", "no cookie was set"),
        (["reconciler-demo=blue"], "", "", "no cookie was set"),
        (["theme=dark"], "SessionId", "", "no cookie 'SessionId' was set"),
        (["a=1", "b=2"], "", "", "which of the cookies a, b names the session? Say it by `cookie`"),
        (["sid=1", "session=2"], "", "", "which of the cookies session, sid names the session? Say it by `cookie`"),
    ],
)
def test_the_sessions_cookie_is_the_one_that_is_named_or_cannot_be_mistaken(
    lines: list[str], wanted: str, name: str, why: str
) -> None:
    assert jar(*lines).session(wanted) == (name, why)
