"""What lies in a PEM file, block by block. The load generator reads no more of a certificate.

RFC 7468, with the headers of older keys let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s:,-]+?-----END \1-----")


def leaf(text: str) -> str:
    """The first certificate of a text, in PEM; empty when there is none."""
    return next((block for kind, block in blocks(text) if kind == "CERTIFICATE"), "")


def chain(text: str) -> str:
    """Every certificate of a text, and nothing else."""
    return "".join(block for kind, block in blocks(text) if kind == "CERTIFICATE")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each; without empty lines, which would end what HAProxy is told."""
    for match in _BLOCK.finditer(text):
        lines = (line.strip() for line in match[0].splitlines())
        yield match[1], "\n".join(line for line in lines if line) + "\n"
