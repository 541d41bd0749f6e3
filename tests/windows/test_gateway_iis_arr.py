"""IIS with ARR as the gateway: the exam of the family through real WS-Man, with real HTTP through the simulated farms.

Left out of the exams: `ByHandExam`, for what a person would run there is PowerShell on Windows, and can be run nowhere
here (its text is read by the tests of scripts by hand); `FallbackExam`, for ARR has nobody who stands in, which its
capability says (decision 029)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "windows_arr_rig")

from gateway_exam import GatewayExam  # noqa: E402
from gateway_upstream import Upstream  # noqa: E402
from gateway_users_exam import SessionsExam, UsersExam, own_green, shared_apps  # noqa: E402, F401
from windows_arr import Arr  # noqa: E402
from windows_arr_rig import ArrRig  # noqa: E402
from windows_traffic import serving  # noqa: E402
from wsman_server import Rig  # noqa: E402

from reconciler.core.model import Slot  # noqa: E402


@pytest.fixture
def rig(plain: Rig, shared_apps: dict[tuple[str, Slot], Upstream], tmp_path: Path, password: Path) -> Iterator[ArrRig]:  # noqa: F811
    plain.windows.clock = ""  # as ours
    arr = Arr(plain.windows)
    with serving(arr) as traffic:
        rig = ArrRig(plain, arr, traffic, dict(shared_apps), tmp_path, password)
        yield rig
        rig.end()


class TestIisArr(GatewayExam):
    """The exam that every gateway driver passes."""


class TestSessions(SessionsExam):
    """Stickiness, by ARR's own cookie."""


class TestUsers(UsersExam):
    """What users meet while members die and weights change."""
