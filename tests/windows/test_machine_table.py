"""`[machines.NAME]` of the operator's file: what is good, and how what is not is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.configuration import Configuration, parse
from reconciler.errors import InvalidConfiguration

ALLOWED = '[security]\nallow_hosts = ["*.corp.example", "10.0.0.7"]\n'
NTLM = """
[machines.web1]
address = "https://web1.corp.example:5986"
user = 'CORP\\reconcile'
password_file = "secrets/web1"
"""


def parsed(text: str) -> Configuration:
    return parse(text, Path("/place/reconciler.toml"))


def told(*lines: str) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        parsed("\n".join(("[machines.web1]", *lines)))
    (line,) = str(caught.value).splitlines()
    return line.removeprefix("/place/reconciler.toml: machines.web1").lstrip(".: ")


def test_a_machine_is_reached_by_ntlm_unless_it_says_otherwise() -> None:
    web1 = parsed(NTLM + ALLOWED).machine("web1")
    assert (web1.transport, web1.user, web1.host, web1.port, web1.tls) == (
        "ntlm",
        r"CORP\reconcile",
        "web1.corp.example",
        5986,
        True,
    )
    assert web1.endpoint == "https://web1.corp.example:5986/wsman"
    assert web1.file("secrets/web1") == Path("/place/secrets/web1")
    assert (web1.deadline, web1.passes_on, web1.look_every) == (30.0, False, 2.0)


@pytest.mark.parametrize(("said", "every"), [("0s", 0.0), ("500ms", 0.5), ("1m", 60.0)])
def test_how_long_a_look_is_used_is_the_operators_whatever_the_transport(said: str, every: float) -> None:
    text = f'[machines.web1]\naddress = "http://web1"\ntransport = "kerberos"\nlook_every = "{said}"\n'
    assert parsed(f'{text}[security]\nallow_hosts = ["*"]\n').machine("web1").look_every == every


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("https://web1", "https://web1:5986/wsman"),
        ("http://web1/", "http://web1:5985/wsman"),
        ("http://[fe80::1]:80", "http://[fe80::1]:80/wsman"),
    ],
)
def test_the_port_is_winrms_own_unless_another_is_named(address: str, endpoint: str) -> None:
    text = f'[machines.web1]\naddress = "{address}"\nuser = "u"\npassword_env = "P"\n[security]\nallow_hosts = ["*"]\n'
    assert parsed(text).machine("web1").endpoint == endpoint


def test_a_machine_whose_host_is_not_allowed_is_given_to_nobody() -> None:
    found = parsed(NTLM)
    problem = (
        "the host 'web1.corp.example' may not be asked: add it to allow_hosts in [security] of /place/reconciler.toml"
    )
    assert found.problem("machines", "web1") == problem
    with pytest.raises(InvalidConfiguration, match="may not be asked"):
        found.machine("web1")


def test_a_machine_that_nobody_defined_is_told_with_the_nearest_name() -> None:
    found = parsed(NTLM + ALLOWED)
    assert found.problem("machines", "web1") == ""
    assert found.problem("machines", "wep1").startswith(
        "unknown machine 'wep1'; did you mean 'web1'?; define [machines"
    )


@pytest.mark.parametrize(
    "address",
    [
        "web1:5986",
        "ftp://web1",
        "https://",
        "https://web1/wsman",
        "https://u:p@web1",
        "https://web1?x",
        "https://w:99999",
    ],
)
def test_an_address_that_is_none_is_told_with_what_was_expected(address: str) -> None:
    line = told(f'address = "{address}"', 'user = "u"', 'password_env = "P"')
    assert line == "address: expected https://HOST:5986 or http://HOST:5985, and nothing behind it"


HTTPS, HTTP = 'address = "https://web1.corp.example"', 'address = "http://web1.corp.example"'
USER = ('user = "u"', 'password_env = "P"')
FILES = ('certificate = "c"', 'key = "k"')


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((HTTPS, 'user = "u"'), "expected exactly one of password_env and password_file"),
        ((HTTPS, *USER, 'password_file = "f"'), "expected exactly one of password_env and password_file"),
        ((HTTPS, 'password_env = "P"'), "transport 'ntlm' needs the key 'user'"),
        ((HTTP, 'transport = "basic"', *USER), "transport 'basic' needs https; over http: ntlm, kerberos, credssp"),
        ((HTTP, 'transport = "certificate"', *FILES), "transport 'certificate' needs https; over http: ntlm, kerber"),
        ((HTTPS, 'transport = "certificate"', 'key = "k"'), "transport 'certificate' needs the keys 'certificate' and"),
        (
            (HTTPS, 'transport = "certificate"', *FILES, 'user = "u"'),
            "transport 'certificate' has no key 'user'; it has",
        ),
        (
            (HTTPS, 'transport = "kerberos"', 'password_env = "P"'),
            "transport 'kerberos' has no key 'password_env'; its",
        ),
        ((HTTPS, *USER, "delegate = true"), "transport 'ntlm' has no key 'delegate'; it has user, password_env,"),
        ((HTTP, *USER, 'ca = "ca.pem"'), "`ca` needs https"),
        (('address = "http://10.0.0.7"', 'transport = "kerberos"'), "kerberos knows machines by their names"),
        ((HTTPS, *USER, 'deadline = "0s"'), "deadline: expected greater than 0"),
        ((HTTPS, *USER, 'look_every = "2m"'), "look_every: expected less than or equal to 60"),
        ((HTTPS, *USER, 'transport = "plaintext"'), "transport: expected 'ntlm', 'kerberos', 'credssp', 'certif"),
        ((HTTPS, 'user = "a:b"', 'password_env = "P"'), "user: expected a name such as CORP"),
        ((HTTPS, *USER, 'pasword = "x"'), "unknown key 'pasword'; did you mean 'password_env'?"),
    ],
)
def test_what_does_not_fit_its_transport_is_told(lines: tuple[str, ...], problem: str) -> None:
    assert told(*lines).startswith(problem)


def test_a_password_in_the_file_itself_is_refused_and_not_shown() -> None:
    line = told(HTTPS, 'user = "u"', 'password = "s3cret"')
    assert line.startswith("unknown key 'password'; did you mean 'password_")
    assert "s3cret" not in line


def test_the_password_is_read_when_it_is_needed(tmp_path: Path) -> None:
    text = NTLM + ALLOWED
    found = parse(text, tmp_path / "reconciler.toml").machine("web1")
    with pytest.raises(
        InvalidConfiguration, match=r"secrets/web1 cannot be read: .*the password of the machine's user"
    ):
        found.password()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "web1").write_text("sesame\n")
    assert found.password() == "sesame"
    assert "sesame" not in repr(found)
    by_variable = parsed(text.replace('password_file = "secrets/web1"', 'password_env = "WEB1"')).machine("web1")
    assert by_variable.password({"WEB1": "open"}) == "open"
    with pytest.raises(InvalidConfiguration, match="the variable WEB1 does not hold one line"):
        by_variable.password({})


def test_delegation_and_credssp_pass_the_logon_on() -> None:
    kerberos = '[machines.web1]\naddress = "http://web1.corp.example"\ntransport = "kerberos"\n'
    assert not parsed(kerberos + ALLOWED).machine("web1").passes_on
    assert parsed(kerberos + "delegate = true\n" + ALLOWED).machine("web1").passes_on
    assert parsed(NTLM + 'transport = "credssp"\n' + ALLOWED).machine("web1").passes_on
