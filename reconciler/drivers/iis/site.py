"""A member as a site of IIS, as the operator defines it in `reconciler.toml`: which machine, where releases lie there,
and where others reach it. What runs in it stands in the release's own web.config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PureWindowsPath
from string import Formatter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reconciler.core.model import Slot
from reconciler.drivers.named import Name, Named
from reconciler.drivers.process.app import Ports, plain
from reconciler.durations import Duration
from reconciler.errors import Refused

IN_RELEASES = ("version", "slot", "member", "environment")
IN_NAMES = ("environment", "member", "slot")
LOCAL = re.compile(r"""[A-Za-z]:\\[^/:*?"<>|\x00-\x1f]+""")
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")  # what IIS takes as the name of a pool: 64 characters
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
CONFIG = r"C:\ProgramData\reconciler\sites\{environment}-{member}-{slot}.json"

Request = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=2000)]


class Site(BaseModel):
    """One `[sites.NAME]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    machine: Annotated[Name, Named("machines")]
    releases: str = Field(max_length=200)  # on that machine, for example D:\releases\portal\{version}
    ports: Ports
    address: str | None = Field(None, pattern=r"^[A-Za-z0-9._:-]{1,253}$")  # a host; without: the machine's
    ready: Request = "/healthz"
    warm_up: tuple[Request, ...] = Field(("/",), max_length=20)  # asked once in each life, before it reads as ready
    site: str = Field("{environment}-{member}-{slot}", max_length=200)  # the site's name, and its pool's
    config: str = Field(CONFIG, max_length=200)  # where the pin's configuration is put, on that machine
    stop_timeout: Duration = Field(30.0, ge=1, le=3600)  # between asking to end and ending by force

    @field_validator("releases")
    @classmethod
    def _one_folder_per_version(cls, text: str) -> str:
        if "version" not in _local(text, IN_RELEASES):
            raise ValueError(f"'{text}' is the same folder for every version, expected {{version}} in it")
        return text

    @field_validator("config")
    @classmethod
    def _one_file_per_slot(cls, text: str) -> str:
        if "slot" not in _local(text, IN_NAMES):
            raise ValueError(f"'{text}' is the same file for both slots, expected {{slot}} in it")
        return text

    @field_validator("site")
    @classmethod
    def _one_site_per_slot(cls, text: str) -> str:
        if "slot" not in _placeholders(text, IN_NAMES):
            raise ValueError(f"'{text}' is the same site for both slots, expected {{slot}} in it")
        if not NAMED.fullmatch(re.sub(r"\{\w+\}", "x", text)):
            raise ValueError(f"'{text}' cannot be a pool's name, expected letters, digits, blanks, '.', '_', '-'")
        return text

    @property
    def asks(self) -> tuple[str, ...]:
        """Hosts that must be allowed, beside its machine's."""
        return (self.address,) if self.address else ()

    def claims(self, environment: str, member: str) -> dict[str, str]:
        """What such a member must have to itself on its machine: in words, and the key that names it."""
        found = {}
        for slot in map(str, Slot):
            values = {"environment": environment, "member": member, "slot": slot}
            found[f"the site '{Formatter().vformat(self.site, (), values)}'"] = "site"
            found[f"the file '{self.config_file(values)}'"] = "config"
        return found

    def name(self, values: Mapping[str, str]) -> str:
        """Of the site, and of its pool. Raises Refused."""
        found = Formatter().vformat(self.site, (), values)
        if not NAMED.fullmatch(found):
            raise Refused(f"'{found}' cannot be the name of an application pool: IIS takes 64 characters; see `site`")
        return found

    def folder(self, values: Mapping[str, str]) -> str:
        """Where the files of a version lie. Raises Refused for a version that Windows would take for another one."""
        version = plain("the version", values["version"])
        if version.endswith(".") or RESERVED.fullmatch(version):
            raise Refused(f"the version {version!r} cannot be a folder's name on Windows")
        return Formatter().vformat(self.releases, (), values)

    def config_file(self, values: Mapping[str, str]) -> str:
        return Formatter().vformat(self.config, (), values)


def _local(text: str, known: tuple[str, ...]) -> set[str]:
    """Of a path on that machine: the placeholders in it. Raises ValueError."""
    if not LOCAL.fullmatch(text) or ".." in PureWindowsPath(text).parts:
        raise ValueError(rf"'{text}' is no path there, expected one such as D:\FOLDER\{{{known[0]}}}")
    return _placeholders(text, known)


def _placeholders(text: str, known: tuple[str, ...]) -> set[str]:
    """Raises ValueError for any that is not known."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"'{text}': {error}") from error
    found = {name for _, name, form, how in parts if name is not None and not (form or how)}
    if any(form or how for _, _, form, how in parts) or found - set(known):
        shown = " ".join(f"{{{name}}}" for name in known)
        raise ValueError(f"unknown placeholder in '{text}', expected one of: {shown}")
    return found
