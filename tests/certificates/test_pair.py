"""What the operator's files hold, judged: each mistake is told with its place and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest
from corp import DAY, Corp, Made

from reconciler.drivers.certificates import pair as pairs
from reconciler.drivers.certificates.certificate import Certificate
from reconciler.drivers.certificates.trust import trusting
from reconciler.errors import Refused


@pytest.fixture
def corp(tmp_path: Path) -> Corp:
    made = Corp(tmp_path / "corp")
    made.made().put(made.folder)
    return made


def test_a_pair_tells_its_names_its_number_and_its_end(corp: Corp) -> None:
    made = corp.made("shop.corp.example", "10.0.0.7")
    made.put(corp.folder)
    found = pairs.read(corp.table())
    assert (found.names, found.serial) == (("shop.corp.example", "10.0.0.7"), made.serial)
    assert found.ends == made.certificate.not_valid_after_utc.timestamp()
    assert found.outside(time.time()) == ""
    assert made.key().decode().splitlines()[1] not in repr(found)


def test_comments_and_windows_line_ends_are_no_mistake_and_are_not_passed_on(corp: Corp) -> None:
    made = corp.made()
    text = b"Bag Attributes\r\n  friendlyName: shop\r\n\r\n" + made.chain.replace(b"\n", b"\r\n")
    (corp.folder / "chain.pem").write_bytes(text)
    (corp.folder / "key.pem").write_bytes(made.key())
    assert pairs.read(corp.table()).chain.encode() == made.chain


def test_one_that_is_over_or_not_yet_valid_still_tells_when(corp: Corp) -> None:
    corp.made(begins=-9 * DAY, ends=-2 * DAY).put(corp.folder)
    assert "ended on" in pairs.read(corp.table()).outside(time.time())
    corp.made(begins=2 * DAY).put(corp.folder)
    assert "not valid before" in pairs.read(corp.table()).outside(time.time())


def no_chain(corp: Corp, made: Made) -> None:
    (corp.folder / "chain.pem").unlink()


def half(corp: Corp, made: Made) -> None:
    made.put(corp.folder, half=True)


def not_pem(corp: Corp, made: Made) -> None:
    (corp.folder / "chain.pem").write_bytes(b"\x30\x82\x01\x00")


def key_not_pem(corp: Corp, made: Made) -> None:
    (corp.folder / "key.pem").write_text("secret")


def locked(corp: Corp, made: Made) -> None:
    made.put(corp.folder)
    (corp.folder / "key.pem").write_bytes(made.key(b"passphrase"))


def damaged(corp: Corp, made: Made) -> None:
    text = (corp.folder / "chain.pem").read_text()
    (corp.folder / "chain.pem").write_text(text[:100] + "AAAA" + text[104:])


def alone(corp: Corp, made: Made) -> None:
    made.behind = b""
    made.put(corp.folder)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (no_chain, r"chain\.pem cannot be read: No such file.*put it there"),
        (half, r"key\.pem is not the key of .*chain\.pem.*put both files of one pair"),
        (not_pem, r"chain\.pem holds no certificate, expected PEM.*openssl x509"),
        (key_not_pem, r"key\.pem holds no private key, expected PEM"),
        (locked, r"key\.pem has a passphrase.*openssl pkey"),
        (damaged, r"chain\.pem.* cannot be used|chain\.pem.*is not"),
        (alone, r"chain\.pem is not vouched for: .*put the certificates in between"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(
    corp: Corp, spoil: Callable[[Corp, Made], None], told: str
) -> None:
    spoil(corp, corp.made())
    with pytest.raises(Refused, match=told):
        pairs.read(corp.table())


def test_without_an_authority_a_chain_may_be_short_and_the_certificate_itself_is_believed(corp: Corp) -> None:
    made = corp.made()
    alone(corp, made)
    assert pairs.read(corp.table(ca=False)).serial == made.serial


def test_a_file_that_changes_while_it_is_judged_is_looked_at_again(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = pairs._judged

    def renewed_meanwhile(*given: object) -> object:
        found = judge(*given)  # type: ignore[arg-type]
        corp.made().put(corp.folder)
        return found

    monkeypatch.setattr(pairs, "_judged", renewed_meanwhile)
    with pytest.raises(Refused, match="being changed just now"):
        pairs.read(corp.table())


@pytest.mark.parametrize(("said", "seconds"), [("21d", 21 * 86400.0), ("36h", 36 * 3600.0), (None, 21 * 86400.0)])
def test_the_warning_is_said_in_days_or_as_any_duration(said: str | None, seconds: float) -> None:
    given = {"warn_before": said} if said else {}
    table = Certificate.model_validate({"certificate": "a", "key": "b", **given})
    assert table.warn_before == seconds


@pytest.mark.parametrize("said", ["soon", "d", "0d", "-1d", 21])
def test_a_warning_that_makes_no_sense_is_refused(said: object) -> None:
    with pytest.raises(pydantic.ValidationError):
        Certificate.model_validate({"certificate": "a", "key": "b", "warn_before": said})


def test_whoever_is_believed_is_known_anew_when_the_file_is_another(corp: Corp, tmp_path: Path) -> None:
    believed = str(tmp_path / "shown.pem")
    with pytest.raises(Refused, match="not known which certificate"):
        trusting([believed])
    Path(believed).write_bytes(corp.made().chain)
    first = trusting([believed, str(tmp_path / "none.pem")])
    assert first is trusting([believed, str(tmp_path / "none.pem")])
    assert first.cert_store_stats()["x509"] == 1, "the certificate, and no authority behind it"
    Path(believed).write_bytes(corp.made().chain + b"\n")
    assert first is not trusting([believed, str(tmp_path / "none.pem")])
