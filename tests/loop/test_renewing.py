"""The certificate, seen to beside the steps: renewed by level, on record, and never in anybody's way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loop_world import FakeGateway, Stand

from reconciler.core.events import CertificateRefused, CertificateShown, Intended, Requested, Verb
from reconciler.core.reading import CertificateReading
from reconciler.errors import Fenced, JournalMoved, Refused
from reconciler.loop.tick import tick

SHOWN = CertificateReading("shop", "AB12", 4e9, 1.0)


class Renewable(FakeGateway):
    offered = "AB12"
    says_no = ""
    renewals = 0

    def read(self):  # type: ignore[no-untyped-def]
        found, shown = super().read(), self.reading.certificate
        if not found.up or shown is None:
            return found
        newer = self.offered != shown.serial and not self.says_no
        return replace(found, certificate=replace(shown, newer=newer, problem=self.says_no))

    def renew(self, generation: int) -> bool:
        if generation < self.sealed:
            raise Fenced("somebody else owns it")
        if self.says_no:
            raise Refused(self.says_no)
        self.renewals += 1
        self.reading = replace(self.reading, certificate=replace(SHOWN, serial=self.offered))
        return True


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    found.gateway = Renewable()
    found.gateway.journal = found.journal.id
    found.gateway.reading = replace(found.gateway.reading, certificate=SHOWN)
    for _ in range(40):
        tick(found.keeper)
        found.clock.seconds += 0.5
    yield found
    found.close()


def shown(stand: Stand) -> list[str]:
    return [one.event.serial for one in stand.journal.entries("prod") if isinstance(one.event, CertificateShown)]


def test_a_newer_one_is_shown_and_put_on_record_without_an_act(stand: Stand) -> None:
    acts = sum(isinstance(entry.event, Intended) for entry in stand.journal.entries("prod"))
    stand.gateway.offered = "CD34"
    for _ in range(5):
        tick(stand.keeper)
    assert (stand.gateway.renewals, shown(stand)) == (1, ["AB12", "CD34"])
    assert sum(isinstance(entry.event, Intended) for entry in stand.journal.entries("prod")) == acts
    head = stand.journal.head()
    tick(stand.keeper)
    assert stand.journal.head() == head


def test_what_could_not_be_written_down_is_written_down_after_the_next_look(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.gateway.offered = "CD34"
    with monkeypatch.context() as patch:

        def moved(*_: object, **__: object) -> None:
            raise JournalMoved("somebody was faster")

        patch.setattr(stand.journal, "extend", moved)
        tick(stand.keeper)
    assert (stand.gateway.renewals, shown(stand)) == (1, ["AB12"])
    tick(stand.keeper)
    assert (stand.gateway.renewals, shown(stand)) == (1, ["AB12", "CD34"])


def test_what_is_suspended_is_left_alone(stand: Stand) -> None:
    stand.journal.append("prod", Requested(Verb.SUSPEND, reason="hands off"), actor="ann")
    tick(stand.keeper)
    stand.gateway.offered = "CD34"
    for _ in range(3):
        tick(stand.keeper)
    assert stand.gateway.renewals == 0
    stand.journal.append("prod", Requested(Verb.RESUME), actor="ann")
    for _ in range(3):
        tick(stand.keeper)
    assert stand.gateway.renewals == 1


def test_a_refusal_is_on_record_once_and_stops_nothing(stand: Stand) -> None:
    stand.gateway.offered, stand.gateway.says_no = "CD34", "not its key"
    for _ in range(5):
        assert tick(stand.keeper).status.reason == "InSync"
    refused = [one.event for one in stand.journal.entries("prod") if isinstance(one.event, CertificateRefused)]
    assert refused == [CertificateRefused("shop", "not its key")]
