"""HAProxy as the gateway: the exam of the family, for one of ours and for an operator's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "gateway_haproxy_rig")

from gateway_exam import ByHandExam, GatewayExam  # noqa: E402
from gateway_haproxy_rig import External, Managed, needed  # noqa: E402
from gateway_upstream import Upstream  # noqa: E402
from gateway_users_exam import FallbackExam, SessionsExam, UsersExam, own_green, shared_apps  # noqa: E402, F401

from reconciler.core.model import Slot  # noqa: E402

pytestmark = pytest.mark.real
KINDS = ["ours", "unix", "tcp"]


@pytest.fixture(params=KINDS)
def rig(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    shared_apps: dict[tuple[str, Slot], Upstream],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Managed]:
    needed()
    apps = dict(shared_apps)
    if request.param == "ours":
        rig = Managed(tmp_path, apps, monkeypatch)
    else:
        rig = External(tmp_path, apps, monkeypatch, tcp=request.param == "tcp")
    yield rig
    rig.end()


class TestHAProxy(GatewayExam, ByHandExam):
    """The exam that every gateway driver passes."""


@pytest.mark.parametrize("rig", ["ours", "unix"], indirect=True)
class TestSessions(SessionsExam):
    """Stickiness, by cookie."""


@pytest.mark.parametrize("rig", ["ours", "unix"], indirect=True)
class TestUsers(UsersExam, FallbackExam):
    """What users meet while members die and weights change."""
