"""`reconcile reject`: review what would be done, and say no: the transition goes back, and its version is held."""

from reconciler.cli.approve import ballot

command = ballot(
    "reject",
    "Review the stage that waits, and reject it: back to stable, and not tried again until `retry` or another pin.",
    "Why; stands beside your name, and in the journal.",
    must_say=True,
)
