"""What git asks for at one revision, for every environment; and for one of them, beside what is in force.

Only blobs that changed are read and parsed: while the head stays where it is, a look reads one reference and gives the
same object again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from reconciler.core.model import Desired, Spec
from reconciler.desired.claims import Operator, judge, judge_one
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.desired.objects import raw
from reconciler.desired.repository import Listing, Repository
from reconciler.desired.signatures import MOST_BYTES as MOST_SIGNED
from reconciler.desired.signatures import Signers
from reconciler.errors import InvalidDesired, Problem

Read = Manifest | Invalid


class Present(Protocol):
    """Where the manifests of now are read from: the repository at the head, or what no commit has yet. The past is
    always in the repository."""

    def tree(self, revision: str) -> str | None:
        """While it stays the same, so does every manifest. None: there is no folder of them."""

    def listing(self, tree: str | None) -> Listing:
        """What lies in the folder that `tree` named. Raises InvalidDesired."""

    def text(self, blob: str, file: str = ...) -> bytes:
        """A manifest, also one of the past. Raises InvalidDesired."""


_NONE: Mapping[str, Read] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`revision` is empty when the branch cannot be read, and `problem` says why. An environment whose name cannot be
    read goes by its file's. `unverified`: why nothing of this revision may be used, though it can be read."""

    revision: str
    environments: Mapping[str, Read] = field(default_factory=lambda: _NONE)
    problem: str = ""
    unverified: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A manifest as it was when the journal accepted it, whatever the head says now."""

    digest: str
    manifest: Manifest


class Desires:
    """The branch, looked at again and again. `signers`: only a head that one of them has signed is used, however the
    commits below it came about. `present`: look at this, not at the head's manifests. Safe to share among threads."""

    def __init__(
        self,
        repository: Repository,
        operator: Operator | None = None,
        signers: Signers | None = None,
        present: Present | None = None,
    ) -> None:
        self.repository = repository
        self._present: Present = present or repository
        self._operator = operator
        self._signers = signers
        self._lock = threading.RLock()
        self._snapshot = Snapshot("")
        self._tree: str | None = None
        self._sure = False  # the snapshot rests on complete reading: no need to read again while the head stays
        self._blobs: dict[tuple[str, str], Read] = {}
        self._kept: dict[str, _Kept] = {}
        self._forward: dict[tuple[str, str], bool] = {}
        self._composed: dict[str, tuple[Snapshot, str, str, Desired]] = {}

    def look(self) -> Snapshot:
        """The branch's head now. Never raises: what cannot be read is a problem in the snapshot."""
        with self._lock:
            try:
                branch, revision = self.repository.tip()
                known = self._sure and revision == self._snapshot.revision
                unverified = self._unverified(revision)  # also of a known one: a key may have been added, or be over
                if not known or (unverified, branch) != (self._snapshot.unverified, self._snapshot.branch):
                    found = self._snapshot if known else self._read(revision)
                    self._move(replace(found, unverified=unverified, branch=branch))
            except InvalidDesired as error:
                self._sure = False
                self._move(Snapshot("", problem=str(error)))
            return self._snapshot

    def at(self, revision: str, name: str) -> Manifest | None:
        """An environment as it was at an older revision; None when it is not to be had (any more)."""
        with self._lock:
            try:
                return self._past(revision, name)
            except InvalidDesired:
                return None

    def desired(
        self, name: str, accepted_revision: str = "", accepted_digest: str = "", *, again: bool = True
    ) -> Desired:
        """One environment as the core sees it: the head, why it cannot be used, and what the journal accepted last.
        `again` False: as at the last look, without reading anything."""
        with self._lock:
            snapshot = self.look() if again else self._snapshot
            known = self._composed.get(name)
            if known and known[0] is snapshot and known[1:3] == (accepted_revision, accepted_digest):
                return known[3]
            try:
                composed = self._compose(snapshot, name, accepted_revision, accepted_digest)
            except InvalidDesired as error:  # the past cannot be read just now: nothing is certain, ask again next time
                return Desired(
                    snapshot.revision, None, str(error), self._kept_spec(name, accepted_digest), forward=False
                )
            self._composed[name] = snapshot, accepted_revision, accepted_digest, composed
            return composed

    def manifest(self, spec: Spec) -> Manifest:
        """The manifest behind a spec that `desired` gave, also where a drill is laid over it. Raises InvalidDesired
        when it is not to be had any more."""
        with self._lock:
            head = self._snapshot.environments.get(spec.environment)
            kept = self._kept.get(spec.environment)
            for found in (head, kept.manifest if kept else None):
                if isinstance(found, Manifest) and found.spec.digest == (spec.base or spec.digest):
                    return replace(found, spec=spec) if spec.base else found
        text = f"the manifest of '{spec.environment}' with digest {spec.digest[:12]} is not to be had any more"
        raise InvalidDesired(Problem(str(self.repository.path), 0, 0, text))

    def close(self) -> None:
        self.repository.close()

    def _move(self, snapshot: Snapshot) -> None:
        """What is equal stays the same object, so that nobody is woken for nothing."""
        if snapshot != self._snapshot:
            if snapshot.revision != self._snapshot.revision:
                self._forward.clear()
            self._snapshot = snapshot

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _read(self, revision: str) -> Snapshot:
        tree = self._present.tree(revision)
        if self._sure and tree == self._tree:
            return Snapshot(revision, self._snapshot.environments)
        listing = self._present.listing(tree)
        read = {(file, blob): self._parsed(file, blob) for file, blob in listing.blobs.items()}
        self._blobs = {key: result for key, (result, sure) in read.items() if sure}
        self._tree, self._sure = tree, all(sure for _, sure in read.values())
        found = [*(result for result, _ in read.values()), *impossible(listing)]
        return Snapshot(revision, MappingProxyType(judge(found, self._operator)))

    def _parsed(self, file: str, blob: str) -> tuple[Read, bool]:
        """What a blob says, and whether that is sure: a blob that could not be read is read again at the next look."""
        known = self._blobs.get((file, blob))
        if known is not None:
            return known, True
        try:
            return read(self._present.text(blob, file), file), True
        except InvalidDesired as error:
            return Invalid(file, None, error.problems), False

    def _unverified(self, revision: str) -> str:
        """Why the head may not be used; empty when it may."""
        if self._signers is None:
            return ""
        signed = self._signers.of(revision, "commit", lambda: raw(self.repository, revision, "commit", MOST_SIGNED))
        if signed.principal:
            return ""
        cure = "commit on top of it with a key that the operator's file knows: git commit --allow-empty -S"
        return f"{revision[:12]} {signed.problem}; what was verified last stays in force; {cure}"

    def _past(self, revision: str, name: str) -> Manifest | None:
        """Raises InvalidDesired when git cannot be read. It is not verified again: it was when it was accepted, and a
        key whose time is over meanwhile must not take away what serves."""
        blobs = self.repository.environments(revision).blobs
        for file, blob in sorted(blobs.items(), key=lambda item: (name not in item[0], item[0])):
            found = self._parsed(file, blob)[0]
            if found.name == name:
                judged = judge_one(found, self._operator)
                return judged if isinstance(judged, Manifest) else None
        return None

    # ---- composing ---------------------------------------------------------------------------------------------------

    def _compose(self, snapshot: Snapshot, name: str, revision: str, digest: str) -> Desired:
        found = snapshot.environments.get(name)
        head = found.spec if isinstance(found, Manifest) and not snapshot.unverified else None
        return Desired(
            revision=snapshot.revision,
            head=head,
            problem="" if head else snapshot.unverified or _why(snapshot, found, name),
            in_force=self._in_force(name, found, revision, digest),
            forward=self._goes_forward(snapshot.revision, revision),
            reason="RevisionUnverified" if snapshot.unverified else "DesiredInvalid",
            branch=snapshot.branch,
        )

    def _in_force(self, name: str, found: Read | None, revision: str, digest: str) -> Spec | None:
        """What the journal accepted last, from the head if it is still the same, else from the history."""
        if not digest:
            return None
        kept = self._kept.get(name)
        if isinstance(found, Manifest) and found.spec.digest == digest:
            kept = _Kept(digest, found)
        elif kept is None or kept.digest != digest:
            past = self._past(revision, name)
            kept = _Kept(digest, past) if past and past.spec.digest == digest else None
        if kept is None:
            return None
        self._kept[name] = kept
        return kept.manifest.spec

    def _kept_spec(self, name: str, digest: str) -> Spec | None:
        kept = self._kept.get(name)
        return kept.manifest.spec if kept and kept.digest == digest else None

    def _goes_forward(self, head: str, accepted: str) -> bool:
        if not head or not accepted or head == accepted:
            return True
        if (head, accepted) not in self._forward:
            self._forward[head, accepted] = self.repository.descends(head, accepted)
        return self._forward[head, accepted]


def impossible(listing: Listing) -> list[Invalid]:
    """What lies among the manifests and cannot be one."""
    return [Invalid(problem.file, None, (problem,)) for problem in listing.problems]


def _why(snapshot: Snapshot, found: Read | None, name: str) -> str:
    if snapshot.problem:
        return snapshot.problem
    if found is not None:
        return str(found)
    text = f"no manifest named '{name}' at {snapshot.revision[:12]}"
    nameless = [one for one in snapshot.environments.values() if isinstance(one, Invalid) and one.name is None]
    if nameless:
        return f"{text}, but a file whose name for it cannot be read:\n" + "\n".join(map(str, nameless))
    return f"{text}; to stop it: reconcile down {name}"
