"""The certificate that users are shown, seen to beside the steps: a renewal moves nobody, so it waits for none of them.

By level, like everything: each look compares what the operator's files hold with what is shown, and what is shown with
what is on record. So a renewal that was done and could not be written down is written down later."""

from __future__ import annotations

from reconciler.core.certifying import news
from reconciler.core.reading import Observed
from reconciler.errors import JournalMoved
from reconciler.loop.keeper import Keeper

RULE = "certificate"


def certify(keeper: Keeper, observed: Observed) -> None:
    """After a look. Raises Fenced, JournalError. What is suspended is left alone, and told of all the same."""
    found, state = observed.gateway.certificate if observed.gateway else None, keeper.state
    if found is None or state.accepted is None:
        return
    if found.newer and not (state.suspended or state.down):
        found = keeper.renew() or found
    for event in news(state.certified, found, keeper.clock.now().timestamp()):
        keeper.note(event, RULE)
    try:
        keeper.write()
    except JournalMoved:
        pass  # somebody asked for something in the meantime: it is told after the next look
