"""The demo, a user of the product: it starts `reconcile run`, commits with git, and counts what users saw."""
