"""What lies in a release's folder: `release.json`, which may tell this version to misbehave."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FILE = "release.json"


@dataclass(frozen=True)
class Misbehave:
    """What this version does wrong. The defaults are a good version."""

    search_errors: float = 0.0  # share of searches that answer 500, evenly spaced: 0.2 is every fifth
    delay_ms: float = 0.0  # added to every answer but /healthz
    die_at_start: bool = False
    never_ready: bool = False
    forget_sessions: bool = False  # knows no session but those that this version opened
    report_version: str = ""  # calls itself this instead of its version
    migrate_s: float = 0.0  # its migration takes so long
    migrate_fails: bool = False
    die_after_s: float = 0.0  # exits abruptly this long after its start; 0: does not


def read(folder: Path) -> Misbehave:
    """What the folder's release.json says; a folder without one holds a good version. Raises on a misspelt key."""
    path = folder / FILE
    if not path.exists():
        return Misbehave()
    said = json.loads(path.read_text(encoding="utf-8")).get("misbehave", {})
    unknown = set(said) - {field.name for field in fields(Misbehave)}
    if unknown:
        raise SystemExit(f"{path}: unknown misbehaviour {', '.join(sorted(unknown))}")
    return Misbehave(**said)


def schema(folder: Path) -> int:
    """The schema of the notes' database that this version needs; 0: it has nothing to do with them."""
    path = folder / FILE
    return int(json.loads(path.read_text(encoding="utf-8")).get("schema", 0)) if path.exists() else 0


def write_release(folder: Path, version: str, **misbehave: Any) -> Path:
    """Make the release folder of a version under `folder`, misbehaving as told; returns it."""
    place = folder / version
    place.mkdir(parents=True, exist_ok=True)
    told = Misbehave(**misbehave)
    wrong = {name: value for name, value in asdict(told).items() if value != getattr(Misbehave(), name)}
    text = json.dumps({"version": version, "misbehave": wrong}, indent=2) + "\n"
    (place / FILE).write_text(text, encoding="utf-8")
    return place


def config(path: Path | None) -> dict[str, str]:
    """The configuration that came with the pin; empty without one."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path and path.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a release folder of the sample.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("version")
    parser.add_argument("--misbehave", type=json.loads, default={}, help='for example {"search_errors": 0.2}')
    given = parser.parse_args()
    print(write_release(given.folder, given.version, **given.misbehave))


if __name__ == "__main__":
    main()
