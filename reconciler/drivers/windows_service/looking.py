"""What our scripts are asked, and what they answer, checked: it comes from another machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.drivers.windows.script import Run, Script, load
from reconciler.errors import Unreachable

LOOK, FILES, START, STOP = (
    load(Path(__file__).with_name(f"service_{name}.ps1")) for name in ("look", "files", "start", "stop")
)
NEVER_STARTED = 1077  # since the machine was started; of a service that starts with it: it will be
# It could not even be started: its program or its folder is not there, it did not answer, another service is missing,
# or its account could not log on, as after a reboot without the domain. That is no failure that Windows would act on.
NOT_EVEN_STARTED = (2, 3, 1053, 1068, 1069)

Number = Annotated[int, Field(ge=0, lt=1 << 63, strict=True)]
Text = Annotated[str, Field(max_length=70_000)]
Answer = TypeVar("Answer", bound=BaseModel)


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Process(Said):
    """`line`, `path`: empty where the user may not see them."""

    pid: Number
    started: Text
    path: Text
    line: Text

    @property
    def identity(self) -> str:
        """Fit to be written down: another process with the same number is not it."""
        return f"{self.pid}@{self.started}"


class Seen(Said):
    """A service, in Windows' words: Stopped, Start Pending, Running, Stop Pending, ...; Auto, Manual, Disabled."""

    name: Text
    there: bool
    record: Text
    state: Text
    mode: Text
    line: Text
    account: Text
    code: Number  # with which it ended
    pid: Number
    processes: Annotated[tuple[Process, ...], Field(max_length=1000)]

    @property
    def stopped(self) -> bool:
        return not self.there or self.state == "Stopped"

    @property
    def root(self) -> Process | None:
        """Its own process."""
        return next((one for one in self.processes if self.pid and one.pid == self.pid), None)

    @property
    def comes_back(self) -> bool:
        """It is stopped, and Windows may start it by itself in a moment: after a failure, or after a start of the
        machine, with which a delayed one waits two minutes."""
        if not (self.there and self.stopped) or self.code in NOT_EVEN_STARTED:
            return False
        return self.code != 0 if self.mode == "Auto" else self.mode == "Manual" and self.code not in (0, NEVER_STARTED)


class Look(Said):
    services: tuple[Seen, ...]
    texts: tuple[Text, ...]
    there: tuple[bool, ...]
    taken: tuple[bool, ...]
    uptime: float  # seconds
    may: bool  # is the user an administrator there?


class Began(Said):
    code: Number  # of `codes.py`; 0: it runs, or is starting
    state: Text


class _Stopped(Said):
    code: Number
    state: Text


class _Written(Said):
    written: Number


def look(
    run: Run,
    services: Mapping[str, str],
    files: Sequence[str] = (),
    paths: Sequence[str] = (),
    ports: Sequence[int] = (),
) -> Look:
    """`services`: names, and where their records lie. Raises Unreachable for an answer that makes no sense, and
    whatever `run` raises; so do the others."""
    asked = {"Names": list(services), "Records": list(services.values()), "Files": list(files), "Paths": list(paths)}
    found = checked(Look, run(LOOK, {**asked, "Ports": list(ports)}), LOOK)
    counts = [(found.texts, files), (found.there, paths), (found.taken, ports)]
    if [one.name for one in found.services] != list(services) or any(len(a) != len(b) for a, b in counts):
        raise _senseless(LOOK)
    return found


def put(run: Run, changes: Mapping[str, tuple[str, str]]) -> None:
    """`changes`: by file what is expected to stand in it, and what shall. Where that is so already nothing is asked."""
    wanted = {file: texts for file, texts in changes.items() if texts[0] != texts[1]}
    if wanted:
        expected, texts = zip(*wanted.values(), strict=True)
        checked(_Written, run(FILES, {"Files": list(wanted), "Expected": expected, "Texts": texts}), FILES)


def start(run: Run, name: str, line: str, account: str, variables: Mapping[str, str], other: str = "") -> Began:
    said = [f"{key}={value}" for key, value in variables.items()]
    asked = {"Name": name, "Line": line, "Account": account, "Variables": said, "Other": other}
    return checked(Began, run(START, asked), START)


def stop(run: Run, name: str, kill: Sequence[Process] = ()) -> int:
    """What Windows answers to that, as its number; 0: it was asked, or its processes were ended."""
    asked = {"Name": name, "Kill": [one.identity for one in kill]}
    return checked(_Stopped, run(STOP, asked), STOP).code


def checked(model: type[Answer], said: Mapping[str, Any], script: Script) -> Answer:
    try:
        return model.model_validate_json(json.dumps(said))
    except (ValidationError, ValueError, RecursionError):
        raise _senseless(script) from None


def _senseless(script: Script) -> Unreachable:
    """It may have changed something."""
    return Unreachable(f"{script.name}: its answer makes no sense, so nothing is known")
