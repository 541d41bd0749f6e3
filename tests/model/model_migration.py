"""A migration in the model: what each process knows of it (`Party.migration`), and what the data are (`Here.data`).

Mirror of drivers/commands/migrator.py. Asking the check, running the command and asking again are one run here, which
ends by itself, fails, or leaves a doubt; it ends with its process, and then nothing was changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from model_drivers import CONFLICT
from model_world import Here, Party

from reconciler.core.steps import Migrate

RUNNING = ("running", "stale")


def begin(here: Here, party: Party, act: Migrate) -> tuple[str, Here]:
    """Already at it: nothing happens. Another transition's, or another process's, is waited for."""
    if party.migration[0] == "running":
        return "", here
    if party.migration[0] == "stale":
        return CONFLICT, here
    others = [one for one in here.parties if one is not party and one.migration[0] in RUNNING]
    status = "unknown" if others else _asked(here, act) if act.only_ask else "running"
    return "", known(here, here.parties.index(party), status, act.version)


def _asked(here: Here, act: Migrate) -> str:
    """The check alone takes no time here."""
    return "applied" if act.version in here.data else "failed"


def known(here: Here, who: int, status: str, version: str) -> Here:
    party = here.parties[who]._replace(migration=(status, version if status != "unasked" else ""))
    parties = (party, here.parties[1]) if who == 0 else (here.parties[0], party)
    return here._replace(parties=parties)


def outdated(party: Party) -> Party:
    """Another transition, or none: what is known is of no use to it; what runs goes on."""
    status, version = party.migration
    return party._replace(migration=("stale", version) if status in RUNNING else ("unasked", ""))


def under_way(here: Here) -> Iterator[tuple[int, str, str]]:
    """(who, status, version) of every run."""
    for who, party in enumerate(here.parties):
        if party.migration[0] in RUNNING:
            yield who, *party.migration


def ended(here: Here, who: int, status: str, *, applied: bool) -> Here:
    before, version = here.parties[who].migration
    after = known(here, who, "unasked" if before == "stale" else status, version)
    return after._replace(data=tuple(sorted({*here.data, version}))) if applied else after
