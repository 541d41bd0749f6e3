"""Where everything of one member lies on its machine, and what it is called there: text, by the operator's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import Pin, Slot
from reconciler.drivers.process.app import plain
from reconciler.drivers.windows_service.service import IN_NAME, Service
from reconciler.errors import Refused

CONFIG = "SLOT_CONFIG"  # the variable that tells a member where its pin's configuration lies


@dataclass(frozen=True, slots=True)
class Place:
    service: Service
    host: str  # the machine's
    environment: str
    member: str

    def who(self, slot: Slot) -> str:
        return f"{self.member} in {slot} (service {self.name(slot)})"

    def index(self, slot: Slot) -> int:
        """In a look at both slots."""
        return list(Slot).index(slot)

    def fixed(self, slot: Slot) -> dict[str, str]:
        """What does not depend on a pin."""
        return {"slot": str(slot), "member": self.member, "environment": self.environment}

    def name(self, slot: Slot) -> str:
        values = self.fixed(slot)
        return self.service.filled(self.service.service, {name: values[name] for name in IN_NAME})

    def address(self, slot: Slot) -> str | None:
        host = self.service.address or self.host
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{self.service.ports.of(slot)}" if self.service.ports else None

    def ports(self, slot: Slot) -> Sequence[int]:
        return (self.service.ports.of(slot),) if self.service.ports else ()

    def record(self, slot: Slot) -> str:
        return rf"{self.service.folder}\{self.name(slot)}.json"

    def config(self, slot: Slot) -> str:
        return rf"{self.service.folder}\{self.name(slot)}.config.json"

    @property
    def ownership(self) -> str:
        return self.service.ownership(self.environment, self.member)

    def files(self, slot: Slot) -> tuple[str, str]:
        """Whose text is asked for beside the records'."""
        return self.config(slot), self.ownership

    def values(self, slot: Slot, pin: Pin) -> dict[str, str]:
        """What the placeholders of a command stand for. Raises Refused for a version that cannot be a folder."""
        values = self.fixed(slot) | {
            "version": plain("the version", pin.version),
            "config": self.config(slot),
            "ownership": self.ownership,
        }
        if pin.version.endswith("."):
            raise Refused(
                f"the version {pin.version!r} cannot be used: Windows drops a dot at the end of a folder's name"
            )
        if self.service.ports:
            values["port"] = str(self.service.ports.of(slot))
        if self.service.releases is not None:
            values["release"] = self.service.filled(self.service.releases, values)
        return values

    def line(self, values: Mapping[str, str]) -> str:
        try:
            return self.service.line(values)
        except ValueError as error:
            raise Refused(f"{self.member}: {error}") from error

    def needed(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """What must lie there before a start."""
        return tuple(dict.fromkeys(one for one in (values.get("release"), self.service.program(values)) if one))

    def lacking(self, pin: Pin, needed: Sequence[str], there: Sequence[bool]) -> str:
        missing = next((path for path, found in zip(needed, there, strict=True) if not found), None)
        if missing is None:
            return ""
        expected = f"the files of {self.member} {pin.version} are not there: expected '{missing}' on {self.host}"
        return f"{expected}; put the files there, then reconcile retry ENV -m WHY"

    def taken(self, slot: Slot, table: str) -> str:
        why = f"{self.who(slot)} needs port {self.ports(slot)[0]} of {self.host}, where somebody listens already"
        return f"{why}; end what uses it, or give [services.{table}] another one"

    def foreign(self, slot: Slot, table: str) -> str:
        name = self.name(slot)
        cure = f"stop it, then `sc.exe delete {name}` there, or give [services.{table}] another `service`"
        return f"{self.host} has a service {name} that no reconciler has made; {cure}"
