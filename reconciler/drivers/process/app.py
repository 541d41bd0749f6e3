"""An app as the operator defines it in `reconciler.toml`: the only source of what may be started, with which words.

A manifest names an app and pins a version; it adds no argument and no environment variable. What it does give (version,
configuration) reaches the process as one argument's text and as a file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from reconciler.core.model import Slot
from reconciler.durations import Duration
from reconciler.errors import Refused

PLACEHOLDERS = ("python", "port", "version", "slot", "release", "config", "member", "environment", "ownership")
IN_RELEASES = ("version", "slot", "member", "environment")  # what a release's folder may depend on
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")  # no path, no option, no surprise in a file's name
Port = Annotated[int, Field(ge=1, le=65535)]


class Ports(BaseModel):
    """Where a member listens on 127.0.0.1, per slot."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    blue: Port
    green: Port

    @model_validator(mode="after")
    def _differ(self) -> Ports:
        if self.blue == self.green:
            raise ValueError(f"blue and green cannot both listen on {self.blue}: both run during a switch")
        return self

    def of(self, slot: Slot) -> int:
        return self.blue if slot is Slot.BLUE else self.green


class App(BaseModel):
    """One `[apps.NAME]` table. Relative paths are relative to `base`, the folder of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    command: list[str] = Field(min_length=1)  # program and arguments, with placeholders; no shell
    releases: str | None = None  # for example "releases/{version}"
    ports: Ports | None = None
    ready: str | None = Field(default=None, pattern="^/")  # a path such as /healthz; without one, alive is ready
    env: dict[str, str] = Field(default_factory=dict, repr=False)  # taken as it is: may hold secrets, and braces
    cwd: str | None = None
    stop_timeout: Duration = 10.0  # seconds, between asking to end, or to let go, and ending by force
    standby: bool = False  # it polls {ownership}, works only while its slot is named there, and tells role and number
    base: Path = Field(default_factory=Path.cwd)

    @field_validator("command")
    @classmethod
    def _known_words(cls, command: list[str]) -> list[str]:
        for word in command:
            placeholders(word, PLACEHOLDERS)
        return command

    @field_validator("cwd")
    @classmethod
    def _known_folder(cls, cwd: str | None) -> str | None:
        placeholders(cwd or "", PLACEHOLDERS)
        return cwd

    @field_validator("releases")
    @classmethod
    def _one_folder_per_version(cls, releases: str | None) -> str | None:
        if releases is not None and "version" not in placeholders(releases, IN_RELEASES):
            raise ValueError(f"'{releases}' is the same folder for every version, expected {{version}} in it")
        return releases

    @model_validator(mode="after")
    def _complete(self) -> App:
        used = {name for word in (*self.command, self.cwd or "") for name in placeholders(word, PLACEHOLDERS)}
        if "release" in used and self.releases is None:
            raise ValueError("{release} is used, but `releases` does not say where the files of a version are")
        if ("port" in used or self.ready is not None) and self.ports is None:
            raise ValueError("{port} or `ready` is used, but `ports` gives no port per slot")
        if self.standby and ("ownership" not in used or self.ready is None):
            raise ValueError("`standby` needs {ownership} in the command, and `ready`, where role and number are told")
        if "ownership" in used and not self.standby:
            raise ValueError("{ownership} is used, but the app does not say `standby = true`")
        return self

    def misfit(self, name: str, *, standby: bool) -> str:
        """Why a member that can stand by, or cannot, may not be this app; empty when it may."""
        if standby == self.standby:
            return ""
        if standby:
            return f"app '{name}' cannot stand by; if it can, the operator's file says `standby = true`"
        return f"app '{name}' works only while it is named as the owner; write `standby: true` for an exclusive member"

    def fill(self, text: str, values: Mapping[str, str]) -> str:
        return Formatter().vformat(text, (), {"python": sys.executable, **values})

    def folder(self, values: Mapping[str, str]) -> Path | None:
        """Where the files of a version lie; None when this app has no release files. Raises Refused when they are not
        there, or when the path leads (a symbolic link, too) out of the folder that holds the releases."""
        if self.releases is None:
            return None
        wanted = self.base / self.fill(self.releases, values)
        root = self.base / self.releases.partition("{")[0].rpartition("/")[0]
        try:
            found = wanted.resolve(strict=True)
        except (OSError, RuntimeError):
            found = None
        if found is None or not found.is_dir():
            shown = self.fill(self.releases, values)
            raise Refused(
                f"the files of {values['member']} {values['version']} are not there: expected the folder '{shown}' in "
                f"{self.base}; put the files there, then reconcile retry ENV -m WHY"
            )
        if not found.is_relative_to(root.resolve()) or found == root.resolve():
            raise Refused(f"'{wanted}' leads to {found}, out of {root}; a release must lie in there")
        return found


def plain(what: str, text: str) -> str:
    """A name that is safe in an argument and in a file's name. Raises Refused."""
    if not PLAIN.fullmatch(text):
        raise Refused(f"{what} {text!r} cannot be used, expected letters, digits, '.', '_', '+', '-', at most 128")
    return text


def placeholders(text: str, known: tuple[str, ...]) -> set[str]:
    """The placeholders in a text. Raises ValueError for any that is not known; braces are written twice."""
    found = set(_found(text))
    unknown = sorted(found - set(known))
    if unknown:
        shown = " ".join(f"{{{name}}}" for name in known)
        raise ValueError(f"unknown placeholder {{{unknown[0]}}} in '{text}', expected one of: {shown}")
    return found


def _found(text: str) -> Iterator[str]:
    try:
        for _, name, form, conversion in Formatter().parse(text):
            if name is not None:
                yield name if not form and not conversion else f"{name}!{conversion or ''}:{form or ''}"
    except ValueError as error:
        raise ValueError(f"'{text}': {error}; a brace that is meant as such is written twice") from error
