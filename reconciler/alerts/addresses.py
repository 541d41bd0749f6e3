"""The addresses that stand in the operator's file itself: whether apprise understands them. It is loaded only where
there are some."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.configuration import Configuration
from reconciler.errors import InvalidConfiguration


def misread(configuration: Configuration) -> Iterator[str]:
    """Every address in the operator's file that apprise does not understand: where, and never the address itself."""
    if configuration.recipients:
        from reconciler.drivers.alerts.send import problem

        for name, recipient in configuration.recipients.items():
            if wrong := problem(recipient):
                yield f"alerts.{name}.url: {wrong}"


def refuse_misread(configuration: Configuration) -> None:
    """Raises InvalidConfiguration with everything that is wrong."""
    if wrong := list(misread(configuration)):
        raise InvalidConfiguration("\n".join(f"{configuration.file}: {line}" for line in wrong))
