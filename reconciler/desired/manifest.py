"""One environment as git asks for it, read and judged: what the core decides by, and which drivers to open.

`read` never raises: bytes become a `Manifest`, or an `Invalid` that tells everything wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from reconciler.core.model import Mode, Spec, Stage
from reconciler.desired import schema
from reconciler.desired.checks import check
from reconciler.desired.document import Chosen, Document, DrillEntry, Migrate, Snapshot, WindowEntry
from reconciler.desired.drill_checks import in_vain
from reconciler.desired.explain import Found, explain
from reconciler.desired.spec import named_gates, to_spec
from reconciler.desired.yaml_strict import MOST_PROBLEMS, Parsed, Path, parse
from reconciler.drivers import registry
from reconciler.errors import Problem, Refused
from reconciler.spelling import clip, shown

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class GatewayDriver:
    kind: str
    settings: Any  # an instance of the driver's `Settings`


@dataclass(frozen=True, slots=True)
class MemberDriver:
    """Which host runs a member. `prefix` is the path of a weighted one; an exclusive one has none."""

    name: str
    prefix: str | None
    kind: str
    settings: Any
    standby: bool = False


@dataclass(frozen=True, slots=True)
class GateDriver:
    """Which driver judges; stage and mode stand in `Spec.gates` under the same name."""

    name: str
    kind: str
    settings: Any
    path: Path = field(default=(), compare=False)  # its place in the file


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the composition root needs of one environment."""

    name: str
    file: str
    spec: Spec
    gateway: GatewayDriver
    members: tuple[MemberDriver, ...]
    gates: tuple[GateDriver, ...]
    snapshot: Snapshot | None
    migrate: Migrate | None
    windows: tuple[WindowEntry, ...]
    drill: DrillEntry | None
    parsed: Parsed = field(compare=False, repr=False)  # for the places of what is found wrong later

    def problem(self, path: Path, message: str) -> Problem:
        """Something wrong with a value, found by somebody who knows more than this file."""
        return _problem(self.file, self.parsed, path, message)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A manifest that cannot be used. `name` is None when not even that could be read."""

    file: str
    name: str | None
    problems: tuple[Problem, ...]
    parsed: Parsed | None = field(default=None, compare=False, repr=False)

    def problem(self, path: Path, message: str) -> Problem:
        """Something else that is wrong, found by somebody who knows more than this file."""
        return _problem(self.file, self.parsed, path, message)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def _problem(file: str, parsed: Parsed | None, path: Path, message: str) -> Problem:
    place = parsed.place(path) if parsed else None
    line, column = (place.line, place.column) if place else (0, 0)
    return Problem(file, line, column, shown(message))


def read(data: bytes, file: str) -> Manifest | Invalid:
    """Parse, validate, make sense of. Never raises for what the bytes are."""
    parsed = parse(data, file)
    if parsed.complete:
        errors = islice(_validator().iter_errors(parsed.data), MOST_PROBLEMS)
        found = explain(errors, parsed)
        told = {path for path, _, _ in found} | parsed.broken
        found += [one for one in check(parsed.data) if one[0] not in told]
        if not found and not parsed.problems:
            return _understood(parsed)
        _tell(parsed, found)
    return _invalid(parsed)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema.load(schema.ENVIRONMENT))


def _understood(parsed: Parsed) -> Manifest | Invalid:
    try:
        document = Document.model_validate(parsed.data)
    except ValidationError as error:
        _tell(parsed, _found(error, ()))
        return _invalid(parsed)
    drivers = list(_drivers(document))
    wrong = [found for _, result in drivers if isinstance(result, list) for found in result]
    wrong = wrong or [*_never_confident(document), *_begun_too_late(document)]
    if wrong:
        _tell(parsed, wrong)
        return _invalid(parsed)
    manifest = _manifest(document, dict(drivers), parsed)
    if late := [*in_vain(manifest.spec)]:
        _tell(parsed, late)
        return _invalid(parsed)
    return manifest


def _drivers(document: Document) -> Iterator[tuple[Path, BaseModel | list[Found]]]:
    """Every driver's settings, or what is wrong with them, by the path of its place in the file."""
    body = document.spec
    yield ("spec", "gateway"), _settings("gateways", body.gateway, ("spec", "gateway"))
    for index, member in enumerate(body.members):
        path: Path = ("spec", "members", index, "host")
        yield path, _settings("hosts", member.host, path)
    for gate in named_gates(body.gates):
        yield gate.path, _settings("gates", gate.choice, gate.path)


