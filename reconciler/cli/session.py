"""Moved to `reconciler.session`; this name goes away with the last import of it."""

from reconciler.session import Session, actor

__all__ = ["Session", "actor"]
