"""What a machine has for sites of ours, line by line for the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Slot
from reconciler.drivers.examining import Finding, failed, ok, split, unknown, warning
from reconciler.drivers.iis import scripts
from reconciler.drivers.iis.neighbour import RESTARTS
from reconciler.drivers.iis.scripts import Prepared
from reconciler.drivers.windows.script import Run
from reconciler.errors import ReconcilerError
from reconciler.spelling import shown

FEATURES = "Install-WindowsFeature Web-Server, Web-Scripting-Tools, Web-AppInit"


def prepared(run: Run, entry: str, names: Sequence[str], ports: Sequence[int]) -> Iterator[Finding]:
    """`entry`: as in [sites.NAME]; names of sites and their ports, blue first."""
    try:
        found = scripts.prepared(run, names, ports)
    except ReconcilerError as error:
        yield unknown("iis", *split(error))
        return
    if not found.rights:
        yield failed("rights", "the user is no administrator there", "net localgroup Administrators USER /add")
    elif not found.installed:
        yield failed("iis", "it is not installed there", FEATURES)
    else:
        yield ok("iis", shown(found.version) or "installed")
        yield from _modules(found)
        yield from (warning("pool", shown(one), "the next start of that slot sets it right") for one in found.odd)
        for slot, name, port, by in zip(Slot, names, ports, found.taken, strict=False):
            yield _place(f"port {slot}", entry, name, port, by)


def _modules(found: Prepared) -> Iterator[Finding]:
    names = [name.casefold() for name in found.modules]
    if any(name.startswith("httpplatformhandler") for name in names):
        yield warning("node", f"HttpPlatformHandler; {RESTARTS}", "iisnode, or a service, or a gateway elsewhere")
    elif "iisnode" in names:
        yield ok("node", "iisnode")
    else:
        yield warning(
            "node", "neither iisnode nor HttpPlatformHandler is there", "install the one that web.config names"
        )
    if "applicationinitializationmodule" not in names:
        cure = "Install-WindowsFeature Web-AppInit"
        yield warning("warm-up", "Application Initialization is not there, so a first request starts the member", cure)


def _place(what: str, entry: str, name: str, port: int, by: str) -> Finding:
    if by and by != f"site {name}":
        cure = f"give [sites.{entry}] another port, or end what uses that one"
        return failed(what, f"{port} is taken by {shown(by)}", cure)
    return ok(what, f"{port}, our own site" if by else f"{port} is free")
