"""What a manifest may have asked: hosts that the operator allows, at addresses that hold no secret."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from reconciler.core.reading import Window
from reconciler.drivers.http import Answer, Client
from reconciler.drivers.protocols import GateContext, Road
from reconciler.drivers.roads import UPSTREAM_HEADER
from reconciler.errors import Refused, Unreachable


def plain(url: str) -> str:
    """Raises ValueError for a URL that cannot be asked, or that holds a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http://host/path or https://host/path")
    if "@" in parts.netloc:
        raise ValueError("a name or password does not belong in a manifest")
    if parts.port == 0:
        raise ValueError("port 0 cannot be asked")
    return url


Url = Annotated[str, AfterValidator(plain), Field(pattern=r"^https?://[!-~]+$", max_length=2000)]
Path = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=2000)]


def one_place(path: str | None, url: str | None) -> None:
    """Raises ValueError."""
    if (path is None) is (url is None):
        raise ValueError("expected exactly one of 'path' and 'url'")


def check_allowed(context: GateContext, host: str) -> None:
    """Raises Refused, saying where the operator can allow it."""
    if not context.allowed(host):
        raise Refused(f"the host '{host}' may not be asked: add it to allow_hosts in [security] of reconciler.toml")


def get(
    context: GateContext,
    window: Window,
    client: Client,
    path: str | None,
    url: str | None,
    *,
    deadline: float,
    max_bytes: int,
) -> Answer:
    """What the newcomer answers at `path` by its forced road, or anybody at `url`. Raises Refused for a host that is
    not allowed, Unreachable when there is no answer, or somebody else's."""
    road = _road(context, window, url)
    answer = client.ask(
        "GET",
        road.url + (path or ""),
        headers=road.headers,
        deadline=deadline,
        max_bytes=max_bytes,
        trust=road.trust,
    )
    if astray := road.astray(answer.headers.get(UPSTREAM_HEADER)):
        raise Unreachable(f"the newcomer was not asked: {astray}")
    return answer


def _road(context: GateContext, window: Window, url: str | None) -> Road:
    if url is None:
        return context.newcomer_road(window)
    check_allowed(context, urlsplit(url).hostname or "")
    return Road(url)
