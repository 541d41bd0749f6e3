"""The cookies of one visitor, and which of them names his session. What they hold is secret; their names are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from reconciler.drivers.roads import STICKY_COOKIE

MOST = 50  # cookies
LONGEST = 4096  # characters of one, as browsers have it
USUAL = {
    "sessionid",
    "session_id",
    "session",
    "sid",
    "connect.sid",
    "jsessionid",
    "phpsessid",
    "asp.net_sessionid",
    ".aspnetcore.session",
}


class Jar:
    """For one address, so domain and path do not count; the latest value of a name is the one that is sent."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def take(self, lines: Iterable[str], now: datetime) -> None:
        """What an answer sets: the values of its `Set-Cookie` lines. One that is over at once is forgotten."""
        for line in lines:
            pair, *rest = line.split(";")
            name, _, value = (part.strip() for part in pair.partition("="))
            if not name or len(pair) > LONGEST:
                continue
            if not value or _is_over(rest, now):
                self._values.pop(name, None)
            elif name in self._values or len(self._values) < MOST:
                self._values[name] = value

    def header(self) -> dict[str, str]:
        """To be sent with the next request."""
        if not self._values:
            return {}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._values.items())}

    def value(self, name: str) -> str | None:
        return self._values.get(name)

    def session(self, wanted: str) -> tuple[str, str]:
        """The name of the session's cookie, or why there is none. Without a `wanted` one: the only one that is not the
        gateway's, or the only one with a usual name."""
        names = sorted(name for name in self._values if not name.startswith(STICKY_COOKIE))
        if wanted:
            return (wanted, "") if wanted in names else ("", f"no cookie '{wanted}' was set")
        for found in (names, [name for name in names if name.lower() in USUAL]):
            if len(found) == 1:
                return found[0], ""
        shown = ", ".join(name[:40] for name in names[:5])
        return (
            "",
            f"which of the cookies {shown} names the session? Say it by `cookie`" if names else "no cookie was set",
        )


def _is_over(attributes: Iterable[str], now: datetime) -> bool:
    said = dict(_attribute(one) for one in attributes)
    if "max-age" in said:
        return said["max-age"].startswith("-") or said["max-age"].strip("0") == ""
    return _is_past(said, now)


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _is_past(said: Mapping[str, str], now: datetime) -> bool:
    try:
        return parsedate_to_datetime(said["expires"]).timestamp() <= now.timestamp()
    except (KeyError, ValueError, OverflowError):  # none, or one that no browser understands either
        return False
