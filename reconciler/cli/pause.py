"""`reconcile pause`: no forward step until `resume`; measuring and rollback go on."""

from reconciler.cli.ask import verb
from reconciler.core.events import Verb

command = verb(Verb.PAUSE, "Stop forward steps; measuring and automatic rollback go on.")
