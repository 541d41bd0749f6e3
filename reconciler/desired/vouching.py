"""May a commit of ours be the head? Where heads have to be signed, ours vouches for all that lies below it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from shlex import quote

from reconciler.clock import Clock
from reconciler.desired.objects import raw
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import MOST_BYTES, Signers
from reconciler.desired.verifying import Signed, sign

_LASTS, _BAD_LASTS = 300.0, 5.0  # seconds for which a trial of the key is good
_TRIAL = b"a trial of the reconciler's key\n"


class Vouching:
    """`heads`: whoever one of these has signed counts as head; None: whoever may write does. `key`: ours."""

    def __init__(self, heads: Signers | None, key: Path | None, clock: Clock) -> None:
        self._heads, self._key, self._clock = heads, key, clock
        self._tried: tuple[str, float] | None = None

    def objection(self, repository: Repository, head: str, cure: str) -> str:
        """Why nothing of ours may be put on `head`, and what to type; empty when it may. `cure`: the command that puts
        the file back by hand, signed. Raises InvalidDesired when the repository cannot be read."""
        if self._heads is None:
            return ""
        signed = signer(repository, self._heads, head)
        if not signed.principal:
            see = f"git -C {quote(str(repository.path))} show {head[:12]}"
            sound = "if it is sound, sign on top of it: git commit --allow-empty -S"
            return f"{head[:12]} {signed.problem}, and nothing is put on top of it; see `{see}`, and {sound}"
        if self._key is None:
            why = "and [repository.signing] names no key of the reconciler's"
        else:
            why = self._trial(self._heads, self._key)
        return f"the head has to be signed, {why}; type: {cure}" if why else ""

    def _trial(self, heads: Signers, key: Path) -> str:
        """A commit by a key that nobody knows would be refused as head, with all that people commit below it."""
        now = self._clock.monotonic()
        if self._tried is None or now >= self._tried[1]:
            found = sign(_TRIAL, key)
            problem = heads.ssh(_TRIAL, found).problem if isinstance(found, bytes) else found.problem
            self._tried = problem, now + (_BAD_LASTS if problem else _LASTS)
        problem = self._tried[0]
        return f"and what is signed with the reconciler's key {key} {problem}" if problem else ""


def signer(repository: Repository, heads: Signers, commit: str) -> Signed:
    """Who of `heads` has signed a commit. Raises InvalidDesired when the repository cannot be read."""
    return heads.of(commit, "commit", partial(raw, repository, commit, "commit", MOST_BYTES))
