"""What a service needs on its machine, for the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Slot
from reconciler.drivers.examining import Finding, failed, ok, split, unknown, warning
from reconciler.drivers.windows import examined as machines
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Ask, Run
from reconciler.drivers.windows_service import looking
from reconciler.drivers.windows_service.looking import Look, Seen
from reconciler.drivers.windows_service.place import Place
from reconciler.drivers.windows_service.service import Service
from reconciler.errors import ReconcilerError


def examined(name: str, service: Service, machine: Machine, place: Place, run: Ask) -> Sequence[Finding]:
    root = (service.releases or service.command[0]).partition("{")[0].rpartition("\\")[0]
    folders = list(dict.fromkeys(one for one in (root, service.folder) if one))
    found = machines.examined(service.machine, machine, run, folders)
    return [*found, *_services(name, service, place, run)] if machines.answers(found) else found


def _services(name: str, service: Service, place: Place, run: Run) -> Iterator[Finding]:
    services = {place.name(slot): place.record(slot) for slot in Slot}
    ports = [port for slot in Slot for port in place.ports(slot)]
    try:
        look = looking.look(run, services, ports=ports)
    except ReconcilerError as error:
        yield unknown("services", *split(error))
        return
    yield _rights(look)
    for slot in Slot:
        seen = look.services[place.index(slot)]
        yield _service(name, service, slot, seen)
        if ports:
            yield _port(name, slot, seen, ports[place.index(slot)], look.taken[place.index(slot)])


def _rights(look: Look) -> Finding:
    if look.may:
        return ok("rights", "the user is an administrator there")
    cure = r"net localgroup Administrators CORP\reconcile /add there, with the user's own name"
    return failed("rights", "the user is no administrator there, and may not make or change services", cure)


def _service(name: str, service: Service, slot: Slot, seen: Seen) -> Finding:
    what = f"service {slot}"
    if not seen.there:
        return ok(what, f"{seen.name} is not there yet; the first start makes it")
    if not seen.record:
        cure = f"`sc.exe delete {seen.name}` there, or another `service` in [services.{name}]"
        return failed(what, f"{seen.name} is there, and no reconciler has made it", cure)
    if seen.account.lower() not in (service.user.lower(), ""):
        return warning(
            what, f"{seen.name} runs as {seen.account}, not as {service.user}", "the next start changes that"
        )
    if not seen.stopped and seen.mode != "Auto":
        cure = f"Set-Service {seen.name} -StartupType Automatic there"
        return warning(what, f"{seen.name} runs, and does not start with the machine ({seen.mode})", cure)
    return ok(what, f"{seen.name}: {seen.state}, {seen.mode}, as {seen.account}")


def _port(name: str, slot: Slot, seen: Seen, port: int, taken: bool) -> Finding:
    what = f"port {slot}"
    if seen.processes:
        if taken:
            return ok(what, f"{port}, where {seen.name} listens, or somebody")
        return warning(what, f"nobody listens on {port}, though {seen.name} runs", "see what it logs")
    if not taken:
        return ok(what, f"{port} is free there")
    return failed(what, f"somebody else listens on {port} there", f"end it, or another port in [services.{name}]")
