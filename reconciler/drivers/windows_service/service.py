r"""A service as the operator defines it in `reconciler.toml`: on which machine, of which program, with which words.

As with an app, a manifest names it and pins a version, and adds no argument. Everything that lies on that machine is
written as that machine sees it: `D:\releases\worker\{version}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from reconciler.core.model import Slot
from reconciler.drivers.named import Name, Named
from reconciler.drivers.process.app import IN_RELEASES, Ports, placeholders
from reconciler.drivers.windows_service.line import LONGEST, line, wrong
from reconciler.durations import Duration

PLACEHOLDERS = ("port", "version", "slot", "release", "config", "member", "environment", "ownership")
IN_NAME = ("environment", "member", "slot")
OF_SLOT = ("slot", "port", "config")  # one of these in the command tells a slot's processes from the other's
LOCAL = re.compile(r'[A-Za-z]:(\\[^\\/:*?"<>|\x00-\x1f]+)+')  # and no folder's name ends in a dot: see `_path`
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
BUILT_IN = {"LocalService": r"NT AUTHORITY\LocalService", "NetworkService": r"NT AUTHORITY\NetworkService"}

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=253)]
Account = Annotated[
    str, StringConstraints(pattern=r"^(LocalService|NetworkService|[A-Za-z0-9._-]+\\[A-Za-z0-9._-]+\$)$")
]


def _path(text: str, known: tuple[str, ...]) -> set[str]:
    """The placeholders in an absolute path of that machine. Raises ValueError."""
    used = placeholders(text, known)
    if problem := wrong(text):
        raise ValueError(problem)
    plain = text.format_map(dict.fromkeys(known, "x"))
    if not LOCAL.fullmatch(plain) or re.search(r"[. ](\\|$)", plain):
        raise ValueError(rf"'{text}': expected a path such as 'D:\releases\worker' as that machine sees it")
    return used


class Service(BaseModel):
    """One `[services.NAME]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    machine: Annotated[Name, Named("machines")]
    command: list[str] = Field(min_length=1)  # a program that is a service, and its arguments, with placeholders
    service: str = "{environment}-{member}-{slot}"  # its name there
    releases: str | None = None
    ports: Ports | None = None
    address: Host | None = None  # where others reach its ports; without: the machine's own host
    ready: str | None = Field(default=None, pattern="^/")  # without one, running is ready
    standby: bool = Field(default=False, strict=True)
    stop_timeout: Duration = Field(30.0, gt=0, le=86400)
    account: Account = "LocalService"  # as whom it runs; of all of these Windows itself knows the password, if any
    folder: str = r"C:\ProgramData\reconciler\services"  # where what must be remembered lies, on that machine

    @field_validator("command")
    @classmethod
    def _known_words(cls, command: list[str]) -> list[str]:
        for word in command:
            placeholders(word, PLACEHOLDERS)
            if problem := wrong(word):
                raise ValueError(problem)
        _path(re.sub(r"^\{release\}", r"C:\\release", command[0]), IN_RELEASES)
        return command

    @field_validator("service")
    @classmethod
    def _one_for_each_slot(cls, service: str) -> str:
        if "slot" not in placeholders(service, IN_NAME):
            raise ValueError(f"'{service}' is the same service for both slots, expected {{slot}} in it")
        if not NAME.fullmatch(service.format_map(dict.fromkeys(IN_NAME, "x"))):
            raise ValueError(f"'{service}': expected letters, digits, '.', '_' and '-'")
        return service

    @field_validator("releases")
    @classmethod
    def _one_folder_per_version(cls, releases: str | None) -> str | None:
        if releases is not None and "version" not in _path(releases, IN_RELEASES):
            raise ValueError(f"'{releases}' is the same folder for every version, expected {{version}} in it")
        return releases

    @field_validator("folder")
    @classmethod
    def _there(cls, folder: str) -> str:
        _path(folder, ())
        return folder

    @model_validator(mode="after")
    def _complete(self) -> Service:
        used = {name for word in self.command for name in placeholders(word, PLACEHOLDERS)}
        if "release" in used and self.releases is None:
            raise ValueError("{release} is used, but `releases` does not say where the files of a version are")
        if ("port" in used or self.ready is not None) and self.ports is None:
            raise ValueError("{port} or `ready` is used, but `ports` gives no port per slot")
        if not used & set(OF_SLOT):
            raise ValueError("the command is the same in both slots; add the argument {slot}, {port} or {config}")
        if self.standby and ("ownership" not in used or self.ready is None):
            raise ValueError("`standby` needs {ownership} in the command, and `ready`, where role and number are told")
        if "ownership" in used and not self.standby:
            raise ValueError("{ownership} is used, but the service does not say `standby = true`")
        return self

    @property
    def asks(self) -> tuple[str, ...]:
        """Hosts that must be allowed, beside its machine's."""
        return (self.address,) if self.address else ()

    def misfit(self, name: str, *, weighted: bool, standby: bool) -> str:
        """Why such a member may not be this service; empty when it may."""
        if weighted and self.ports is None:
            return (
                f"service '{name}' has no ports, so no traffic can reach a weighted member that names it; add `ports`"
            )
        if standby and not self.standby:
            return f"service '{name}' cannot stand by; if it can, the operator's file says `standby = true`"
        if self.standby and not standby:
            why = "works only while it is named as the owner"
            return f"service '{name}' {why}; write `standby: true` for an exclusive member"
        return ""

    def claims(self, environment: str, member: str) -> dict[str, str]:
        """What such a member must have to itself on its machine: in words, and the key that names it."""
        values = {"environment": environment, "member": member}
        services = (self.filled(self.service, {**values, "slot": str(slot)}) for slot in Slot)
        found = {f"the service '{name}'": "service" for name in services}
        return found | ({f"the file '{self.ownership(environment, member)}'": "folder"} if self.standby else {})

    def ownership(self, environment: str, member: str) -> str:
        """The file in which it is named who owns."""
        return rf"{self.folder}\{environment}-{member}.ownership.json"

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        return Formatter().vformat(text, (), values)

    def line(self, values: Mapping[str, str]) -> str:
        """As Windows keeps it. Raises ValueError where it would be too long."""
        whole = line([self.filled(word, values) for word in self.command])
        if len(whole) > LONGEST:
            raise ValueError(f"its command line has {len(whole)} characters, at most {LONGEST} are possible")
        return whole

    def program(self, values: Mapping[str, str]) -> str:
        return self.filled(self.command[0], values)

    @property
    def user(self) -> str:
        """The account, as Windows names it."""
        return BUILT_IN.get(self.account, self.account)

    def version(self, values: Mapping[str, str], text: str) -> str | None:
        """Which version's folder a path, or a command line, leads into; None when none."""
        if self.releases is None:
            return None
        known = {name: re.escape(values[name]) for name in IN_RELEASES if name != "version"}
        parts, first = [], True
        for before, name, *_ in Formatter().parse(self.releases):
            parts.append(re.escape(before))
            if name == "version":
                parts.append(r'(?P<version>[^\\"\s]+)' if first else "(?P=version)")
                first = False
            elif name:
                parts.append(known[name])
        found = re.search("".join(parts) + r'(?=[\\"\s]|$)', text, re.IGNORECASE)
        return found["version"] if found else None
