"""All traffic to one slot without us: the entry of the map as it is to be, but for seal, generation and sequence."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.model import Slot
from reconciler.core.reading import Stamp
from reconciler.drivers.by_hand.script import Words, back, in_background, known, written
from reconciler.drivers.entry import Entry
from reconciler.drivers.haproxy import process
from reconciler.drivers.haproxy.files import Folder
from reconciler.drivers.haproxy.names import map_file
from reconciler.drivers.haproxy.runtime import quoted
from reconciler.drivers.protocols import ByHand, GatewayContext
from reconciler.errors import Refused


def scripts(
    context: GatewayContext,
    slot: Slot,
    words: Words,
    socket: str,
    map_: Path | None,
    folder: Folder | None,
) -> ByHand:
    """`map_`: its file, if that is known here. `folder`: of one of ours."""
    *routing, _, _, _, journal = Entry(back(slot), Stamp(context.journal, 0, 0)).dump().split("/")
    values = known(context, slot, words) | {
        "JOURNAL": journal,
        "ROUTING": "/".join(routing),
        "SOCKET": socket,
        "MAP": quoted(str(map_)) if map_ else "",
        "MAP_NAME": map_file(context.environment),
        "MAP_FILE": str(map_) if map_ else "",
        "FOLDER": str(folder.path) if folder else "",
        "START": _start(folder) if folder else "",
    }
    return written(Path(__file__).parent, values)


def _start(folder: Folder) -> str:
    try:
        return in_background([str(process.program()), "-W", "-f", str(folder.configuration)], folder.log)
    except Refused:
        return ""
