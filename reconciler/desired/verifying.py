"""Is this signature over these bytes, and by whose key? Asked of `ssh-keygen` and `gpgv`, outside of git.

Git would ask whatever program its configuration names, and whoever can write that decides who has signed. Here program
and arguments are fixed, the environment is bare, and only the operator's own files say which keys count, now.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.spelling import shown

DEADLINE = 10.0  # seconds for one program
_SSH = re.compile(rb"-----BEGIN SSH SIGNATURE-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END SSH SIGNATURE-----\s*")
_PGP = re.compile(rb"-----BEGIN PGP SIGNATURE-----\r?\n(?:(?!-----)[^\n]*\n)+-----END PGP SIGNATURE-----\s*")
_TIME = re.compile(r'valid-(?:before|after)="?([0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?)(Z)?', re.IGNORECASE)
_PRINCIPAL = re.compile(r'[^\s,*?!"]{1,128}')
_EMAIL = re.compile(r'(?:.*<)?([^\s<>,*?!"@]+@[^\s<>,*?!"@]+)>?')
_NOT_GOOD = {
    "EXPSIG": "is signed, but the time of that signature is over",
    "EXPKEYSIG": "is signed by a key whose time is over",
    "REVKEYSIG": "is signed by a key that was revoked",
    "BADSIG": "has a signature over something else: it was changed after it was signed, or the signature copied",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """`principal` is empty when nobody whom the operator's files know has signed, and `problem` says why: words that go
    on after a name, such as `is not signed`."""

    principal: str = ""
    problem: str = ""
    sure: bool = True  # False: it could not be found out, for a reason that may pass


def by_ssh(payload: bytes, signature: bytes, allowed: Path) -> Signed:
    """`allowed`: an allowed_signers file, whose options (namespaces, valid-before, ...) count as they do now."""
    if not _SSH.fullmatch(signature):
        return Signed(problem="has a malformed SSH signature")
    if wrong := _unusable(allowed, "signers"):
        return wrong
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        known = ("-s", str(file), "-f", str(allowed.absolute()))
        asked = _run(("ssh-keygen", "-Y", "find-principals", *known), b"", folder)
        if isinstance(asked, Signed):
            return asked
        if asked.returncode != 0:
            return Signed(problem=_unknown(asked.stderr, allowed))
        principal = (asked.stdout.decode("utf-8", "replace").splitlines() or [""])[0].strip()
        if not _PRINCIPAL.fullmatch(principal):
            text = f"is signed by a key whose line in {allowed} names '{shown(principal)}', expected one name there"
            return Signed(problem=f"{text}, without * ? or !")
        checked = _run(("ssh-keygen", "-Y", "verify", *known, "-I", principal, "-n", "git"), payload, folder)
    if isinstance(checked, Signed):
        return checked
    return Signed(principal) if checked.returncode == 0 else Signed(problem=_refused(checked.stderr, allowed))


def key_times(allowed: Path) -> tuple[float, ...]:
    """When the time of a key in an allowed_signers file begins or ends, seconds since 1970."""
    try:
        text = allowed.read_text("utf-8", "replace")
    except OSError:
        return ()
    found = (_moment(*one.groups()) for one in _TIME.finditer(text))
    return tuple(moment for moment in found if moment is not None)


def _moment(digits: str, utc: str | None) -> float | None:
    """YYYYMMDD[HHMM[SS]][Z], as ssh-keygen reads it: without the Z, by this machine's time zone."""
    try:
        wall = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S")
        return (wall.replace(tzinfo=UTC) if utc else wall).timestamp()
    except (ValueError, OverflowError):
        return None


