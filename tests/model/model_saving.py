"""A recovery point in the model: what each process knows of it (`Party.saving`), and whether there is one of the
transition that is under way (`Here.saved`).

Mirror of drivers/snapshots/saver.py. Looking for an archive and writing one are one run here, which ends by itself or
fails; it ends with its process, and then half of one is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

from model_drivers import CONFLICT
from model_world import Here, Party


def begin(here: Here, party: Party) -> tuple[str, Here]:
    """Already at it: nothing happens. Another transition's is given up first. One that is whole is found at once."""
    if party.saving == "running":
        return "", here
    if party.saving == "stale":
        return CONFLICT, here
    return "", known(here, here.parties.index(party), "taken" if here.saved else "running")


def known(here: Here, who: int, status: str) -> Here:
    party = here.parties[who]._replace(saving=status)
    parties = (party, here.parties[1]) if who == 0 else (here.parties[0], party)
    return here._replace(parties=parties)


def outdated(party: Party) -> Party:
    """Another transition, or none: what is known is of no use to it; what runs is given up."""
    return party._replace(saving="stale" if party.saving in ("running", "stale") else "unasked")


def under_way(here: Here) -> Iterator[int]:
    for who, party in enumerate(here.parties):
        if party.saving in ("running", "stale"):
            yield who


def ended(here: Here, who: int, *, taken: bool) -> Here:
    """One that was given up leaves nothing."""
    if here.parties[who].saving == "stale":
        return known(here, who, "unasked")
    after = known(here, who, "taken" if taken else "failed")
    return after._replace(saved=after.saved or taken)
