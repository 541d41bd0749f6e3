"""The scripts by which a person goes back from a transition when no reconciler does.

They are made as it begins, and lie in its pack from then on: no journal and no stream would give them again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from reconciler.core.model import Release, Spec, Traffic
from reconciler.core.state import Transition
from reconciler.drivers.protocols import Gateway, MemberHost, Typeable, Typed
from reconciler.evidence.pack.place import ROLLBACK_PS1, ROLLBACK_SH, Pack
from reconciler.evidence.pack.plan import replace_file

UNKNOWN_TO_US = "a reconciler knows only of what it has started itself: stop this again before `reconcile resume`"


def scripts(
    gateway: Gateway, hosts: Mapping[str, MemberHost], spec: Spec, transition: Transition
) -> Mapping[str, bytes]:
    """File names and contents. `hosts` by the members' names."""
    stable, newcomer = transition.stable, transition.newcomer
    title = (
        f"Transition {transition.id} of {spec.environment}: {stable} serves, {newcomer} comes. "
        f"This leads all users back to {stable}."
    )
    undone, starts = tuple(_undone(hosts, spec, transition)), tuple(_starts(hosts, spec, stable))
    made = gateway.by_hand(stable.slot, title, undone, starts)
    return {ROLLBACK_SH: made.sh.encode(), ROLLBACK_PS1: made.ps1.encode()}


def keep(pack: Pack, made: Mapping[str, bytes]) -> None:
    """Write what is not there yet; the shell's one may be run. Raises OSError."""
    for name, content in made.items():
        if not pack.file(name).exists():
            replace_file(pack.file(name), content)
        os.chmod(pack.file(name), 0o700 if name == ROLLBACK_SH else 0o600)


def _undone(hosts: Mapping[str, MemberHost], spec: Spec, t: Transition) -> Iterator[str]:
    """What a gateway's script cannot do, line by line."""
    for name in spec.names(Traffic.EXCLUSIVE):
        yield from _handed_back(hosts.get(name), name, spec, t)
    if spec.migration:
        works = "works with" if spec.migration.old_version_works else "DOES NOT WORK WITH"
        yield f"data: '{spec.migration.command}' may have been run for {t.newcomer}; {t.stable} {works} what it makes"
    yield f"data: what {t.newcomer} has written into databases, folders and queues stays"
    if spec.snapshot:
        point = f"a recovery point was taken before {t.newcomer} touched them"
        yield f"data: {point}; to see it: reconcile restore {spec.environment} --list (it needs no loop)"
    yield f"git: it still asks for {t.newcomer}; set activeSlot back, or pin another version"


def _starts(hosts: Mapping[str, MemberHost], spec: Spec, stable: Release) -> Iterator[str]:
    """Users can be led only to a slot that answers."""
    for name in spec.names(Traffic.WEIGHTED):
        if typed := _typed(hosts.get(name), spec, stable):
            yield f"{name} in {stable.slot}: {typed.start}; {UNKNOWN_TO_US}"


def _handed_back(host: MemberHost | None, name: str, spec: Spec, t: Transition) -> Iterator[str]:
    """An exclusive member, which no gateway moves."""
    back, away = t.stable, t.newcomer
    alone = f"{name} has one owner at a time. Where that is {away.slot}'s,"
    if name in spec.standbys:
        yield f"{alone} `reconcile resume` hands it back to {back.slot}"
    else:
        yield f"{alone} it must have ended there before it starts in {back.slot}"
    stop, start = _typed(host, spec, away), _typed(host, spec, back)
    if stop and start and start.own:
        yield from _named(name, back, away, stop, start)
    elif stop and start:
        yield f"  stop it in {away.slot}: {stop.stop}"
        yield f"  start it in {back.slot}: {start.start}; {UNKNOWN_TO_US}"


def _named(name: str, back: Release, away: Release, stop: Typed, start: Typed) -> Iterator[str]:
    """One that can stand by, when no reconciler is left to hand it over: one line after the other."""
    yield f"  without any reconciler {name} gets its owner so, each line after the one before has done its work:"
    yield f"  1. take it from {away.slot}: {stop.let_go}"
    yield f"  2. wait until {away.slot} says the role standby, or has ended: {stop.role}"
    yield f"     if it does not let go, stop it: {stop.stop}"
    yield f"  3. see that {back.slot} says the role standby, too: {start.role}"
    yield f"     if it does not run, start it: {start.start}; {UNKNOWN_TO_US}"
    yield f"  4. give it to {back.slot}: {start.own}"
    yield f"  5. see that {back.slot} says the role owner: {start.role}"


def _typed(host: MemberHost | None, spec: Spec, release: Release) -> Typed | None:
    pin = spec.pins[release.slot]
    return host.by_hand(release.slot, pin) if pin and isinstance(host, Typeable) else None
