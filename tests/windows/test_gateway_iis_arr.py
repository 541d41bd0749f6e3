"""IIS with ARR as the gateway: the exam of the family through real WS-Man, with real HTTP through the simulated farms.

Left out of the exams: `ByHandExam`, for what a person would run there is PowerShell on Windows, and can be run nowhere
here (its text is read by the tests of scripts by hand); `FallbackExam`, for ARR has nobody who stands in, which its
capability says (decision 029)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "windows_arr_rig")

from gateway_exam import BLUE, GatewayExam, ask, put  # noqa: E402
from gateway_users_exam import SessionsExam, UsersExam, own_green, shared_apps  # noqa: E402, F401
from windows_arr_rig import ArrRig, rig  # noqa: E402, F401

from reconciler.core.model import Routing, all_on  # noqa: E402
from reconciler.core.reading import CertificateReading  # noqa: E402
from reconciler.drivers.examining import Grade  # noqa: E402
from reconciler.drivers.iis_arr.certificate import UsersCertificate  # noqa: E402
from reconciler.durations import seconds  # noqa: E402


class TestIisArr(GatewayExam):
    """The exam that every gateway driver passes."""


@pytest.mark.parametrize(("every", "pace"), [("0s", 0.0), ("500ms", 0.25), ("2s", 1.0), ("1m", 1.0)])
def test_how_often_it_may_be_looked_at_says_the_operator_of_its_machine(
    rig: ArrRig,  # noqa: F811
    every: str,
    pace: float,
) -> None:
    """Seldom, as each look is a PowerShell; but never so seldom that a newcomer that dies is not noticed."""
    rig.machine = rig.machine.model_copy(update={"look_every": seconds(every)})
    assert rig.open(read_only=True).capabilities.pace == pace


def test_what_users_are_shown_where_iis_has_the_certificate_is_read_with_the_rest(
    rig: ArrRig,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    assert gateway.read().certificate is None, "plain HTTP"
    shown = CertificateReading("portal.corp.example", "AB12", 4e9)
    monkeypatch.setattr(UsersCertificate, "reading", lambda _: shown)
    assert gateway.read().certificate is shown


def test_members_get_the_host_name_that_users_have_typed(rig: ArrRig) -> None:  # noqa: F811
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    typed = {"host": "portal.corp.example"}
    assert ask(gateway.users(), "/", typed).body["headers"]["host"] == "portal.corp.example"
    rig.arr.change(lambda found: setattr(found, "host", False))
    assert ask(gateway.users(), "/", typed).body["headers"]["host"] == "reconciler-production.web", "as ARR does"
    (told,) = [one for one in gateway.examine() if one.what == "arr"]
    assert (told.grade, "preserveHostHeader" in told.cure) == (Grade.WARNING, True)


class TestSessions(SessionsExam):
    """Stickiness, by ARR's own cookie."""


class TestUsers(UsersExam):
    """What users meet while members die and weights change."""

    SWITCHES = 15  # each is four PowerShells
