"""What the documentation must say, from the code: rules, keys with defaults, reasons, options.

`python tests/docs/docs_tables.py` writes the tables that are generated (rules, metrics); the others are written by
hand, and the tests compare them with what is told here.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from reconciler.cli import COMMANDS
from reconciler.core.events import Adopted, Phase
from reconciler.core.model import Outcome
from reconciler.core.plan import RULES, Rule, rule_name
from reconciler.desired import schema
from reconciler.durations import write
from reconciler.metrics.families import FAMILIES
from reconciler.operator_tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CORE = ROOT / "reconciler" / "core"
LIMITS = {"critical", "interval", "failureLimit", "inconclusiveLimit", "consecutiveErrorLimit", "mustHaveData"}
COMMON = {"gateways": {"kind"}, "hosts": {"kind"}, "gates": {"kind", "name", "mode", *LIMITS}}
BEGIN, END = "<!-- rules:", "<!-- end -->"
METRICS = "<!-- metrics:"


# ---- the rules -------------------------------------------------------------------------------------------------------


def first_paragraph(rule: Rule) -> str:
    """A rule's docstring up to its first empty line, on one line."""
    return " ".join((rule.__doc__ or "").split("\n\n")[0].split())


def rules_table() -> str:
    rows = (f"| {number} | `{rule_name(rule)}` | {first_paragraph(rule)} |" for number, rule in enumerate(RULES, 1))
    return "\n".join(["| nr | rule | what it says |", "|---|---|---|", *rows])


def with_rules(text: str) -> str:
    """The architecture page with the table as it should be."""
    return _with_table(text, BEGIN, rules_table())


def _with_table(text: str, begin: str, table: str) -> str:
    head, _, rest = text.partition(begin)
    marker, _, rest = rest.partition("-->")
    return f"{head}{begin}{marker}-->\n\n{table}\n\n{END}{rest.partition(END)[2]}"


# ---- the metrics -----------------------------------------------------------------------------------------------------


def metrics_table() -> str:
    rows = (f"| `{name}` | {one.kind} | {_labels(one.labels)} | {one.says} |" for name, one in FAMILIES.items())
    return "\n".join(["| metric | kind | labels | what it says |", "|---|---|---|---|", *rows])


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def with_metrics(text: str) -> str:
    """The page of metrics with the table as it should be."""
    return _with_table(text, METRICS, metrics_table())


# ---- keys and their defaults -----------------------------------------------------------------------------------------


def manifest_keys() -> dict[str, dict[str, str]]:
    """Section -> key -> default. Sections: `manifest`, and one per kind of driver, such as `gates.http`."""
    document = schema.load(schema.ENVIRONMENT)
    sections = {"manifest": dict(_keys(document, document["$defs"], ""))}
    for name, definition in document["$defs"].items():
        family, _, kind = name.partition(".")
        if family in COMMON and kind and "." not in kind and "kind" in definition["properties"]:
            keys = dict(_keys(definition, document["$defs"], ""))
            sections[name] = {key: default for key, default in keys.items() if key not in COMMON[family]}
    return sections


def operator_keys() -> dict[str, str]:
    document = schema.load(schema.OPERATOR)
    return dict(_keys(document, document["$defs"], ""))


