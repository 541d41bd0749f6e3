"""PowerShell as tree-sitter reads it. No real one can be had where the tests run: so syntax is all that is proved.

It misreads a `switch` on one line with `default`, and lets a `try` without `catch` pass: our scripts have neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

LANGUAGE = Language(tree_sitter_powershell.language())


@cache
def tree(text: str) -> Node:
    return Parser(LANGUAGE).parse(text.encode()).root_node


def every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from every(child)


def of(node: Node, *kinds: str) -> Iterator[Node]:
    return (one for one in every(node) if one.type in kinds)


def ancestors(node: Node) -> Iterator[Node]:
    """The nearest first."""
    while node.parent is not None:
        node = node.parent
        yield node


def said(node: Node) -> str:
    return (node.text or b"").decode()


class Parameter(NamedTuple):
    type: str  # in small letters: `string`, `string[]`, `int`, ...; empty when it has none
    mandatory: bool


@cache
def parameters(text: str) -> dict[str, Parameter]:
    """Of a script's `param(...)`, by the name without its dollar, in small letters: PowerShell sees no difference."""
    found = {}
    block = next(of(tree(text), "param_block"), None)  # the first is the script's own; functions have theirs
    for one in of(block, "script_parameter") if block else ():
        name = next(said(child) for child in one.children if child.type == "variable")
        kind = next((said(literal)[1:-1].lower() for literal in of(one, "type_literal")), "")
        attributes = "".join(said(attribute) for attribute in of(one, "attribute")).lower()
        found[name[1:].lower()] = Parameter(kind, "mandatory" in attributes)
    return found


FITS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "long": (int,),
    "double": (int, float),
    "bool": (bool,),
}


def misfit(text: str, arguments: dict[str, object]) -> str:
    """Why PowerShell would not bind these arguments; empty when it would. It is stricter: a number is no text here."""
    known = parameters(text)
    for name, value in arguments.items():
        if name.lower() not in known:
            return f"A parameter cannot be found that matches parameter name '{name}'."
        kind = known[name.lower()].type
        each = value if kind.endswith("[]") and isinstance(value, list) else [value]
        if not all(_fits(kind.removesuffix("[]"), one) for one in each):
            return f"Cannot process argument transformation on parameter '{name}'."
    missing = [name for name, one in known.items() if one.mandatory and name not in map(str.lower, arguments)]
    return (
        f"Cannot process command because of one or more missing mandatory parameters: {missing[0]}." if missing else ""
    )


def _fits(kind: str, value: object) -> bool:
    wanted = FITS.get(kind, (object,))
    return isinstance(value, wanted) and (not isinstance(value, bool) or bool in wanted or object in wanted)
