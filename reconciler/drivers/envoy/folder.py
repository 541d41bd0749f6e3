"""The driver's folder: the routes that Envoy watches, the seal, the secret, and where everything else lies."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.drivers.envoy import durable, names, routes
from reconciler.errors import Refused, Unreachable

LONGEST_SOCKET = 100  # bytes; the kernels' limits are 104 and 108, with a zero at the end


class Folder:
    """`path` is private to its owner. Reading makes nothing; `prepare` and the writing calls do."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.routes = self.path / "routes" / f"{names.ROUTES}.json"  # alone in its folder: that one is watched
        self.bootstrap = self.path / "bootstrap.json"
        self.process = self.path / "process.json"
        self.log = self.path / "envoy.log"
        self.access_log = self.path / "access.log"
        self.lock = self.path / "owner.lock"
        self._seal = self.path / "seal.json"
        self._secret = self.path / "road.secret"
        self._elsewhere = self.path / "admin.path"

    def prepare(self) -> None:
        """Raises Refused when the folder cannot be made."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.routes.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make the gateway's folder {self.path}: {error.strerror}") from error

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

    # ---- the secret of the forced roads ----

    def secret(self) -> str | None:
        try:
            return self._secret.read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def make_secret(self) -> str:
        """The secret, made now if there is none yet. Raises Refused."""
        found = self.secret()
        if found is not None:
            return found
        self.prepare()
        try:
            durable.create(self._secret, secrets.token_urlsafe(24))
        except OSError as error:
            raise Refused(f"cannot write {self._secret}: {error.strerror}") from error
        found = self.secret()
        if found is None:
            raise Refused(f"{self._secret} cannot be read; remove it, and a new one is made")
        return found

    # ---- the admin socket ----

    def admin(self) -> Path:
        """Where Envoy's admin socket is: here, or where `make_admin` put it because this path is too long for one."""
        here = self.path / "admin.sock"
        if len(bytes(here)) <= LONGEST_SOCKET:
            return here
        try:
            return Path(self._elsewhere.read_text(encoding="utf-8"))
        except OSError:
            return here

    def make_admin(self) -> Path:
        """A place for the socket of an Envoy that is about to start. Raises Refused."""
        here = self.admin()
        if len(bytes(here)) > LONGEST_SOCKET or not here.parent.is_dir():
            try:
                here = Path(tempfile.mkdtemp(prefix="reconciler-")) / "admin.sock"  # readable by its owner only
            except OSError as error:
                raise Refused(f"cannot make a folder for the admin socket: {error.strerror}") from error
            durable.write(self._elsewhere, str(here))
        return here
