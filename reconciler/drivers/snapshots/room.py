"""Would the disk hold it? Asked before anything is written, with the sizes said."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from reconciler.drivers.snapshots.tree import Check, walk
from reconciler.errors import Refused
from reconciler.wording import size

LEFT = 64 << 20  # bytes that stay free for others: a journal may lie on the same disk
EACH = 1024  # bytes for what is said of one thing, its name apart
Free = Callable[[Path], int]


def free(folder: Path) -> int:
    """Bytes that may be written there. Raises OSError."""
    return shutil.disk_usage(folder).free


def measured(tree: str, root: Path, check: Check) -> int:
    """Bytes that an archive of it has at most: as if nothing could be compressed. Raises Refused."""
    return sum(found.size + found.size // 1000 + 3 * len(found.entry.path) + EACH for found in walk(tree, root, check))


def require(needs: dict[str, int], folder: Path, there: int) -> None:
    """`needs`: bytes for each thing; `there`: how many are free. Raises Refused."""
    needed = sum(needs.values()) + LEFT
    if there >= needed:
        return
    parts = ", ".join(f"{name} {size(count)}" for name, count in needs.items())
    raise Refused(
        f"it may need {size(needed)} ({parts}, and {size(LEFT)} that must stay free), and {size(there)} are free in "
        f"{folder}; make room there, or give [snapshots] another `folder` in the operator's file"
    )


def refuse_within(root: Path, name: str, folder: Path) -> None:
    """An archive would be a part of itself. Raises Refused."""
    real, inner = (os.path.realpath(one) for one in (root, folder))
    if os.path.commonpath([real, inner]) == real:
        raise Refused(
            f"recovery points lie in {folder}, within folder '{name}', so they would be saved again and again; "
            "give [snapshots] a `folder` elsewhere in the operator's file"
        )
