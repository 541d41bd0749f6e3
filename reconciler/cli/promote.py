"""`reconcile promote`: pass the strategy's present pause."""

from reconciler.cli.ask import moving, verb
from reconciler.core.steps import Verb

command = verb(Verb.PROMOTE, "Pass the present pause of the strategy. Gates still have to agree.", moving)
