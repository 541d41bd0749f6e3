"""What one environment's file said, commit by commit: which one asked for it, and which text was good last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.core.model import Pair, Slot, Spec
from reconciler.core.state import Held
from reconciler.desired.claims import Operator, judge_one
from reconciler.desired.committing import Entry
from reconciler.desired.manifest import Manifest, read
from reconciler.desired.objects import touching
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers
from reconciler.desired.vouching import signer
from reconciler.errors import InvalidDesired

MOST_COMMITS = 200  # of this file, that are looked at


class Text(NamedTuple):
    """A file of an environment at a revision; `spec` is None where it cannot be used."""

    revision: str
    entry: Entry
    spec: Spec | None


def find(repository: Repository, revision: str, environment: str, operator: Operator | None = None) -> Text | None:
    """The file that describes an environment at a revision, by the name in it. Raises InvalidDesired when git cannot
    be read, or when the file might be one that cannot."""
    listing = repository.environments(revision)
    unread: InvalidDesired | None = None
    for path, blob in sorted(listing.blobs.items(), key=lambda item: (environment not in item[0], item[0])):
        try:
            found = read(repository.text(blob, path), path)
        except InvalidDesired as error:
            unread = error
            continue
        if found.name == environment:
            judged = judge_one(found, operator)
            spec = judged.spec if isinstance(judged, Manifest) else None
            return Text(revision, Entry(path, blob, path in listing.executable), spec)
    if unread is not None:
        raise unread
    return None


def entry(repository: Repository, revision: str, path: str) -> Entry | None:
    """A manifest at a revision, by its path. Raises InvalidDesired when git cannot be read."""
    listing = repository.environments(revision)
    blob = listing.blobs.get(path)
    return Entry(path, blob, path in listing.executable) if blob else None


def still_asks(repository: Repository, environment: str, failed: str, head: str) -> bool:
    """Does the head ask for what failed? Raises InvalidDesired."""
    old, now = find(repository, failed, environment), find(repository, head, environment)
    return bool(old and now and old.spec and now.spec and old.spec.digest == now.spec.digest)


def asked_at(repository: Repository, environment: str, revision: str) -> str:
    """The commit that asked for what is in force at a revision: it, or the one below that changed the spec last. So a
    commit about something else, or about a comment, that was pushed with it takes no note. What git cannot tell is that
    revision itself."""
    try:
        now = find(repository, revision, environment)
        if now is None or now.spec is None:
            return revision
        asked = revision
        for one in _before(repository, environment, "", now):
            if one.spec is None or one.spec.digest != now.spec.digest:
                break
            asked = one.revision
    except InvalidDesired:
        return revision
    return asked


def last_good(
    repository: Repository,
    environment: str,
    good: Text,
    failed: Text,
    operator: Operator | None,
    heads: Signers | None = None,
) -> Text:
    """The newest text after `good` that still asks for the same release: a commit in between that only changed the
    policy has not failed. Not one that would be refused, or end the hold; nor, where `heads` have to be signed, one
    whose commit none of them has signed: a commit on top of it vouches for what it left, not for what it undid. Raises
    InvalidDesired."""
    if good.spec is None or failed.spec is None:
        return good
    between = _before(repository, environment, good.revision, failed, operator)
    as_good = (one for one in between if one.spec and _as_good(one.spec, good.spec, failed.spec))
    return next((one for one in as_good if heads is None or signer(repository, heads, one.revision).principal), good)


def _as_good(one: Spec, good: Spec, failed: Spec) -> bool:
    before = tuple(pin for slot in Slot if (pin := good.pinned(slot)))
    pins = Pair(*(one.pinned(slot) for slot in Slot))
    ends = Held(failed.target.version, "", "", before).ends_with(pins)
    return one.target == good.target and one.gateway == good.gateway and not ends


def _before(
    repository: Repository, environment: str, since: str, now: Text, operator: Operator | None = None
) -> Iterator[Text]:
    """The file at each commit after `since` (empty: at all) that made it what it is now, newest first."""
    for commit in touching(repository, now.entry.path, since, now.revision, MOST_COMMITS):
        if found := find(repository, commit, environment, operator):
            yield found
