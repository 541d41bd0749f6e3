"""What a command or a query may be told of the transition that it is asked for: plain names, fit for an argument."""

from __future__ import annotations

from reconciler.core.model import Release
from reconciler.core.reading import Window
from reconciler.drivers.process.app import plain


def words(environment: str, window: Window) -> dict[str, str]:
    """Raises Refused for a name that could be more than a name."""
    return named(environment, window.newcomer, window.transition)


def named(environment: str, newcomer: Release, transition: str) -> dict[str, str]:
    """Raises Refused for a name that could be more than a name."""
    version = newcomer.version.partition("#")[0]
    found = {"version": version, "environment": environment, "transition": transition}
    return {"slot": str(newcomer.slot), **{what: plain(f"the {what}", text) for what, text in found.items()}}
