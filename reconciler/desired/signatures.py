"""Who has signed a commit or an annotated tag, by the keys that the operator's files name, and by no others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.desired.raw_object import Kind, RawObject, parse
from reconciler.desired.verifying import Signed, by_openpgp, by_ssh, key_times

MOST_BYTES = 1 << 20  # of an object whose signature is verified
_MOST_SIGNATURE = 1 << 16
_MOST_KEPT = 4096
_LASTS = 300.0  # seconds; a verdict that is older is asked for again: an OpenPGP key's time may be over meanwhile
Mark = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    signed: Signed
    until: float


class Signers:
    """`allowed_signers` for SSH, `keyring` for OpenPGP; without one, signatures of its kind are nobody's. Safe to share
    among threads, and an id's verdict is kept for a while: asking again is cheap."""

    def __init__(self, allowed_signers: Path | None, keyring: Path | None = None, clock: Clock = SYSTEM) -> None:
        self._allowed, self._keyring, self._clock = allowed_signers, keyring, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Verdict] = OrderedDict()
        self._mark: Mark = ()
        self._turns: tuple[float, ...] = ()  # when the time of a key begins or ends, seconds since 1970

    def of(self, name: str, kind: Kind, raw: Callable[[], bytes | None]) -> Signed:
        """The signer of the object with the id `name`; `raw` reads it, when it has to be. None: it cannot be read."""
        if (known := self.known(name)) is not None:
            return known
        mark = self._mark
        content = raw()
        if content is None:
            return Signed(problem="cannot be verified: it is missing, or too large", sure=False)
        signed = self.signer(content, kind)
        with self._lock:
            if signed.sure and mark == self._mark:
                self._kept[name] = _Verdict(signed, self._clock.monotonic() + self._lasts())
                self._kept.move_to_end(name)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return signed

    def known(self, name: str) -> Signed | None:
        """The same, as far as it costs nothing; None: it would have to be asked."""
        with self._lock:
            self._forget()
            found = self._kept.get(name)
            return found.signed if found and self._clock.monotonic() < found.until else None

    def signer(self, raw: bytes, kind: Kind) -> Signed:
        """The same of an object's content, asked anew. Never raises for what the bytes are."""
        if len(raw) > MOST_BYTES:
            return Signed(problem=f"cannot be verified: it is larger than {MOST_BYTES >> 10} KiB")
        found = parse(raw, kind)
        if found is None:
            return Signed(problem=f"is malformed: its headers are not those of a {kind} with at most one signature")
        return self._verified(found)

    def _verified(self, found: RawObject) -> Signed:
        signature = found.signature
        if not signature:
            merged = any(name == b"mergetag" for name, _ in found.headers)
            why = "; the signature of the tag that it merges is not its own" if merged else ""
            return Signed(problem=f"is not signed{why}")
        if len(signature) > _MOST_SIGNATURE:
            return Signed(problem="has a signature that is too large")
        if signature.startswith(b"-----BEGIN SSH SIGNATURE-----"):
            return self.ssh(found.payload, signature)
        if not signature.startswith(b"-----BEGIN PGP SIGNATURE-----"):
            return Signed(problem="has a signature that is neither SSH nor OpenPGP")
        if self._keyring is None:
            return _nobody("OpenPGP", "keyring")
        return by_openpgp(found.payload, signature, self._keyring)

    def ssh(self, payload: bytes, signature: bytes) -> Signed:
        """The signer of any bytes, as if they were git's."""
        return by_ssh(payload, signature, self._allowed) if self._allowed else _nobody("SSH", "signers")

    def _forget(self) -> None:
        """Everything, when the operator has changed the files."""
        mark = tuple(_state(file) for file in (self._allowed, self._keyring) if file)
        if mark != self._mark:
            self._mark = mark
            self._kept.clear()
            self._turns = key_times(self._allowed) if self._allowed else ()

    def _lasts(self) -> float:
        """No verdict outlives the moment at which an SSH key's time begins or ends."""
        now = self._clock.now().timestamp()
        return min([_LASTS, *(turn - now for turn in self._turns if turn > now)])


def signers_of(configuration: Configuration) -> Signers | None:
    """Whom the operator's file knows; None when it names no keys."""
    allowed, keyring = configuration.signers_path, configuration.keyring_path
    return Signers(allowed, keyring) if allowed or keyring else None


def head_signers(configuration: Configuration) -> Signers | None:
    """Of whom one must have signed the branch's head; None when that is not asked for."""
    return signers_of(configuration) if configuration.repository.verify.mode == "head" else None


def _nobody(kind: str, key: str) -> Signed:
    text = f"is signed by {kind}, and the operator's file knows no such keys; add `{key}` to [repository.verify] there"
    return Signed(problem=text)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
