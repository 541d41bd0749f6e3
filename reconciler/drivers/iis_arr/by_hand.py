"""All traffic to one slot without us: on the gateway's own machine, by its own ServerManager."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.model import Slot
from reconciler.core.reading import Stamp
from reconciler.drivers.by_hand.script import Words, back, known, written
from reconciler.drivers.entry import Entry
from reconciler.drivers.iis_arr import force
from reconciler.drivers.iis_arr.plan import Plan
from reconciler.drivers.protocols import ByHand, GatewayContext


def scripts(context: GatewayContext, plan: Plan, slot: Slot, words: Words, machine: str) -> ByHand:
    """`machine`: where it is to be run, by name or number: nowhere else is there anything that could do it."""
    *routing, _, _, _, journal = Entry(back(slot), Stamp(context.journal, 0, 0)).dump().split("/")
    values = known(context, slot, words) | {
        "MACHINE": machine,
        "JOURNAL": journal,
        "ROUTING": "/".join(routing),
        "SITE": plan.farm.site,
        "MAP": plan.map,
        "SERVERS": "\n".join(force.servers(plan, back(slot))),
    }
    return written(Path(__file__).parent, values, powershell="5.1")
