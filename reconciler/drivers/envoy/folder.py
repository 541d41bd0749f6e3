"""Envoy's folder: the routes that it watches, the seal, and what every local gateway has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.drivers.envoy import names, routes
from reconciler.drivers.local import durable, folder
from reconciler.errors import Refused, Unreachable

LONGEST_SOCKET = 100  # bytes; the kernels' limits are 104 and 108, with a zero at the end


class Folder(folder.Folder):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "envoy", LONGEST_SOCKET)
        self.routes = self.path / "routes" / f"{names.ROUTES}.json"  # alone in its folder: that one is watched
        self.certificate = self.path / "certificate" / f"{names.CERTIFICATE}.json"  # likewise
        self.bootstrap = self.path / "bootstrap.json"
        self._seal = self.path / "seal.json"

    def prepare(self) -> None:
        super().prepare()
        try:
            self.routes.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make the gateway's folder {self.routes.parent}: {error.strerror}") from error

    # ---- the routes ----

    def document(self) -> tuple[str, Mapping[str, Any]] | None:
        """Version and content of the routes as they would be served; None: never written.

        Raises Unreachable when that cannot be told."""
        try:
            found = json.loads(self.routes.read_text(encoding="utf-8"))
            return str(found.get("version_info", "")), found["resources"][0]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            raise Unreachable(
                f"the routes in {self.routes} cannot be read ({error}), so nobody knows what the gateway would serve; "
                "put a good copy back, or remove the file to begin anew"
            ) from error

    def sequence(self) -> int:
        """Of the routes that lie there, accepted or not; 0 when they are not ours."""
        try:
            found = self.document()
        except Unreachable:
            return 0
        stamp = routes.stamp(found[0]) if found else None
        return stamp.sequence if stamp else 0

    def started_with(self) -> Mapping[str, Any] | None:
        """The static configuration that Envoy was started with; None when it cannot be told."""
        try:
            found = json.loads(self.bootstrap.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def text(self) -> str | None:
        """The routes as they lie there, good or not, to be put back. Raises Refused."""
        try:
            return self.routes.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused(f"cannot read {self.routes}: {error.strerror}") from error

    def publish(self, text: str | None) -> None:
        """Let Envoy see these routes, whole, at once; None takes them away."""
        if text is None:
            self.routes.unlink(missing_ok=True)
        else:
            durable.write(self.routes, text, staging=self.path)

    # ---- the seal ----

    def sealed(self) -> int:
        """The latest generation that sealed; 0 when none did. Raises Refused when that cannot be told."""
        try:
            return int(json.loads(self._seal.read_text(encoding="utf-8"))["generation"])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(f"the seal {self._seal} cannot be read ({error}); nothing is written without it") from error

    def seal(self, generation: int) -> None:
        durable.write(self._seal, json.dumps({"generation": generation}))