def _never_confident(document: Document) -> Iterator[Found]:
    """Steps that wait for a confidence which none of the gates can ever give."""
    weighing = [
        gate
        for gate in named_gates(document.spec.gates)
        if gate.stage in (Stage.PREFLIGHT, Stage.SHIFT)
        and gate.choice.mode is Mode.ENFORCE
        and getattr(registry.driver("gates", gate.choice.kind), "CONFIDENT", False)
    ]
    for index, step in enumerate(document.spec.strategy.steps):
        if step.analysis and step.analysis.until == "confident" and not weighing:
            text = (
                "no enforced gate under `shift` can tell; add `{kind: regression}` there, or write `until: successful`"
            )
            yield ("spec", "strategy", "steps", index, "analysis", "until"), False, text


def _begun_too_late(document: Document) -> Iterator[Found]:
    """Gates that must have begun before the stage in which they stand; every later stage asks them again."""
    for gate in named_gates(document.spec.gates):
        begins = getattr(registry.driver("gates", gate.choice.kind), "BEGINS", gate.stage)
        if gate.stage is not begins:
            why = f"'{gate.choice.kind}' must begin before traffic moves"
            text = f"{why}: write it under `{begins}`; every later stage asks it again"
            yield (*gate.path, "kind"), False, text


def _settings(family: str, choice: Chosen, path: Path) -> BaseModel | list[Found]:
    try:
        model = registry.driver(family, choice.kind).Settings
        settings: BaseModel = model.model_validate(choice.model_extra or {})
        return settings
    except Refused as error:
        return [((*path, "kind"), False, str(error))]
    except ImportError as error:
        text = f"'{choice.kind}' cannot be used here: {clip(str(error))}; install its extra"
        return [((*path, "kind"), False, text)]
    except ValidationError as error:
        return list(_found(error, path))


def _found(error: ValidationError, path: Path) -> Iterator[Found]:
    for one in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_PROBLEMS]:
        yield (*path, *one["loc"]), False, one["msg"].removeprefix("Value error, ")


def _manifest(document: Document, settings: dict[Path, Any], parsed: Parsed) -> Manifest:
    body = document.spec
    gates = [(gate, settings[gate.path]) for gate in named_gates(body.gates)]
    members = [(entry, settings["spec", "members", index, "host"]) for index, entry in enumerate(body.members)]
    return Manifest(
        name=document.metadata.name,
        file=parsed.file,
        spec=to_spec(document, settings),
        gateway=GatewayDriver(body.gateway.kind, settings["spec", "gateway"]),
        members=tuple(
            MemberDriver(one.name, one.prefix, one.host.kind, chosen, one.standby) for one, chosen in members
        ),
        gates=tuple(GateDriver(gate.name, gate.choice.kind, chosen, gate.path) for gate, chosen in gates),
        snapshot=body.snapshot,
        migrate=body.migrate,
        windows=body.windows,
        drill=body.drill,
        parsed=parsed,
    )


def _tell(parsed: Parsed, found: Iterable[Found]) -> None:
    for path, key, message in found:
        place = parsed.place(path)
        line, column = place.key if key else (place.line, place.column)
        parsed.say(line, column, message)


def _invalid(parsed: Parsed) -> Invalid:
    problems = sorted(set(parsed.problems), key=lambda problem: (problem.line, problem.column, problem.message))
    return Invalid(parsed.file, _name(parsed.data), tuple(problems), parsed)


def _name(data: Any) -> str | None:
    metadata = data.get("metadata") if isinstance(data, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None