def _keys(node: Any, defs: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every key below `node` that has no keys of its own."""
    required = node.get("required", ())
    for name, value in node.get("properties", {}).items():
        yield from _key(value, defs, _slot(f"{path}.{name}" if path else name), name in required)


def _slot(path: str) -> str:
    return re.sub(r"\bslots\.(blue|green)\b", "slots.SLOT", path)


def _key(value: Any, defs: Any, path: str, required: bool) -> Iterator[tuple[str, str]]:
    target = {**_resolved(value, defs), **{k: v for k, v in value.items() if k != "$ref"}}
    named = target.get("patternProperties") or {"": target.get("additionalProperties")}
    inner = _resolved(next(iter(named.values())) or {}, defs) if next(iter(named.values())) is not True else {}
    if path in TABLES and "additionalProperties" in target:
        inner = _resolved(target["additionalProperties"], defs)
    items = _resolved(target.get("items", {}), defs)
    if target.get("properties"):
        yield from _keys(target, defs, path)
    elif items.get("properties"):
        yield path + "[]", _default(target, required)
        yield from _keys(items, defs, path + "[]")
    elif inner.get("properties"):
        yield from _keys(inner, defs, path + ".NAME")
    else:
        yield path, _default(target, required)


def _resolved(value: Any, defs: Any) -> Any:
    return defs[value["$ref"].rpartition("/")[2]] if "$ref" in value else value


def _default(value: Any, required: bool) -> str:
    """As it would be written in a file; `required`, or empty when there is none."""
    if required:
        return "required"
    if "default" not in value or value["default"] == []:
        return ""
    found = value["default"]
    patterns = [value.get("pattern", ""), *(choice.get("pattern", "") for choice in value.get("anyOf", ()))]
    if isinstance(found, float) and any("ms|s|m|h" in pattern for pattern in patterns):
        return f"`{write(found)}`"
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return f"`{found if isinstance(found, str) else json.dumps(found)}`"


# ---- reasons ---------------------------------------------------------------------------------------------------------


def wait_reasons() -> set[str]:
    """Every reason that a rule can wait with."""
    calls = (node for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.Call))
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("Wait", "_refusal"))
    return {reason for call in named if call.args for reason in _texts(call.args[0])}


def turning_back() -> set[str]:
    """Every condition under which a transition goes back."""
    found = set()
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.IfExp | ast.Tuple):
                pair = node.value.body if isinstance(node.value, ast.IfExp) else node.value
                found |= {text for text in _texts(pair.elts[0]) if _is_reason(text)} if _is_pair(pair) else set()
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "RollbackBegan":
                found |= _texts(node.args[1])
            if isinstance(node, ast.keyword) and node.arg == "condition":
                found |= {text for text in _texts(node.value) if text}
    return found


def ends() -> set[str]:
    """What an end can be called."""
    calls = [call for call in _calls("RollbackBegan", "Ended") if call.args]
    named = (call.args[0] for call in calls if isinstance(call.args[0], ast.Attribute))
    return {str(Phase[one.attr]) for one in named if one.attr in Phase.__members__} | {Adopted.__name__}


def pendings() -> set[str]:
    """Conditions that say what git does not hold yet."""
    return {text for call in _calls("Condition") for text in _texts(call.args[0]) if text.endswith("Pending")}


def not_always_held() -> set[str]:
    """Conditions after which the version may be tried again."""
    free = (call for call in _calls("RollbackBegan") for one in call.keywords if one.arg == "hold" and not _true(one))
    of_drills = {"RestoreFailed"}  # and of nothing else, so it never holds
    return {text for call in free for text in _texts(call.args[1])} | of_drills


def _true(keyword: ast.keyword) -> bool:
    return isinstance(keyword.value, ast.Constant) and keyword.value.value is True


def _calls(*names: str) -> Iterator[ast.Call]:
    calls = (node for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.Call))
    return (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names)


def _is_pair(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple) and len(node.elts) == 2


def _is_reason(text: str) -> bool:
    return re.fullmatch(r"([A-Z][a-z]+)+", text) is not None


def _trees() -> Iterator[ast.Module]:
    return (ast.parse(path.read_text("utf-8")) for path in sorted(CORE.glob("*.py")))


def _texts(node: ast.expr) -> set[str]:
    """The texts that an expression can be: a constant, one of two, or `Gate` and an outcome."""
    match node:
        case ast.Constant(str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return _texts(body) | _texts(orelse)
        case ast.JoinedStr(values=[ast.Constant("Gate"), _]):
            return {f"Gate{outcome}" for outcome in Outcome if outcome is not Outcome.SUCCESSFUL}
        case _:
            return set()


# ---- commands --------------------------------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    return {name: importlib.import_module(f"reconciler.cli.{name}").command for name in COMMANDS}


def options(command: click.Command) -> set[str]:
    """The long options that a command has of its own; those of a group are its commands'."""
    each = command.commands.values() if isinstance(command, click.Group) else ()
    return {
        text
        for parameter in (*command.params, *(one for found in each for one in found.params))
        if isinstance(parameter, click.Option)
        for text in parameter.opts
        if text.startswith("--")
    }


if __name__ == "__main__":
    for name, current in (("architecture", with_rules), ("metrics", with_metrics)):
        page = DOCS / f"{name}.md"
        page.write_text(current(page.read_text("utf-8")), encoding="utf-8")
