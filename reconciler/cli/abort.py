"""`reconcile abort`: stop and go back, from every state."""

from reconciler.cli.ask import moving, verb
from reconciler.core.steps import Verb

command = verb(Verb.ABORT, "Stop the transition and go back to stable; the version is held.", moving)
