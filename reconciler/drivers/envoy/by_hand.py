"""All traffic to one slot without us: the routes as they are to be, whole, but for the secret and the version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reconciler.core.model import Slot
from reconciler.core.reading import Stamp
from reconciler.drivers.by_hand.script import Words, back, in_background, known, written
from reconciler.drivers.envoy import admin, routes
from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.protocols import ByHand, GatewayContext

STAMP = Stamp("", 0, 0)  # stands where the version will


def scripts(
    context: GatewayContext,
    slot: Slot,
    words: Words,
    folder: Folder,
    cookie: str | None,
    secure: bool,
    command: Sequence[str],
) -> ByHand:
    """`cookie` and `secure` as in the routes; `command` starts Envoy."""
    values = known(context, slot, words) | {
        "OTHER": str(slot.other),
        "JOURNAL": context.journal,
        "FOLDER": str(folder.path),
        "ROUTES": str(folder.routes),
        "SECRET_FILE": str(folder.secret_file),
        "ADMIN": str(folder.admin()),
        "ADMIN_FILE": str(folder.elsewhere),
        "LOCK": str(folder.lock),
        "DUMP": admin.ROUTES,
        "START": in_background(command, folder.log),
    }
    document = routes.document(back(slot), STAMP, routes.Map(context.endpoints, "$SECRET", cookie, secure))
    text = json.dumps(document).replace(f'"{routes.version(STAMP)}"', '"$VERSION"')
    return written(Path(__file__).parent, values, text)
