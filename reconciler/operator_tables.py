"""The tables of the operator's file whose entries have names, such as `[apps.NAME]`: those that a manifest may name,
and `[alerts.NAME]` and `[logs.NAME]`, which it may not. What one may say is a model that lies with the driver it is
for, and is imported when there is such a table, not before."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reconciler.operator_file import fields, tell
from reconciler.spelling import unknown


@dataclass(frozen=True, slots=True)
class Table:
    """Where the model of one section's entries lies, and what one of them is called."""

    one: str
    module: str
    name: str

    def model(self) -> type[BaseModel]:
        found: type[BaseModel] = getattr(importlib.import_module(f"reconciler.drivers.{self.module}"), self.name)
        return found


TABLES = {
    "apps": Table("app", "process.app", "App"),
    "proxies": Table("proxy", "haproxy.proxy", "Proxy"),
    "commands": Table("command", "commands.command", "Command"),
    "queries": Table("query", "figures.query", "Query"),
    "folders": Table("folder", "folders.folder", "Folder"),
    "alerts": Table("alert", "alerts.recipient", "Recipient"),
    "logs": Table("log", "logs.destination", "Destination"),
    "machines": Table("machine", "windows.machine", "Machine"),
    "shares": Table("share", "shares.share", "Share"),
    "farms": Table("farm", "iis_arr.farm", "Farm"),
    "sites": Table("site", "iis.site", "Site"),
    "services": Table("service", "windows_service.service", "Service"),
}


def defined(section: str, tables: Any, base: Path, wrong: list[str]) -> dict[str, Any]:
    """Every entry of a section, and into `wrong` what is wrong with them. `base`, the file's folder, is what relative
    paths are relative to: ours to say, not a key of the file."""
    found: dict[str, Any] = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if not isinstance(table, dict):
            continue  # told already
        model = TABLES[section].model()
        if "base" in table:
            wrong.append(f"{section}.{name}: {unknown('key', 'base', fields(model))}")
        ours = {"base": base} if "base" in model.model_fields else {}
        try:
            found[name] = model.model_validate({**{key: table[key] for key in table if key != "base"}, **ours})
        except ValidationError as error:
            wrong += tell(error, model, (section, name))
    return found
