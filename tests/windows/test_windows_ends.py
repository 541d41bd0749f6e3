"""When certificates end by which we and Windows machines know each other: the doctor says so before it is too late."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from windows_calls import client, machine
from windows_certificates import Authority, Pair
from windows_machine import Windows
from wsman_server import Rig, listening

from reconciler.clock import SYSTEM, SystemClock
from reconciler.drivers.certificates import ends
from reconciler.drivers.examining import Finding, Grade
from reconciler.drivers.iis_arr.certificate import AGAIN, UsersCertificate
from reconciler.drivers.iis_arr.certificate import examined as users_certificate
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.windows.ends import own
from reconciler.drivers.windows.examined import examined
from reconciler.errors import Refused

DAY = datetime.timedelta(days=1)
GRADES = [(-2, "FAILED", "it ended on"), (12, "WARNING", "11 days left"), (90, "OK", "89 days left")]
SOON, LATE = GRADES[1:]


class Standing(SystemClock):
    """Goes on when it is told to."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def vouched(authority: Authority, name: str, days: int, *hosts: str) -> Pair:
    return authority.vouch(name, *hosts, ends=datetime.datetime.now(datetime.UTC) + days * DAY)


@pytest.fixture
def rig(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """`request.param`: in how many days its certificate ends."""
    pair = vouched(authority, "web9", request.param, "127.0.0.1")
    with listening("certificate", "ntlm", authority=authority, pair=pair, windows=Windows(clock="")) as found:
        yield found


def look(rig: Rig, folder: Path, transport: str, **more: Any) -> dict[str, Finding]:
    opened = client(rig, folder, transport, **more)
    try:
        found = examined("web1", machine(rig, folder, transport, **more), opened.run)
    finally:
        opened.close()
    return {one.what: one for one in found}


def shown_by_us(authority: Authority, days: int) -> dict[str, str]:
    pair = vouched(authority, "reconcile-user", days)
    return {"ca": str(authority.file), "certificate": str(pair.certificate), "key": str(pair.key)}


@pytest.mark.parametrize(("rig", "grade", "words"), [SOON, LATE], indirect=["rig"])
def test_the_one_that_a_machine_shows(
    rig: Rig, authority: Authority, tmp_path: Path, password: Path, grade: str, words: str
) -> None:
    found = look(rig, tmp_path, "ntlm", ca=str(authority.file))
    assert (found["machine"].grade, found["certificate"].grade) == (Grade.OK, Grade[grade])
    assert words in found["certificate"].found
    assert "our certificate" not in found


@pytest.mark.parametrize("rig", [-2], indirect=True)
def test_one_that_is_over_is_why_a_machine_cannot_be_asked(
    rig: Rig, authority: Authority, tmp_path: Path, password: Path
) -> None:
    found = look(rig, tmp_path, "ntlm", ca=str(authority.file))
    assert list(found) == ["machine"]
    assert "certificate has expired" in found["machine"].found
    assert found["machine"].cure == "renew it there"


@pytest.mark.parametrize("rig", [90], indirect=True)
@pytest.mark.parametrize(("days", "grade", "words"), GRADES)
def test_ours_is_told_also_where_it_is_refused_because_of_it(
    rig: Rig, authority: Authority, tmp_path: Path, days: int, grade: str, words: str
) -> None:
    found = look(rig, tmp_path, "certificate", **shown_by_us(authority, days))
    assert found["machine"].grade is (Grade.FAILED if days < 0 else Grade.OK)
    assert found["our certificate"].grade is Grade[grade]
    assert words in found["our certificate"].found
    assert ("[machines.web1]" in found["our certificate"].cure) is (grade != "OK")


@pytest.mark.parametrize("rig", [90], indirect=True)
def test_ours_by_half_is_told(rig: Rig, authority: Authority, tmp_path: Path) -> None:
    mixed = shown_by_us(authority, 90) | {"key": str(authority.vouch("another").key)}
    (found,) = own("web1", machine(rig, tmp_path, "certificate", **mixed), SYSTEM)
    assert (found.grade, "KEY_VALUES_MISMATCH" in found.found) == (Grade.FAILED, True)


@pytest.mark.parametrize(
    "text", [b"", b"\xff nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(authority: Authority, tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "none.pem"
    file.write_bytes(text)
    with pytest.raises(Refused, match="cannot be shown by a client"):
        ends.of_client(file, authority.vouch("another").key)


@pytest.mark.parametrize(("rig", "grade", "words"), GRADES, indirect=["rig"])
def test_the_one_that_users_are_shown_where_iis_has_it(
    rig: Rig, authority: Authority, monkeypatch: pytest.MonkeyPatch, grade: str, words: str
) -> None:
    said = {"machine": "gw1", "users": f"https://127.0.0.1:{rig.port}", "site": "Portal", "pool": "Portal"}
    farm = Farm.model_validate(said)
    (found,) = users_certificate(farm, SYSTEM)
    assert (found.grade, "does not trust" in found.found) == (Grade.FAILED, True)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    (found,) = users_certificate(farm, SYSTEM)
    assert (found.grade, words in found.found) == (Grade[grade], True)
    assert ("Portal" in found.cure) is (grade != "OK")
    assert list(users_certificate(farm.model_copy(update={"users": "http://127.0.0.1:9"}), SYSTEM)) == []


def test_the_last_second_counts() -> None:
    now = time.time()
    for left, grade in ((0, Grade.FAILED), (ends.SOON - 1, Grade.WARNING), (ends.SOON, Grade.OK)):
        assert ends.told("certificate", "web1", now + left, "renew it", now).grade is grade


@pytest.mark.parametrize("rig", [12], indirect=True)
def test_a_loop_knows_the_end_of_the_one_that_iis_shows_and_looks_again_after_a_while(
    rig: Rig, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    said = {"machine": "gw1", "users": f"https://127.0.0.1:{rig.port}", "site": "Portal", "pool": "Portal"}
    clock = Standing()
    shown = UsersCertificate(Farm.model_validate(said), clock)
    found = shown.reading()
    assert found is not None
    assert found.ends is not None
    assert (found.name, round((found.ends - time.time()) / 86400.0)) == ("127.0.0.1", 12)
    assert (found.warn_before, "https binding of the site Portal" in found.cure) == (21 * 86400.0, True)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert shown.reading() is found
    clock.seconds = AGAIN
    assert shown.reading() is None, "it is not believed any more, and nobody says that none is shown"


def test_where_users_come_by_plain_http_there_is_none() -> None:
    said = {"machine": "gw1", "users": "http://127.0.0.1:9", "site": "Portal", "pool": "Portal"}
    assert UsersCertificate(Farm.model_validate(said), SYSTEM).reading() is None
