"""Who has made the changes that are asked about: of one environment's file, whatever it was called at the time."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from reconciler.clock import Clock
from reconciler.desired.manifest import read
from reconciler.desired.objects import Change, changes, last_change, raw
from reconciler.desired.raw_object import parse
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import MOST_BYTES as MOST_SIGNED
from reconciler.desired.signatures import Signers
from reconciler.errors import InvalidDesired

MOST_CHANGES = 5000  # commits in which anything of `environments/` was changed
_MOST_KEPT, _MOST_NAMES = 100, 20_000
_LASTS, _UNSURE_LASTS = 300.0, 30.0  # seconds; a key may be added, an object be fetched
Asked = tuple[str, str, str]  # environment, since, revision


class Makers(NamedTuple):
    """Names in small letters; and whether these are all."""

    names: frozenset[str]
    complete: bool


class Authors:
    """By what commits say of themselves and by whom they are signed. For one thread at a time."""

    def __init__(self, repository: Repository, signers: Signers | None, clock: Clock) -> None:
        self._repository, self._signers, self._clock = repository, signers, clock
        self._kept: dict[Asked, tuple[Makers, float]] = {}
        self._described: dict[tuple[Change, str], bool] = {}

    def of(self, environment: str, since: str, revision: str) -> Makers:
        """Of all commits after `since` up to `revision`; where none of them changed this environment, or no `since` is
        known, of the one that changed it last. Raises InvalidDesired when the repository cannot be read."""
        asked, now = (environment, since, revision), self._clock.monotonic()
        known = self._kept.get(asked)
        if known is None or now >= known[1]:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._read(*asked)
            self._kept[asked] = known = found, now + (_LASTS if found.complete else _UNSURE_LASTS)
        return known[0]

    def _read(self, environment: str, since: str, revision: str) -> Makers:
        names, complete = set[str](), True
        commits = self._commits(environment, since, revision)
        for commit in commits or ():
            content = raw(self._repository, commit, "commit", MOST_SIGNED)
            found = parse(content, "commit") if content else None
            emails = found.emails if found else None
            complete = complete and emails is not None
            names |= (emails or frozenset()) | self._signer(commit)
        return Makers(frozenset(names), complete and bool(commits))

    def _commits(self, environment: str, since: str, revision: str) -> list[str] | None:
        """None: git cannot tell."""
        found = changes(self._repository, since, revision, MOST_CHANGES) if since else ()
        if found is None:
            return None
        ours = [commit for commit, touched in found if any(self._is_of(one, environment) for one in touched)]
        return ours or self._last(environment, revision)

    def _last(self, environment: str, revision: str) -> list[str] | None:
        try:
            listed = self._repository.environments(revision).blobs.items()
        except InvalidDesired:
            return None
        paths = [path for path, blob in listed if self._is_of(Change(path, blob), environment)]
        found = last_change(self._repository, paths, revision) if paths else None
        return [found] if found else None

    def _is_of(self, change: Change, environment: str) -> bool:
        """Did this file, as it was then, describe the environment?"""
        if (change, environment) not in self._described:
            if len(self._described) >= _MOST_NAMES:
                self._described.clear()
            self._described[change, environment] = self._describes(change, environment)
        return self._described[change, environment]

    def _describes(self, change: Change, environment: str) -> bool:
        """One that cannot be read goes by its own name. Most are of others, and are not read as a whole."""
        stem = PurePosixPath(change.path).stem
        try:
            text = self._repository.text(change.blob, change.path)
        except InvalidDesired:
            return stem == environment
        spelt = environment.encode() in text or b"\\" in text  # a name may be spelt with escapes
        return (spelt or stem == environment) and (read(text, change.path).name or stem) == environment

    def _signer(self, commit: str) -> set[str]:
        if self._signers is None:
            return set()
        reading = partial(raw, self._repository, commit, "commit", MOST_SIGNED)
        found = self._signers.of(commit, "commit", reading).principal
        return {found.lower()} if found else set()
