"""A command as the operator defines it in `reconciler.toml`: the only source of what a manifest can have run.

A manifest names a command and adds nothing to it. What it pins (a version) can reach the command, as one argument's
whole text: never as a program, an option's half, or a line of a script.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reconciler.durations import Duration
from reconciler.errors import Refused
from reconciler.spelling import unknown

PLACEHOLDERS = ("python", "version", "slot", "environment", "transition", "dump")
_WHOLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_WITHIN = re.compile("|".join(rf"\{{{name}\}}" for name in PLACEHOLDERS))


class Command(BaseModel):
    """One `[commands.NAME]` table. Relative paths are relative to `base`, the folder of the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    argv: list[str] = Field(min_length=1)  # program and arguments; no shell
    timeout: Duration = Field(60.0, gt=0, le=3600)  # seconds; then everything that it started is ended by force
    cwd: str | None = None
    env: dict[str, str] = Field(default_factory=dict, repr=False)  # taken as it is: may hold secrets
    expect: int = Field(0, ge=0, le=255, strict=True, description="the exit code that is success")
    base: Path = Field(default_factory=Path.cwd)

    @field_validator("argv")
    @classmethod
    def _known_words(cls, argv: list[str]) -> list[str]:
        if argv[0] in {f"{{{name}}}" for name in PLACEHOLDERS if name != "python"}:
            raise ValueError(f"'{argv[0]}' cannot be the program: what a manifest pins is data")
        for word in argv:
            _check(word)
        return argv

    @property
    def folder(self) -> Path:
        return self.base / (self.cwd or "")

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """The words, each as long as it is: no value is ever split, or read by a shell. Raises Refused for a word that
        stands for nothing here."""
        known = {"python": sys.executable, **values}
        if strange := [word for word in self.argv if (found := _WHOLE.fullmatch(word)) and found[1] not in known]:
            raise Refused(
                f"{strange[0]} stands for nothing here: only what a snapshot dumps, or a restore loads, has one"
            )
        return [known[whole[1]] if (whole := _WHOLE.fullmatch(word)) else word for word in self.argv]


def _check(word: str) -> None:
    """Raises ValueError for a placeholder that nobody knows, or that is only a part of its word."""
    whole = _WHOLE.fullmatch(word)
    if "\0" in word:
        raise ValueError("a zero byte cannot be part of an argument")
    if whole and whole[1] not in PLACEHOLDERS:
        raise ValueError(unknown("placeholder", whole[1], PLACEHOLDERS))
    if not whole and (part := _WITHIN.search(word)):
        raise ValueError(f'{part[0]} must be a word of its own, as in ["--option", "{part[0]}"]; found \'{word}\'')
