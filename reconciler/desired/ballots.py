"""Every vote that lies in the repository, of whatever environment: commits of one branch, and annotated tags.

Read again only when one of these references has moved, and then only what was not seen before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.desired.objects import parents, raw
from reconciler.desired.raw_object import Kind, RawObject, parse
from reconciler.desired.repository import Repository
from reconciler.desired.vote_text import VoteText
from reconciler.desired.vote_text import parse as read_text

FOLDER = "refs/heads/reconciler"
BRANCH = f"{FOLDER}/approvals"
TAGS = "refs/tags/reconciler"
MOST_COMMITS = MOST_TAGS = 1000
MOST_BYTES = 64 * 1024
MOST_PARENTS = 8  # of a commit that is too large, or malformed: it is no vote, and hides none below it
_Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote as it was written; who is behind it is not known yet. `written` is seconds since 1970, by his clock."""

    id: str
    kind: Kind
    text: VoteText
    email: str
    emails: frozenset[str]
    written: int
    order: int  # as `written`, but never before the votes on which it was put
    signed: bool = False  # by whomever


@dataclass(frozen=True, slots=True)
class _Seen:
    """An object that was read: its parents, and the vote in it."""

    parents: tuple[str, ...]
    ballot: Ballot | None


class Ballots:
    """Safe to share among threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._lock = threading.Lock()
        self._references: tuple[str, dict[str, str]] | None = None
        self._seen: dict[_Key, _Seen] = {}
        self._every: tuple[Ballot, ...] = ()

    def read(self) -> tuple[Ballot, ...]:
        """Oldest first. Raises InvalidDesired when the repository cannot be read."""
        with self._lock:
            tip = self._repository.references(FOLDER).get(BRANCH, "")
            tags = self._repository.references(TAGS)
            if (tip, tags) != self._references:
                before, self._seen = self._seen, {}
                self._every = self._read(tip, tags, before)
                self._references = tip, tags
            return self._every

    def _read(self, tip: str, tags: dict[str, str], before: dict[_Key, _Seen]) -> tuple[Ballot, ...]:
        newest = sorted(tags)[-MOST_TAGS:]  # their names begin with the time, where `reconcile` gave them
        found = [*self._commits(tip, before)]
        found += [one for one in (self._look(tags[name], "tag", before).ballot for name in newest) if one]
        unique = {ballot.id: ballot for ballot in found}
        return tuple(sorted(unique.values(), key=lambda ballot: ballot.order))

    def _commits(self, tip: str, before: dict[_Key, _Seen]) -> Iterator[Ballot]:
        """From the tip backwards; given oldest first. One that was put on another came after it, whatever its clock
        says."""
        walk: list[tuple[str, _Seen]] = []
        queue, known = deque([tip] if tip else []), {tip}
        while queue and len(walk) < MOST_COMMITS:
            name = queue.popleft()
            seen = self._look(name, "commit", before)
            walk.append((name, seen))
            queue += [parent for parent in seen.parents if parent not in known]
            known.update(seen.parents)
        times: dict[str, int] = {}
        for name, seen in reversed(walk):
            own = seen.ballot.written if seen.ballot else 0
            times[name] = max([own, *(times[parent] for parent in seen.parents if parent in times)])
            if seen.ballot:
                yield replace(seen.ballot, order=times[name])

    def _look(self, name: str, kind: Kind, before: dict[_Key, _Seen]) -> _Seen:
        key = kind, name  # a tag that only points at a vote is none
        if key not in self._seen:
            self._seen[key] = before.get(key) or self._ask(name, kind)
        return self._seen[key]

    def _ask(self, name: str, kind: Kind) -> _Seen:
        content = raw(self._repository, name, kind, MOST_BYTES)
        found = parse(content, kind) if content else None
        if found:
            return _Seen(found.parents, _ballot(name, kind, found))
        return _Seen(parents(self._repository, name, MOST_PARENTS) if kind == "commit" else (), None)


def _ballot(name: str, kind: Kind, found: RawObject) -> Ballot | None:
    text = None if b"\0" in found.message else read_text(found.message.decode("utf-8", "replace"))
    if text is None or found.written is None:
        return None
    email, written = found.written
    return Ballot(
        name, kind, text, email, (found.emails or frozenset()) | {email}, written, written, bool(found.signature)
    )
