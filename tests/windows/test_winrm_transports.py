"""Each way to log on, through real sockets, and each way in which it is refused. Kerberos needs a domain, which no test
has: only what pywinrm is told is proved."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import wsman_logon
from windows_calls import LOOK, client, machine, refused, unreachable
from windows_certificates import Authority, Pair
from windows_faults import Said
from windows_machine import access_denied
from wsman_server import Rig, listening

from reconciler.drivers.windows.script import PING
from reconciler.drivers.winrm import Client
from reconciler.errors import Unreachable

WAYS = [
    ("ntlm", "http"),
    ("ntlm", "https"),
    ("credssp", "http"),
    ("credssp", "https"),
    ("basic", "https"),
    ("certificate", "https"),
]
IDS = [" over ".join(way) for way in WAYS]


class Place:
    """Where machines listen; all end with the test."""

    def __init__(self, stack: ExitStack, folder: Path, authority: Authority, pair: Pair) -> None:
        self._stack, self.folder, self.authority, self.pair = stack, folder, authority, pair
        self.user = authority.vouch("reconcile-user")

    def rig(self, *offers: str, scheme: str = "https", pair: Pair | None = None) -> Rig:
        tls = {"authority": self.authority, "pair": pair or self.pair} if scheme == "https" else {}
        rig = self._stack.enter_context(listening(*offers, **tls))
        rig.windows.plays(LOOK, lambda arguments, _session: {"given": arguments})
        return rig

    def client(self, rig: Rig, transport: str, **more: Any) -> Client:
        """With what its transport needs."""
        own = (
            {"certificate": str(self.user.certificate), "key": str(self.user.key)} if transport == "certificate" else {}
        )
        trusted = {"ca": str(self.authority.file)} if rig.tls else {}
        found = client(rig, self.folder, transport, **{**own, **trusted, **more})
        self._stack.callback(found.close)
        return found


@pytest.fixture
def place(tmp_path: Path, authority: Authority, pair: Pair, password: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path, authority, pair)


# ---- it works --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "scheme"), WAYS, ids=IDS)
def test_each_transport_asks_and_is_answered_twice_on_one_connection(place: Place, transport: str, scheme: str) -> None:
    rig = place.rig(transport, scheme=scheme)
    web1 = place.client(rig, transport)
    assert web1.run(PING)["computer"] == "WEB1"
    text = "long " * 20_000
    assert web1.run(LOOK, {"Text": text}) == {"given": {"Text": text}}
    assert len(rig.logons) == 1
    assert rig.shells.open == {}


@pytest.mark.parametrize(("transport", "scheme"), WAYS[:3:2], ids=["ntlm", "credssp"])
def test_on_plain_http_every_message_is_sealed(place: Place, transport: str, scheme: str) -> None:
    rig = place.rig(transport, scheme=scheme)
    place.client(rig, transport).run(LOOK)
    assert b"session-encrypted" in rig.heard
    assert b"Envelope>" not in rig.heard


@pytest.mark.parametrize(("transport", "scheme"), WAYS, ids=IDS)
def test_a_share_is_reached_only_where_the_logon_is_passed_on(place: Place, transport: str, scheme: str) -> None:
    rig = place.rig(transport, scheme=scheme)

    def share(_arguments: dict[str, Any], session: Any) -> dict[str, bool]:
        if not session.passes_on:
            raise access_denied(r"\\files\shop\inbox")
        return {"reachable": True}

    rig.windows.plays(LOOK, share)
    web1 = place.client(rig, transport)
    if transport == "credssp":
        assert web1.run(LOOK) == {"reachable": True}
    else:
        assert "(double hop)" in refused(web1)


def test_a_share_that_refuses_a_logon_that_was_passed_on_is_no_double_hop(place: Place) -> None:
    rig = place.rig("credssp", scheme="http")

    def share(*_words: Any) -> None:
        raise access_denied(r"\\files\shop\inbox")

    rig.windows.plays(LOOK, share)
    assert "double hop" not in refused(place.client(rig, "credssp"))


# ---- it is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "scheme"), WAYS[:5], ids=IDS[:5])
def test_a_wrong_password_is_refused_with_what_to_look_at(place: Place, transport: str, scheme: str) -> None:
    rig = place.rig(transport, scheme=scheme)
    (place.folder / "password").write_text("wrong")
    told = unreachable(place.client(rig, transport))
    assert "user or password was refused" in told
    assert "`winrm get winrm/config/service/auth`" in told
    assert rig.shells.made == []


@pytest.mark.parametrize(("transport", "scheme"), WAYS, ids=IDS)
def test_a_transport_that_is_not_switched_on_is_refused(place: Place, transport: str, scheme: str) -> None:
    other = "basic" if transport != "basic" else "ntlm"
    told = unreachable(place.client(place.rig(other, scheme=scheme), transport))
    assert "refused" in told
    assert "`winrm get winrm/config/service/auth`" in told
    assert ("Enable-WSManCredSSP" in told) is (transport == "credssp")


def test_a_certificate_of_an_authority_that_nobody_trusts_is_refused(place: Place) -> None:
    rig = place.rig("basic")
    stranger = Authority(place.folder / "stranger", "Somebody else's CA")
    told = unreachable(place.client(rig, "basic", ca=str(stranger.file)))
    assert told.startswith("its certificate is not trusted: ")
    assert "name the authority's file as `ca`" in told
    assert rig.heard == b""


def test_without_an_authority_of_his_own_this_machines_store_counts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(place.authority.file))
    rig = place.rig("basic")
    stranger = machine(rig, place.folder, "basic")
    assert "its certificate is not trusted: " in unreachable(Client(stranger, pause=0.0))


def test_a_certificate_for_another_machine_is_refused(place: Place) -> None:
    rig = place.rig("ntlm", pair=place.authority.vouch("web2", "127.0.0.2"))
    told = unreachable(place.client(rig, "ntlm"))
    assert "its certificate is not trusted: IP address mismatch" in told
    assert rig.heard == b""


def test_a_certificate_that_has_expired_is_to_be_renewed(place: Place) -> None:
    past = datetime.datetime(2025, 1, 1)
    rig = place.rig("ntlm", pair=place.authority.vouch("web1-old", "127.0.0.1", ends=past))
    told = unreachable(place.client(rig, "ntlm"))
    assert told == "its certificate is not trusted: certificate has expired; renew it there"


def test_a_users_certificate_of_another_authority_is_refused(place: Place) -> None:
    stranger = Authority(place.folder / "stranger").vouch("reconcile-user")
    rig = place.rig("certificate")
    files = {"certificate": str(stranger.certificate), "key": str(stranger.key)}
    told = unreachable(place.client(rig, "certificate", **files))
    assert "no TLS on port" in told or "connection was lost" in told
    assert rig.heard == b""


def test_a_logon_that_was_made_for_another_tls_connection_is_refused(place: Place) -> None:
    """Somebody in the middle with a certificate that we trust: NTLM is bound to the one that was seen."""
    rig = place.rig("ntlm")
    web1 = place.client(rig, "ntlm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pair, "digest", lambda _pair: b"\0" * 32)
        assert "user or password was refused" in unreachable(web1)
    assert web1.run(PING)["computer"] == "WEB1"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_other_scheme_on_a_port_is_told(place: Place, scheme: str) -> None:
    rig = place.rig("ntlm", scheme=scheme)
    rig.tls = not rig.tls
    told = unreachable(place.client(rig, "ntlm"))
    assert "no TLS on port" in told or "connection was lost" in told or "no usable answer" in told


@pytest.mark.parametrize("key", ["ca", "certificate", "key"])
def test_a_file_that_is_no_certificate_is_named(place: Place, key: str) -> None:
    rig = place.rig("certificate")
    for content in (None, "no PEM"):
        file = place.folder / f"{content is None}.pem"
        if content:
            file.write_text(content)
        with pytest.raises(Unreachable, match=file.name):
            place.client(rig, "certificate", **{key: str(file)}).run(PING)


# ---- what the environment says does not matter -----------------------------------------------------------------------


def test_no_proxy_of_the_environment_is_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert place.client(place.rig("ntlm", scheme="http"), "ntlm").run(PING)["computer"] == "WEB1"
    assert place.client(place.rig("basic"), "basic").run(PING)["computer"] == "WEB1"


def test_no_password_of_a_netrc_is_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.folder / "netrc"
    file.write_text("machine 127.0.0.1 login somebody password else\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    assert place.client(place.rig("certificate"), "certificate").run(PING)["user"] == "reconcile-user"


def test_a_redirection_leads_nowhere(place: Place) -> None:
    rig, other = place.rig("basic"), place.rig("basic")
    away = Said(b"", 302, headers=(("Location", f"{other.address}/wsman"),))
    rig.faults.strike("Create", away, away, away)
    unreachable(place.client(rig, "basic"))
    assert other.logons == []


# ---- Kerberos, as far as it can be proved ----------------------------------------------------------------------------


def test_kerberos_is_told_who_asks_and_whether_to_delegate(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests.auth
    import winrm.transport

    told: dict[str, Any] = {}

    class Auth(requests.auth.AuthBase):
        winrm_encryption_available = True

        def __init__(self, **words: Any) -> None:
            told.update(words)

        def __call__(self, request: Any) -> Any:
            raise type("KerberosExchangeError", (Exception,), {})(*told["raises"])

    monkeypatch.setattr(winrm.transport, "HAVE_KERBEROS", True)
    monkeypatch.setattr(winrm.transport, "HTTPKerberosAuth", Auth, raising=False)
    monkeypatch.setattr(winrm.transport, "REQUIRED", 1, raising=False)
    table = {"address": "http://localhost:1", "transport": "kerberos", "user": "reconcile@CORP.EXAMPLE"}
    for delegate in (True, False):
        web1 = Client(machine_of({**table, "delegate": delegate}), pause=0.0)
        for raises, says in KERBEROS.items():
            told["raises"] = (raises,)
            with pytest.raises(Exception, match=says):
                web1.run(PING)
        assert (told["principal"], told["delegate"], told["service"]) == ("reconcile@CORP.EXAMPLE", delegate, "HTTP")
        assert (told["mutual_authentication"], told["send_cbt"]) == (1, True)


KERBEROS = {
    "authGSSClientStep() failed: Clock skew too great": "clocks of this machine and of the domain differ",
    "No Kerberos credentials available": "there is no Kerberos ticket; `kinit USER@REALM`",
    "Server not found in Kerberos database": "Kerberos refuses: Server not found",
    "Cannot contact any KDC for realm": "Kerberos refuses: Cannot contact any KDC",
}


def machine_of(table: dict[str, Any]) -> Any:
    from reconciler.drivers.windows.machine import Machine

    return Machine.model_validate(table)


@pytest.mark.parametrize("transport", ["kerberos", "credssp"])
def test_a_transports_own_library_that_is_missing_is_named(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import winrm.transport

    monkeypatch.setattr(winrm.transport, f"HAVE_{transport.upper()}", False)
    monkeypatch.setenv("SECRET", wsman_logon.PASSWORD)
    user = {"user": "reconcile", "password_env": "SECRET"} if transport == "credssp" else {}
    table = {"address": "http://localhost:1", "transport": transport, **user}
    with pytest.raises(Unreachable, match=rf"pip install 'pywinrm\[{transport}\]'"):
        Client(machine_of(table), environ=os.environ).run(PING)
