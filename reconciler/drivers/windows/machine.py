"""What the operator says about one Windows machine: where its WinRM is, who asks, and how that is proved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reconciler.drivers import secret
from reconciler.drivers.local.addresses import is_ip
from reconciler.durations import Duration

WHAT = "the password of the machine's user"
PORTS = {"http": 5985, "https": 5986}
BY_PASSWORD = ("user", "password_env", "password_file")
KEYS = {
    "ntlm": BY_PASSWORD,
    "credssp": BY_PASSWORD,
    "basic": BY_PASSWORD,
    "kerberos": ("user", "delegate"),
    "certificate": ("certificate", "key"),
}
EVERYBODYS = {"address", "transport", "ca", "deadline", "look_every", "base"}
SEALING = ("ntlm", "kerberos", "credssp")  # they encrypt messages themselves, so that plain HTTP shows nothing
PASSING_ON = ("credssp",)  # and Kerberos with `delegate`: the remote side can log on to a third machine


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("expected https://HOST:5986 or http://HOST:5985, and nothing behind it")
    return url


def _user(name: str) -> str:
    if ":" in name or not name.isprintable():
        raise ValueError(
            r"expected a name such as CORP\reconcile or reconcile@corp.example"
        )  # Basic ends it at a colon
    return name


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Address = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=2000), AfterValidator(_address)]
User = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_user)]


class Machine(BaseModel):
    """One `[machines.NAME]` table. What its transport does not need is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    address: Address
    transport: Literal["ntlm", "kerberos", "credssp", "certificate", "basic"] = "ntlm"
    user: User | None = None  # DOMAIN\user, user@domain, or one of the machine's own
    password_env: Text | None = None  # the variable that holds it
    password_file: Text | None = None  # the file that holds it, relative to `base`
    certificate: Text | None = None  # PEM files, relative to `base`
    key: Text | None = None
    delegate: bool = False
    ca: Text | None = None  # PEM: who vouches for the machine; without: whom this machine trusts
    deadline: Duration = Field(30.0, gt=0, le=3600)
    look_every: Duration = Field(2.0, ge=0, le=60)  # how long a look at what is settled is used at first; 0: not at all
    base: Path = Field(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _of_its_transport(self) -> Machine:
        for key in sorted(self.model_fields_set - EVERYBODYS):
            if key not in KEYS[self.transport]:
                raise ValueError(f"transport '{self.transport}' has no key '{key}'; {self._about(key)}")
        if KEYS[self.transport] is BY_PASSWORD and not self.user:
            raise ValueError(f"transport '{self.transport}' needs the key 'user'")
        if KEYS[self.transport] is BY_PASSWORD and (self.password_env is None) is (self.password_file is None):
            raise ValueError("expected exactly one of password_env and password_file")
        if self.transport == "certificate" and not (self.certificate and self.key):
            raise ValueError("transport 'certificate' needs the keys 'certificate' and 'key'")
        return self

    def _about(self, key: str) -> str:
        if self.transport == "kerberos" and key.startswith("password"):
            return "its ticket comes from `kinit`, or from a keytab that KRB5_CLIENT_KTNAME names"
        return f"it has {', '.join(KEYS[self.transport])}"

    @model_validator(mode="after")
    def _nothing_in_the_clear(self) -> Machine:
        if not self.tls and self.transport not in SEALING:
            raise ValueError(f"transport '{self.transport}' needs https; over http: {', '.join(SEALING)}")
        if not self.tls and self.ca:
            raise ValueError("`ca` needs https")
        if self.transport == "kerberos" and is_ip(self.host):
            raise ValueError("kerberos knows machines by their names; expected no number in the address")
        return self

    @property
    def tls(self) -> bool:
        return urlsplit(self.address).scheme == "https"

    @property
    def host(self) -> str:
        """Who must be allowed to be asked."""
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.address)
        return parts.port or PORTS[parts.scheme]

    @property
    def endpoint(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{urlsplit(self.address).scheme}://{host}:{self.port}/wsman"

    @property
    def passes_on(self) -> bool:
        """Can a script there log on to a third machine, such as the server of a share, as the same user?"""
        return self.transport in PASSING_ON or self.delegate

    def file(self, name: str) -> Path:
        return (self.base / name).absolute()

    def files(self) -> dict[str, Path]:
        """Key -> the file that it names: whoever asks this machine must be able to read it."""
        named = {key: getattr(self, key) for key in ("password_file", "ca", "certificate", "key")}
        return {key: self.file(name) for key, name in named.items() if name}

    def password(self, environ: Mapping[str, str] = os.environ) -> str:
        """Read anew for every connection, so that it can be changed while the loop runs; empty where none is needed.
        Raises InvalidConfiguration naming the variable or the file, never what it holds."""
        if self.password_env is not None:
            return secret.from_variable(self.password_env, environ, WHAT)
        return secret.from_file(self.file(self.password_file), WHAT) if self.password_file is not None else ""
