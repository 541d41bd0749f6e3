"""When the certificates end by which we and a Windows machine know each other, for the doctor."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from reconciler.clock import Clock
from reconciler.drivers.certificates import ends
from reconciler.drivers.examining import Finding, failed, split, unknown
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import ReconcilerError, Refused

LISTENER = "`winrm enumerate winrm/config/listener` shows which one it is"


def certificates(name: str, machine: Machine, clock: Clock) -> Iterator[Finding]:
    """None, where messages go over http."""
    if machine.tls:
        yield _shown(machine, clock)
    yield from own(name, machine, clock)


def own(name: str, machine: Machine, clock: Clock) -> Iterator[Finding]:
    """The one that we show there. It is looked at in its file: nobody there need answer."""
    if not (machine.certificate and machine.key):
        return
    what, cure = "our certificate", f"put a new pair where [machines.{name}] points, and map it to the user there"
    certificate, key = machine.file(machine.certificate), machine.file(machine.key)
    try:
        end = ends.of_client(certificate, key)
    except Refused as error:
        yield failed(what, str(error), cure)
    else:
        yield ends.told(what, machine.certificate, end, cure, clock.now().timestamp())


def _shown(machine: Machine, clock: Clock) -> Finding:
    from reconciler.drivers.windows.connections import Budget, trust  # a quarter of a second: not before it is needed

    what, cure = "certificate", f"renew it there, and give it to WinRM's listener: {LISTENER}"
    try:
        context = trust(machine, Budget(clock))
        context.sslsocket_class = ssl.SSLSocket  # a connection of our own, with times of its own
        end = ends.shown(machine.host, machine.port, context).ends
    except ReconcilerError as error:
        return failed(what, *split(error))
    except OSError as error:
        return unknown(what, f"{machine.host} does not show it: {error.strerror or error}")
    return ends.told(what, machine.host, end, cure, clock.now().timestamp())
