"""What a manifest must mean, beyond its shape: slots that are pinned, steps that climb, members that exist.

These look at the data as it was written, so that they also speak when something else in the file is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.desired.drill_checks import check_drill
from reconciler.desired.explain import Found
from reconciler.desired.window_checks import check_windows
from reconciler.spelling import clip, unknown

Saying = Iterator[Found]
LIVE = ("synthetic", "regression")  # kinds of gates that send requests to the newcomer


def check(data: Any) -> Saying:
    """Everything in a manifest that makes no sense."""
    spec = _mapping(_mapping(data).get("spec"))
    members = [(index, _mapping(member)) for index, member in enumerate(_list(spec.get("members")))]
    yield from _active_is_pinned(spec)
    yield from _members(members)
    steps = [_mapping(step) for step in _list(_mapping(spec.get("strategy")).get("steps"))]
    if steps:
        yield from _weights_climb(steps)
        yield from _handed_over(steps, {str(member.get("name")): member for _, member in members})
    gates = _mapping(spec.get("gates"))
    yield from _one_version_only(_mapping(spec.get("migrate")), steps)
    yield from _never_asked(spec, gates, [member for _, member in members])
    yield from _gate_names(gates)
    yield from _saved(spec)
    yield from _approvals(spec, [member for _, member in members])
    yield from check_drill(_mapping(spec.get("drill")))
    yield from check_windows(_list(spec.get("windows")))


def _active_is_pinned(spec: dict[str, Any]) -> Saying:
    active, slots = spec.get("activeSlot"), spec.get("slots")
    if active in ("blue", "green") and isinstance(slots, dict) and active not in slots:
        cure = f'add `{active}: {{version: "..."}}` to slots, or make the other one active'
        text = f"slot '{active}' is not pinned; {cure}"
        yield ("spec", "activeSlot"), False, text


def _members(members: list[tuple[int, dict[str, Any]]]) -> Saying:
    names: set[str] = set()
    prefixes: dict[str, str] = {}
    for index, member in members:
        path, name = ("spec", "members", index), member.get("name")
        if isinstance(name, str) and name in names:
            yield (*path, "name"), False, f"there are two members '{clip(name)}'; give each a name of its own"
        names.add(str(name))
        if member.get("traffic") == "exclusive" and "match" in member:
            yield (*path, "match"), True, "an exclusive member gets no requests; remove match, or make it weighted"
        if member.get("traffic") == "weighted" and member.get("standby") is True:
            yield (*path, "standby"), True, "only an exclusive member stands by; remove standby, or make it exclusive"
        if member.get("traffic") == "weighted":
            yield from _prefix(path, member, prefixes)
    if members and not any(member.get("traffic") not in ("exclusive", None) for _, member in members):
        yield ("spec", "members"), True, "no member is weighted; at least one must take the gateway's requests"


def _prefix(path: tuple[str | int, ...], member: dict[str, Any], prefixes: dict[str, str]) -> Saying:
    prefix = _mapping(member.get("match")).get("prefix", "/")
    if not isinstance(prefix, str):
        return
    name, plain = clip(str(member.get("name"))), prefix.rstrip("/")
    if plain in prefixes:
        text = f"'{name}' and '{prefixes[plain]}' both match prefix '{clip(prefix)}'; give each a prefix of its own"
        yield (*path, "match", "prefix"), False, text
    prefixes.setdefault(plain, name)


def _weights_climb(steps: list[dict[str, Any]]) -> Saying:
    last, where = 0, -1
    for index, step in enumerate(steps):
        weight = step.get("setWeight")
        if not isinstance(weight, int) or isinstance(weight, bool):
            continue
        if weight <= last:
            text = f"{weight} does not rise above {last}, expected weights that climb from step to step"
            yield _step(index, "setWeight"), False, text
        last, where = weight, index
    if where < 0:
        yield ("spec", "strategy", "steps"), True, "no step sets a weight, expected them to end at `setWeight: 100`"
    elif last != 100:
        yield _step(where, "setWeight"), False, f"the last weight is {last}, expected 100; add `setWeight: 100`"


def _handed_over(steps: list[dict[str, Any]], members: dict[str, dict[str, Any]]) -> Saying:
    full = max((index for index, step in enumerate(steps) if "setWeight" in step), default=-1)
    exclusive = [name for name, member in members.items() if member.get("traffic") == "exclusive"]
    handed: set[str] = set()
    for index, step in enumerate(steps):
        if "handOver" in step and index < full:
            text = "members change hands before the last setWeight; move this step behind `setWeight: 100`"
            yield _step(index, "handOver"), True, text
        for position, name in enumerate(_list(step.get("handOver"))):
            if isinstance(name, str) and (wrong := _not_handed(name, members, exclusive, handed)):
                yield (*_step(index, "handOver"), position), False, wrong
            handed.add(str(name))


def _not_handed(name: str, members: dict[str, Any], exclusive: list[str], handed: set[str]) -> str:
    if name not in members:
        return unknown("member", name, exclusive)
    if members[name].get("traffic") == "weighted":
        return f"member '{name}' is weighted: it moves by setWeight; only exclusive members change hands"
    return f"member '{name}' changes hands twice; remove one" if name in handed else ""


def _one_version_only(migrate: dict[str, Any], steps: list[dict[str, Any]]) -> Saying:
    """At any weight between, both versions would run on one schema, and the old one does not work with it."""
    if migrate.get("oldVersionWorks") is not False:
        return
    if not steps:
        text = "the default steps would let both versions run on the migrated data; write `steps: [{setWeight: 100}]`"
        yield ("spec", "migrate", "oldVersionWorks"), False, text
    for index, step in enumerate(steps):
        if step.get("pause") == {} and index < len(steps) and not any("setWeight" in one for one in steps[:index]):
            text = "until somebody promotes it, all users would stay on a version that does not work with the data"
            yield _step(index, "pause"), False, text
        if step.get("setWeight", 100) != 100:
            text = (
                "both versions would run on the migrated data (oldVersionWorks: false); only `setWeight: 100` is safe"
            )
            yield _step(index, "setWeight"), False, text


def _never_asked(spec: dict[str, Any], gates: dict[str, Any], members: list[dict[str, Any]]) -> Saying:
    """A check that nobody would ever ask for is a promise not kept."""
    if gates.get("migrate") and "migrate" not in spec:
        text = "nothing is migrated here, so these would never be asked; add `migrate`, or move them to preflight"
        yield ("spec", "gates", "migrate"), True, text
    if gates.get("handOver") and not any(member.get("traffic") == "exclusive" for member in members):
        text = "no member is exclusive, so nothing is handed over and these would never be asked; move them"
        yield ("spec", "gates", "handOver"), True, text
    for index, entry in enumerate(_list(gates.get("migrate"))):
        gate = _mapping(entry)
        if gate.get("kind") in LIVE or "path" in gate or "path" in _mapping(gate.get("http")):
            text = "this asks the newcomer, and nothing of it runs before the migration; move it to preflight"
            yield ("spec", "gates", "migrate", index, "kind"), False, text
    migrate = _mapping(spec.get("migrate"))
    if "command" in migrate and migrate.get("command") == migrate.get("check"):
        text = "command and check are the same; the check must only look, and tell by its exit code"
        yield ("spec", "migrate", "check"), False, text


def _approvals(spec: dict[str, Any], members: list[dict[str, Any]]) -> Saying:
    """An approval that can never be given, or would never be asked for."""
    asked = _mapping(spec.get("approvals"))
    approvers = [name for name in _list(asked.get("approvers")) if isinstance(name, str)]
    path, known = ("spec", "approvals"), [name.casefold() for name in approvers]
    for index, name in enumerate(known):
        if name in known[:index]:
            yield (*path, "approvers", index), False, f"'{clip(approvers[index])}' stands here twice; remove one"
    minimum = asked.get("minimum")
    if isinstance(minimum, int) and known and minimum > len(set(known)):
        text = f"{minimum} must agree, and there are only {len(set(known))} approvers; lower it, or add approvers"
        yield (*path, "minimum"), False, text
    for index, stage in enumerate(_list(asked.get("before"))):
        if stage == "migrate" and "migrate" not in spec:
            text = "nothing is migrated here, so this would never be asked; add `migrate`, or take it out"
            yield (*path, "before", index), False, text
        if stage == "handOver" and not any(member.get("traffic") == "exclusive" for member in members):
            text = "no member is exclusive, so nothing is handed over and this would never be asked; take it out"
            yield (*path, "before", index), False, text


def _saved(spec: dict[str, Any]) -> Saying:
    """A recovery point of nothing, or of the same thing twice."""
    snapshot = spec.get("snapshot")
    if snapshot == {}:
        text = "nothing would be saved; name `folders`, or a `command` that writes a dump, or take it out"
        yield ("spec", "snapshot"), True, text
    folders = _list(_mapping(snapshot).get("folders"))
    for index, name in enumerate(folders):
        if isinstance(name, str) and name in folders[:index]:
            yield ("spec", "snapshot", "folders", index), False, f"'{clip(name)}' stands here twice; remove one"


def _gate_names(gates: dict[str, Any]) -> Saying:
    names: set[str] = set()
    for stage, entries in gates.items():
        for index, entry in enumerate(_list(entries)):
            name = _mapping(entry).get("name")
            if isinstance(name, str) and name in names:
                text = f"there are two gates '{clip(name)}'; give each a name of its own"
                yield ("spec", "gates", stage, index, "name"), False, text
            names.add(str(name))


def _step(index: int, key: str) -> tuple[str | int, ...]:
    return "spec", "strategy", "steps", index, key


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
