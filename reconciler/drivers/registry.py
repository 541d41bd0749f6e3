"""kind -> module: the file's name is the kind. An unknown kind is an error that lists the known ones."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from types import ModuleType

from reconciler.errors import Refused

FAMILIES = ("gateways", "hosts", "gates")


@cache
def kinds(family: str) -> tuple[str, ...]:
    """The kinds of a family, e.g. ("envoy",); manifests write them with dashes."""
    package = importlib.import_module(f"reconciler.drivers.{family}")
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__)))


def driver(family: str, kind: str) -> ModuleType:
    """The module of a kind, imported now and not before: its libraries load only when it is used. Raises Refused."""
    if kind not in kinds(family):
        near = difflib.get_close_matches(kind, kinds(family), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise Refused(f"unknown {family[:-1]} kind '{kind}', expected one of: {', '.join(kinds(family))}{hint}")
    return importlib.import_module(f"reconciler.drivers.{family}.{kind.replace('-', '_')}")
