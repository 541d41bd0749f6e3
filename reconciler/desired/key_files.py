"""The operator's two files of keys, read before anybody has signed anything: whose keys they hold, and what is wrong
with a line. A line that `ssh-keygen` would pass over in silence is found when somebody's vote does not count; or here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.errors import Problem
from reconciler.spelling import clip, shown

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_KIND = re.compile(r"(sk-)?(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521))(-cert-v01)?(@openssh\.com)?")
_PRINCIPAL = re.compile(r'[^\s,*?!"]{1,128}')
_NAMESPACES = re.compile(r'(?:^|,)namespaces="([^"]*)"', re.IGNORECASE)
_EMAIL = re.compile(rb"(?:.*<)?([^\s<>,*?!\"@]+@[^\s<>,*?!\"@]+)>?")
_USER_ID = 13  # the tag of an OpenPGP packet
EXPECTED = 'expected: NAME namespaces="git" ssh-ed25519 AAAA...'


def ssh_keys(file: Path) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Of an allowed_signers file: who has a key that can be used, and what is wrong. Raises OSError."""
    names, problems = set[str](), list[Problem]()
    for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, wrong = _line(line)
        names |= set() if wrong else {name}
        problems += [Problem(str(file), number, 1, wrong)] if wrong else []
    return frozenset(names), tuple(problems)


def _line(line: str) -> tuple[str, str]:
    """(whose key, what is wrong)"""
    words = _WORD.findall(line)
    if _WORD.sub("", line).strip():
        return "", f"a quotation mark is open; {EXPECTED}"
    name, options = words[0].strip('"'), "" if len(words) < 2 or _KIND.fullmatch(words[1]) else words[1]
    kind, *key = words[2 if options else 1 :] or [""]
    if not _KIND.fullmatch(kind):
        return name, f"no key stands behind '{clip(shown(name))}'; {EXPECTED}"
    if not key or not _holds(key[0], kind):
        return name, f"this is no {kind} key: it is cut off, or not copied as a whole; {EXPECTED}"
    if not _PRINCIPAL.fullmatch(name):
        return name, f"'{clip(shown(name))}' is not one name, without * ? and commas; write a line for each"
    allowed = _NAMESPACES.search(options)
    if allowed and not any(fnmatchcase("git", pattern.strip()) for pattern in allowed[1].split(",")):
        return name, f'the key of {name} is not for git: add "git" to its namespaces'
    return name, ""


def _holds(text: str, kind: str) -> bool:
    """Does it decode, and name its own kind within?"""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    size = int.from_bytes(content[:4], "big")
    return content[4 : 4 + size] == kind.encode() and len(content) > 4 + size + 16


def pgp_names(file: Path) -> frozenset[str]:
    """The e-mail addresses in a binary keyring. Raises OSError."""
    ids = (content for tag, content in _packets(file.read_bytes()) if tag == _USER_ID)
    found = (_EMAIL.fullmatch(one.strip()) for one in ids)
    return frozenset(match[1].decode("utf-8", "replace") for match in found if match)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of each OpenPGP packet, as far as it can be read."""
    at = 0
    while at + 1 < len(data) and data[at] & 0x80:
        new = data[at] & 0x40
        tag = data[at] & 0x3F if new else data[at] >> 2 & 0x0F
        header, size = _new_length(data, at) if new else _old_length(data, at)
        if size < 0:
            return
        yield tag, data[at + header : at + header + size]
        at += header + size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Bytes of the header, and of the content; a size below 0: unknown."""
    first = data[at + 1]
    if first < 192:
        return 2, first
    if first < 224:
        return 3, (first - 192 << 8) + int.from_bytes(data[at + 2 : at + 3], "big") + 192
    return (6, int.from_bytes(data[at + 2 : at + 6], "big")) if first == 255 else (0, -1)


def _old_length(data: bytes, at: int) -> tuple[int, int]:
    width = (1, 2, 4, 0)[data[at] & 0x03]
    return 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else -1
