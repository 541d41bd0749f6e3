"""One look at a share. Both ways raise ReconcilerError where it cannot be entered, or not written to."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reconciler.drivers.folders.folder import Folder, Tree, count
from reconciler.drivers.shares.share import Share
from reconciler.drivers.windows.script import Script, load
from reconciler.errors import Refused
from reconciler.spelling import shown

SHARE = load(Path(__file__).with_name("share.ps1"))
MOST = 10_000  # files in a queue that are counted on another machine
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def there(share: Share, probe: str, run: Callable[[Script, Mapping[str, Any]], Mapping[str, Any]]) -> int:
    """As another machine sees it: how many files are left in its queue, at most `MOST`; 0 without one."""
    asked = {"Share": share.unc, "Marker": share.marker or "", "Probe": probe if share.writable else "", "Most": MOST}
    said = run(SHARE, {**asked, "Queue": "\\".join(share.queue_parts)})
    left, written = said.get("left"), said.get("written")
    if type(left) is not int or left < 0 or written is not share.writable:
        raise Refused(f"{SHARE.name}: its answer makes no sense")
    return left


def here(name: str, share: Share, probe: str, check: Callable[[], None]) -> int:
    """As this machine sees it. `check` is called often, and raises when time is up."""
    _entered(name, share.root, share, check)
    if share.writable:
        with _told(share.root / probe):
            _written(share.root / probe)
    if share.queue is None:
        return 0
    return count(_entered(name, share.root.joinpath(*share.queue_parts), None, check))


def _entered(name: str, root: Path, share: Share | None, check: Callable[[], None]) -> Tree:
    tree = Tree(name, Folder(path=str(root), marker=share.marker if share else None), (), check)
    tree.require()
    with tree.reading(""), os.scandir(root) as found:
        next(found, None)
    return tree


def _written(file: Path) -> None:
    """Our file is there for a moment; what a look that was cut off has left is removed by the next one."""
    sent = secrets.token_bytes(16)
    with suppress(FileNotFoundError):
        file.unlink()
    try:
        with os.fdopen(os.open(file, _NEW, 0o600), "r+b") as opened:
            opened.write(sent)
            opened.flush()
            os.fsync(opened.fileno())
            opened.seek(0)
            back = opened.read(len(sent) + 1)
    finally:
        file.unlink(missing_ok=True)
    if back != sent:
        raise Refused(f"{shown(str(file))} does not hold what was written to it")


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"{shown(str(file))} cannot be written: {error.strerror or type(error).__name__}") from error
