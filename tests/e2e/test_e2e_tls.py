"""A switch under HTTPS, with a certificate that is renewed in the midst of it: nobody is lost, no gate is misled."""

from __future__ import annotations

import pytest
from corp import DAY, Corp, shown
from e2e_laws import assert_lawful
from e2e_manifest import PARKED, PARKED_RUNGS
from e2e_playground import Playground
from e2e_users import assert_nothing_lost

from reconciler.core.events import CertificateEnding, CertificateRefused, CertificateShown, Phase

pytestmark = pytest.mark.real


@pytest.mark.parametrize("playground", ["envoy", "haproxy"], indirect=True)
def test_a_renewal_in_mid_switch_loses_nothing_and_is_on_record(playground: Playground) -> None:
    corp = Corp(playground.root / "corp")
    first, second = corp.made(ends=5 * DAY), corp.made()
    first.put(corp.folder)
    playground.certificate("shop", corp.folder)
    wishes = {"gateway": f"{playground.gateway}, certificate: shop", "steps": PARKED}
    playground.serving(**wishes)
    users = playground.users(ca=corp.file)
    warned = playground.until_event(lambda event: isinstance(event, CertificateEnding)).event
    assert warned.serial == first.serial

    playground.commit("green", "1.0.0", "1.1.0", **wishes)
    playground.until(lambda state: state.transition and state.transition.rung == 50)
    second.put(corp.folder)
    playground.until(lambda state: state.certified.serial == second.serial)
    assert shown(playground.place.port, corp.users()) == second.serial
    playground.ask("promote")
    state = playground.until_stable("green", "1.1.0")
    status = playground.status()
    requests = users.stop()

    assert_nothing_lost(requests)
    assert state.last is not None
    assert state.last.phase is Phase.SUCCEEDED
    assert_lawful(playground.entries(), PARKED_RUNGS)
    assert [event.serial for event in playground.events(CertificateShown)] == [first.serial, second.serial]
    assert len(playground.events(CertificateEnding)) == 1, "once a day at most"
    assert playground.events(CertificateRefused) == []
    assert (status["certificate"]["serial"], status["certificate"]["endsSoon"]) == (second.serial, False)
    assert "certificate shop, until" in playground.reconcile("status").stdout
