"""How a person does the host's work at a PowerShell of the machine: lines, which hold no secret."""

from __future__ import annotations

from reconciler.core.model import Pin, Slot
from reconciler.drivers.protocols import Typed
from reconciler.drivers.windows_service.place import Place
from reconciler.drivers.windows_service.service import Service


def typed(service: Service, place: Place, slot: Slot, pin: Pin) -> Typed:
    name, at = _quoted(place.name(slot)), f"in a PowerShell of an administrator on {place.host}: "
    line = f"""(Get-CimInstance Win32_Service -Filter "Name='{place.name(slot)}'").PathName"""
    start = (
        f"{at}Set-Service {name} -StartupType Automatic; Start-Service {name}; if `{line}` does not name version "
        f"{pin.version}, only a reconciler can"
    )
    stop = f"{at}Set-Service {name} -StartupType Disabled; Stop-Service {name}"
    if not (service.standby and service.ready):
        return Typed(stop, start)
    role = f"{at}Invoke-RestMethod http://{place.address(slot)}{service.ready}"
    return Typed(stop, start, at + named(place.ownership, None), role, at + named(place.ownership, slot))


def named(file: str, owner: Slot | None) -> str:
    """By which a person names the owner, or nobody, by the next number."""
    said = "null" if owner is None else f'"{owner}"'
    text = f'{{{{"owner": {said}, "number": {{0}}, "since": {{{{"blue": {{0}}, "green": {{0}}}}}}}}}}'
    number = "$n = [long](Get-Content -Raw $f | ConvertFrom-Json).number"
    return (
        f"$f = {_quoted(file)}; $n = [long]0; if (Test-Path $f) {{ {number} }}; "
        f"[IO.File]::WriteAllText($f + '.new', ({_quoted(text)} -f ($n + 1))); Move-Item -Force ($f + '.new') $f"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
