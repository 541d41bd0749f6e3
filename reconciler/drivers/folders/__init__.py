"""Named folders of the operator's file: what is in one, and whether two agree. Nothing in them is changed."""
