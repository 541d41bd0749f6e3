"""Packs are finished often here, and only the tests of the picture look at it: elsewhere it is a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.evidence.pack import closing

if TYPE_CHECKING:
    from pack_made import Recorded

sys.path.append(str(Path(__file__).parents[1] / "loop"))  # its world of values is recorded here, too


@pytest.fixture(scope="session", autouse=True)
def _no_picture() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closing, "draw", lambda material: b"a picture\n")
        yield


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Recorded]:
    """A transition that is being recorded."""
    from pack_made import Recorded

    found = Recorded(tmp_path)
    found.begin()
    yield found
    found.close()
