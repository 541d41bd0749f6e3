"""tick(), and when to tick. The one place where git, the world, the journal and the decision meet."""

from reconciler.loop.keeper import Keeper
from reconciler.loop.tick import Tick, tick

__all__ = ["Keeper", "Tick", "tick"]
