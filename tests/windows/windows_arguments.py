"""A command line as Windows' programs take it apart: `CommandLineToArgvW`, by its manual."""

from __future__ import annotations

BLANKS = " \t"


def words(line: str) -> list[str]:
    """The program, which knows no backslash, and its arguments."""
    quoted = line.startswith('"')
    end = line.find('"', 1) if quoted else next((at for at, sign in enumerate(line) if sign in BLANKS), len(line))
    end = len(line) if end < 0 else end
    found, rest = [line[1 if quoted else 0 : end]], line[end + (1 if quoted else 0) :]
    while rest := rest.lstrip(BLANKS):
        word, rest = _first(rest)
        found.append(word)
    return found


def _first(text: str) -> tuple[str, str]:
    word, inside, at = "", False, 0
    while at < len(text) and (inside or text[at] not in BLANKS):
        slashes = len(text[at:]) - len(text[at:].lstrip("\\"))
        at += slashes
        if text[at : at + 1] != '"':
            word += "\\" * slashes or text[at]
            at += 0 if slashes else 1
            continue
        word += "\\" * (slashes // 2)
        if slashes % 2:
            word += '"'
        elif inside and text[at + 1 : at + 2] == '"':
            word, at = word + '"', at + 1
        else:
            inside = not inside
        at += 1
    return word, text[at:]
