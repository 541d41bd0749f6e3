"""The published JSON Schemas, generated from the models: for editors, and for our own messages.

`python -m reconciler.desired.schema` writes them, `--check` says whether they are current. Generating loads every
driver; reading loads none.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reconciler.drivers import registry
from reconciler.errors import InvalidConfiguration
from reconciler.operator_tables import TABLES

Schema = dict[str, Any]
ENVIRONMENT = "environment.schema.json"
OPERATOR = "reconciler.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CHOICES = {"gateways": "GatewayChoice", "hosts": "HostChoice", "gates": "GateChoice"}


def folder() -> Path:
    """Where the schemas lie: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


@cache
def load(name: str) -> Schema:
    """A checked-in schema. Raises InvalidConfiguration when the installation is damaged."""
    try:
        schema: Schema = json.loads((folder() / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfiguration(f"{folder() / name} cannot be read; run `make schema`, or install again") from error
    return schema


def environment() -> Schema:
    """Of a manifest, with every driver's own settings as alternatives by `kind`."""
    from reconciler.desired.document import Document

    schema = _of(Document)
    for family, choice in _CHOICES.items():
        schema["$defs"][choice] = _choice(family, schema["$defs"].pop(choice), schema["$defs"])
    return _finished(schema, "Environment")


def operator() -> Schema:
    """Of the operator's file, with what each app, proxy, command, ... may say."""
    from reconciler.configuration import Configuration

    schema = _of(Configuration)
    for section, table in TABLES.items():
        entry = schema["$defs"][table.name] = _adopted(section, _of(table.model()), schema["$defs"])
        entry["properties"].pop("base", None)  # filled in by us
        schema["properties"][section]["additionalProperties"] = {"$ref": f"#/$defs/{table.name}"}
    return _finished(schema, "Operator's file")


def _of(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True, mode="validation")


def _finished(schema: Schema, title: str) -> Schema:
    cleaned: Schema = _clean(schema)
    return {"$schema": _DIALECT, "title": title, **cleaned}


def _choice(family: str, common: Schema, defs: Schema) -> Schema:
    """Any of a family's drivers. `if kind then settings`, so that only the chosen driver's problems are told."""
    kinds = registry.kinds(family)
    alternatives = []
    for kind in kinds:
        settings = _adopted(f"{family}.{kind}", _of(registry.driver(family, kind).Settings), defs)
        settings["properties"] = {**common["properties"], **settings.get("properties", {}), "kind": {"const": kind}}
        defs[f"{family}.{kind}"] = settings
        chosen = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        alternatives.append({"if": chosen, "then": {"$ref": f"#/$defs/{family}.{kind}"}})
    kind_names: Schema = {"type": "string", "enum": list(kinds)}
    described = {key: common[key] for key in ("description",) if key in common}
    return {"type": "object", **described, "required": ["kind"], "properties": {"kind": kind_names}} | (
        {"allOf": alternatives} if alternatives else {}
    )


def _adopted(prefix: str, schema: Schema, defs: Schema) -> Schema:
    """Bring a foreign schema's definitions in under names of their own."""
    for name, definition in schema.pop("$defs", {}).items():
        defs[f"{prefix}.{name}"] = _renamed(definition, prefix)
    adopted: Schema = _renamed(schema, prefix)
    return adopted


def _renamed(node: Any, prefix: str) -> Any:
    if isinstance(node, dict):
        return {
            key: _pointed(value, prefix) if key == "$ref" else _renamed(value, prefix) for key, value in node.items()
        }
    return [_renamed(item, prefix) for item in node] if isinstance(node, list) else node


def _pointed(reference: str, prefix: str) -> str:
    return f"#/$defs/{prefix}.{reference.removeprefix('#/$defs/')}"


def _clean(node: Any, names: bool = False) -> Any:
    """Without pydantic's titles, without whole parts as defaults, and without null: what is not wanted is left out, not
    written as nothing. `names`: the keys of this mapping are names that somebody chose, not words of JSON Schema."""
    if isinstance(node, list):
        return [_clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _clean(value) for name, value in node.items()}
    kept = {key: value for key, value in node.items() if key != "title"}
    if isinstance(kept.get("default"), dict | None):
        kept.pop("default", None)
    real = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(real) == 1:
        kept = {**{key: value for key, value in kept.items() if key != "anyOf"}, **real[0]}
    elif real:
        kept["anyOf"] = real
    chosen = ("properties", "$defs")
    return {key: value if key == "default" else _clean(value, key in chosen) for key, value in kept.items()}


def _written(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def generated() -> dict[str, str]:
    """File name -> content, as it should be checked in."""
    return {ENVIRONMENT: _written(environment()), OPERATOR: _written(operator())}


def stale(where: Path) -> list[str]:
    """The files that are not what the models say."""
    return [name for name, text in generated().items() if _present(where / name) != text]


def _present(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """0: current, or written. 1: `--check` found stale files. 64: usage."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m reconciler.desired.schema [--check]", file=sys.stderr)
        return 64
    old = stale(folder())
    if arguments:
        print(f"not current: {', '.join(old)}; run `make schema`" if old else "schemas are current")
        return 1 if old else 0
    folder().mkdir(exist_ok=True)
    for name in old:
        (folder() / name).write_text(generated()[name], "utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
