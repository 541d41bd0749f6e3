"""What a gate may tell others of the transition that it is asked about: plain names, fit for an argument or a query."""

from __future__ import annotations

from reconciler.core.model import Window
from reconciler.drivers.process.app import plain


def words(environment: str, window: Window) -> dict[str, str]:
    """Raises Refused for a name that could be more than a name."""
    version = window.newcomer.version.partition("#")[0]
    found = {"version": version, "environment": environment, "transition": window.transition}
    return {"slot": str(window.newcomer.slot), **{what: plain(f"the {what}", text) for what, text in found.items()}}
