"""A recovery point in the model: what each process knows of it (`Party.saving`), and whether there is one of the
transition that is under way (`Here.saved`).

Mirror of drivers/snapshots/saver.py. Looking for an archive and writing one are one run here, which ends by itself or
fails; so is putting one back beside, in a drill. It ends with its process, and then what is half done is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

from model_drivers import CONFLICT
from model_world import Here, Party

from reconciler.core.steps import TakeSnapshot, TryRestore

DONE = {"running": "taken", "trying": "tried"}
UNDER_WAY = (*DONE, "stale")


def begin(here: Here, party: Party, act: TakeSnapshot | TryRestore) -> tuple[str, Here]:
    """Already at it: nothing happens. Another one is given up first. One that is whole is found at once."""
    wanted = "trying" if isinstance(act, TryRestore) else "running"
    if party.saving == wanted:
        return "", here
    if party.saving in UNDER_WAY:
        return CONFLICT, known(here, here.parties.index(party), "stale")
    found = "taken" if wanted == "running" and here.saved else wanted
    return "", known(here, here.parties.index(party), found)


def known(here: Here, who: int, status: str) -> Here:
    party = here.parties[who]._replace(saving=status)
    parties = (party, here.parties[1]) if who == 0 else (here.parties[0], party)
    return here._replace(parties=parties)


def outdated(party: Party) -> Party:
    """Another transition, or none: what is known is of no use to it; what runs is given up."""
    return party._replace(saving="stale" if party.saving in UNDER_WAY else "unasked")


def under_way(here: Here) -> Iterator[int]:
    for who, party in enumerate(here.parties):
        if party.saving in UNDER_WAY:
            yield who


def ended(here: Here, who: int, *, well: bool) -> Here:
    """One that was given up leaves nothing."""
    status = here.parties[who].saving
    if status == "stale":
        return known(here, who, "unasked")
    after = known(here, who, DONE[status] if well else "failed")
    return after._replace(saved=after.saved or (well and status == "running"))
