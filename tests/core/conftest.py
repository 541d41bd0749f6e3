"""Whatever a story tells, no decision in it may break a law."""

from __future__ import annotations

import pytest
from core_laws import broken
from core_world import Edge, World

from reconciler.core.plan import Decision


@pytest.fixture(autouse=True)
def _stories_keep_the_laws(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Mutants break laws on purpose; stories never do."""
    if not request.path.name.startswith("test_stories"):
        return
    tick = World.tick

    def check(edge: Edge) -> None:
        assert not broken(edge)

    def checked(world: World) -> Decision:
        world.check = check
        return tick(world)

    monkeypatch.setattr(World, "tick", checked)
