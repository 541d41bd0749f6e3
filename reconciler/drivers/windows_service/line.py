"""A program and its arguments as the one line that Windows keeps of a service, and back as its programs read it.

Windows itself knows one line only; each program makes its arguments of it, nearly all by `CommandLineToArgvW`: a quote
is one behind a backslash, a backslash is special before a quote only. The program's own name knows no such rule: it
ends at the next quote. It is always quoted here: of `C:\\My Apps\\a.exe` without quotes Windows tries `C:\\My.exe`
first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 8000  # characters; Windows takes four times as many


def wrong(word: str) -> str:
    """Why a word cannot stand in a service's line; empty when it can."""
    if "%" in word:
        return f"'{word}': Windows puts a variable's value in the place of %...% in a service's line; leave out '%'"
    if re.search(r"[\x00-\x1f\x7f]", word):
        return f"{word!r}: a line of its own, or a control character, cannot stand in a service's line"
    return ""


def line(words: Sequence[str]) -> str:
    """`words`: the program, and its arguments. The program's name holds no quote."""
    program, *arguments = words
    return " ".join((f'"{program}"', *map(_quoted, arguments)))


def _quoted(word: str) -> str:
    if word and not re.search(r'[\s"]', word):
        return word
    before_quotes = re.sub(r'(\\*)"', r'\1\1\\"', word)  # twice as many backslashes, and one for the quote
    return '"' + re.sub(r"(\\+)\Z", r"\1\1", before_quotes) + '"'