def sign(payload: bytes, key: Path) -> bytes | Signed:
    """The signature that git would make with an SSH private key; Signed: why there is none."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        done = _run(("ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key.absolute())), payload, folder)
    if isinstance(done, Signed):
        return done
    return done.stdout if done.returncode == 0 else _unsure("nothing can be signed with it; it must have no passphrase")


def by_openpgp(payload: bytes, signature: bytes, keyring: Path) -> Signed:
    """`keyring`: exported keys, not armored. The principal is the e-mail address of the key's user id."""
    if not _PGP.fullmatch(signature):
        return Signed(problem="has a malformed OpenPGP signature")
    if wrong := _unusable(keyring, "keyring"):
        return wrong
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        asked = ("gpgv", "--homedir", folder, "--status-fd", "1", "--keyring", str(keyring.absolute()), str(file), "-")
        done = _run(asked, payload, folder)
    if isinstance(done, Signed):
        return done
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    told = [line.removeprefix("[GNUPG:] ").split(" ", 2) for line in lines if line.startswith("[GNUPG:] ")]
    return _told(told, keyring)


def _told(told: list[list[str]], keyring: Path) -> Signed:
    """Its exit code is 0 for a revoked key, too: the status lines count, and one good signature alone."""
    words = [line[0] for line in told]
    for word, problem in _NOT_GOOD.items():
        if word in words:
            return Signed(problem=problem)
    alone = all(words.count(word) == 1 for word in ("NEWSIG", "GOODSIG", "VALIDSIG"))
    if not alone or "PLAINTEXT" in words:
        return Signed(problem=f"is signed by a key that {keyring} does not hold")
    good = next(line for line in told if line[0] == "GOODSIG")
    found = _EMAIL.fullmatch(good[2].strip()) if len(good) > 2 else None
    return Signed(found[1]) if found else Signed(problem="is signed by a key whose user id has no e-mail address")


def _unknown(stderr: bytes, allowed: Path) -> str:
    text = stderr.decode("utf-8", "replace")
    if "key has expired" in text:
        return f"is signed by a key whose time is over (valid-before in {allowed})"
    if "not yet valid" in text:
        return f"is signed by a key whose time has not begun (valid-after in {allowed})"
    return f"is signed by a key that {allowed} does not name"


def _refused(stderr: bytes, allowed: Path) -> str:
    text = stderr.decode("utf-8", "replace")
    if "incorrect signature" in text:
        return _NOT_GOOD["BADSIG"]
    if "namespace" in text:
        return f'is signed by a key that {allowed} does not allow for git; add "git" to its namespaces there'
    return _unknown(stderr, allowed)


def _unusable(file: Path, key: str) -> Signed | None:
    """Told before a program stumbles over it and blames the signature."""
    try:
        with file.open("rb") as content:
            begins = content.read(10)
    except OSError as error:
        return _unsure(f"{file}, which `{key}` of the operator's file names, cannot be read: {error.strerror}")
    if key == "keyring" and begins == b"-----BEGIN":
        return _unsure(f"{file} is armored, expected a binary keyring; run `gpg --dearmor` on it")
    return None


def _unsure(why: str) -> Signed:
    return Signed(problem=f"cannot be verified: {why}", sure=False)


def _run(command: tuple[str, ...], payload: bytes, folder: str) -> subprocess.CompletedProcess[bytes] | Signed:
    """Its environment holds nothing of ours. Signed: why there is no answer."""
    path = os.environ.get("PATH", os.defpath)
    program = shutil.which(command[0], path=path)
    if program is None:
        package = {"ssh-keygen": "OpenSSH (openssh-client)", "gpgv": "GnuPG's gpgv"}[command[0]]
        return _unsure(f"{command[0]} is not installed here; install {package}")
    ours = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # nothing starts without, there
    environment = {"PATH": path, "HOME": folder, "LC_ALL": "C", **ours}
    try:
        return subprocess.run(
            (program, *command[1:]), input=payload, cwd=folder, env=environment, capture_output=True,
            timeout=DEADLINE, check=False, start_new_session=True,  # no terminal to ask on
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _unsure(f"{command[0]} did not end within {DEADLINE:g} s")
    except OSError as error:
        return _unsure(f"{command[0]} cannot be started: {error.strerror}")
