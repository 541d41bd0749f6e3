"""A commit or an annotated tag as the bytes that git keeps: its headers, its message, its signature.

Read more strictly than git does: whatever git and we could understand in two ways is malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["commit", "tag"]

_ORDER = {
    "commit": re.compile(rb"tree(?: parent)* author committer(?P<rest>(?: [!-~]+)*)"),
    "tag": re.compile(rb"object type tag tagger(?P<rest>(?: [!-~]+)*)"),
}
_NAMES = frozenset((b"tree", b"parent", b"author", b"committer", b"object", b"type", b"tag", b"tagger"))
_PERSON = re.compile(rb"[^<>\n]*<([^<>\n\0]{0,254})> (-?[0-9]{1,12}) [+-][0-9]{4}")
_COMMIT = re.compile(rb"[0-9a-f]{40}")
_BEGIN = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RawObject:
    """`payload` is what the `signature` is over; without a signature, all of it. Bytes, for they need be no text."""

    headers: tuple[tuple[bytes, bytes], ...]
    message: bytes
    payload: bytes
    signature: bytes = b""

    @property
    def parents(self) -> tuple[str, ...]:
        """Of a commit."""
        values = (value for name, value in self.headers if name == b"parent")
        return tuple(value.decode() for value in values if _COMMIT.fullmatch(value))

    @property
    def emails(self) -> frozenset[str] | None:
        """Of author and committer, in small letters. None: one of them cannot be read."""
        people = [_PERSON.fullmatch(value) for name, value in self.headers if name in (b"author", b"committer")]
        known = [_email(found) for found in people if found]
        return frozenset(known) if len(known) == len(people) else None

    @property
    def written(self) -> tuple[str, int] | None:
        """Who made it (committer, or tagger) and when: e-mail address, and seconds since 1970. None: cannot be read."""
        value = next((value for name, value in self.headers if name in (b"committer", b"tagger")), b"")
        found = _PERSON.fullmatch(value)
        return (_email(found), int(found[2])) if found else None


def parse(raw: bytes, kind: Kind) -> RawObject | None:
    """None for what is malformed. Never raises for what the bytes are."""
    head, gap, body = raw.partition(b"\n\n")
    headers = _headers(head.removesuffix(b"\n"))
    found = _ORDER[kind].fullmatch(b" ".join(name for name, _ in headers))
    if not found or _NAMES & set(found["rest"].split()):
        return None
    return _commit(head, gap, body, headers) if kind == "commit" else _tag(raw, head + gap, body, headers)


def _headers(head: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Name and value; the lines that go on with a value begin with a space, which is not part of it."""
    unfolded = re.split(rb"\n(?! )", head)
    pairs = (line.partition(b" ") for line in unfolded)
    return tuple((name, value.replace(b"\n ", b"\n")) for name, _, value in pairs)


def _commit(head: bytes, gap: bytes, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> RawObject | None:
    """The signature is a header, and is over all but itself."""
    signatures = [(name, value) for name, value in headers if name.startswith(b"gpgsig")]
    if not signatures:
        return RawObject(headers, body, head + gap + body)
    if len(signatures) > 1 or signatures[0][0] != b"gpgsig":
        return None
    kept = b"\n".join(line for line in re.split(rb"\n(?! )", head) if not line.startswith(b"gpgsig "))
    return RawObject(headers, body, kept + gap + body, signatures[0][1] + b"\n")


def _tag(raw: bytes, head: bytes, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> RawObject | None:
    """The signature is the end of the message, and is over all that stands before it."""
    if any(name.startswith(b"gpgsig") for name, _ in headers):
        return None
    begins = [found.start() for found in _BEGIN.finditer(body)]
    if not begins:
        return RawObject(headers, body, raw)
    return RawObject(headers, body[: begins[-1]], head + body[: begins[-1]], body[begins[-1] :])


def _email(found: re.Match[bytes]) -> str:
    return found[1].decode("utf-8", "replace").strip().lower()
