"""A local gateway's folder: its process, its log, the secret of the forced roads, a place for its socket."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from reconciler.drivers.local import durable
from reconciler.errors import Refused


class Folder:
    """`path` is private to its owner. Reading makes nothing; `prepare` and the writing calls do.

    `product` names the log. A unix socket's path may have no more than `longest` bytes."""

    def __init__(self, path: Path, product: str, longest: int) -> None:
        self.path, self._longest = path.absolute(), longest
        self.process = self.path / "process.json"
        self.log = self.path / f"{product}.log"
        self.access_log = self.path / "access.log"
        self.lock = self.path / "owner.lock"
        self.secret_file = self.path / "road.secret"
        self.elsewhere = self.path / "admin.path"  # holds where the admin socket is, if not here

    def prepare(self) -> None:
        """Raises Refused when the folder cannot be made."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make the gateway's folder {self.path}: {error.strerror}") from error

    # ---- the secret of the forced roads ----

    def secret(self) -> str | None:
        try:
            return self.secret_file.read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def make_secret(self) -> str:
        """The secret, made now if there is none yet. Raises Refused."""
        found = self.secret()
        if found is not None:
            return found
        self.prepare()
        try:
            durable.create(self.secret_file, secrets.token_urlsafe(24))
        except OSError as error:
            raise Refused(f"cannot write {self.secret_file}: {error.strerror}") from error
        found = self.secret()
        if found is None:
            raise Refused(f"{self.secret_file} cannot be read; remove it, and a new one is made")
        return found

    # ---- the admin socket ----

    def admin(self) -> Path:
        """Where the admin socket is: here, or where `make_admin` put it because this path is too long for one."""
        here = self.path / "admin.sock"
        if len(bytes(here)) <= self._longest:
            return here
        try:
            return Path(self.elsewhere.read_text(encoding="utf-8"))
        except OSError:
            return here

    def make_admin(self) -> Path:
        """A place for the socket of a process that is about to start. Raises Refused."""
        here = self.admin()
        if len(bytes(here)) > self._longest or not here.parent.is_dir():
            try:
                here = Path(tempfile.mkdtemp(prefix="reconciler-")) / "admin.sock"  # readable by its owner only
            except OSError as error:
                raise Refused(f"cannot make a folder for the admin socket: {error.strerror}") from error
            durable.write(self.elsewhere, str(here))
        return here
