"""Named commands of the operator's file: how one is written down, run within bounds, and what it said."""
