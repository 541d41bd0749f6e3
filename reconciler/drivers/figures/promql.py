"""Which series a PromQL query reads, and the query that says whether those have fresh samples.

An instant query's answer carries the time of the asking, not that of the samples behind it: a selector finds what is up
to five minutes old, a range what is as old as it is long. So the series are asked for by themselves. Grammar:
https://prometheus.io/docs/prometheus/latest/querying/basics/ and .../operators/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_AGGREGATIONS = {
    *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"),
    *("limitk", "limit_ratio"),
}
_WITH_LABELS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_MAY_LACK = {"or", "unless"}
_OTHERS = {"and", *_MAY_LACK, "atan2", "offset", "bool", "inf", "nan"}
_STRING = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`"
_TOKEN = re.compile(
    rf"(?P<skip>\s+|\#[^\n]*)|(?P<braces>\{{(?:{_STRING}|[^}}\"'`])*\}})|(?P<range>\[[^\]]*\])|(?P<string>{_STRING})"
    r"|(?P<number>(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_:][\w:]*)|(?P<other>.)",
    re.DOTALL,
)
Token = tuple[str, str]


def fresh(query: str, age: str) -> str | None:
    """A query that is empty unless each of the series has a sample younger than `age`. Where the query says itself, by
    an `or`, that a part may be missing: unless one of them has. None: it reads no series at all."""
    tokens = _tokens(query)
    found = list(dict.fromkeys(f"count(count_over_time({name}[{age}]{offset}))" for name, offset in _series(tokens)))
    may_lack = any(kind == "name" and text.lower() in _MAY_LACK for kind, text in tokens)
    return (" or " if may_lack else " and ").join(found) or None


def _tokens(query: str) -> list[Token]:
    found = ((each.lastgroup or "", each.group()) for each in _TOKEN.finditer(query))
    return [token for token in found if token[0] != "skip"]


def _series(tokens: list[Token]) -> Iterator[Token]:
    """Every selector, and the offset at which it looks. One that looks at a fixed time (`@`) is as old as it is meant
    to be."""
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if kind == "name" and text.lower() in _WITH_LABELS:
            at = _behind_labels(tokens, at + 1)
        elif kind == "braces" or (kind == "name" and _is_series(text, after)):
            both = kind == "name" and after.startswith("{")
            at += 2 if both else 1
            offset, fixed = _modifiers(tokens, at)
            if not fixed:
                yield text + after if both else text, offset
        else:
            at += 1


def _is_series(name: str, after: str) -> bool:
    word = name.lower()
    function = after == "(" or (word in _AGGREGATIONS and after.lower() in ("by", "without"))
    return not function and word not in _OTHERS


def _behind_labels(tokens: list[Token], at: int) -> int:
    """The place behind the names in brackets that stand at `at`, if any do."""
    if tokens[at : at + 1] != [("other", "(")]:
        return at
    return next((end + 1 for end in range(at, len(tokens)) if tokens[end][1] == ")"), len(tokens))


def _modifiers(tokens: list[Token], at: int) -> tuple[str, bool]:
    """What stands behind a selector: its offset, and whether it looks at a fixed time."""
    rest = [text.lower() for kind, text in tokens[at : at + 6] if kind != "range"]
    offset = ""
    if rest[:1] == ["offset"]:
        length = 3 if rest[1:2] == ["-"] else 2
        offset = f" offset {''.join(rest[1:length])}"
        rest = rest[length:]
    return offset, rest[:1] == ["@"]
