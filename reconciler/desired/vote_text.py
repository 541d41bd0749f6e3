"""The text of a vote: what is voted on, and why, as the message of a commit or a tag.

    approve shift of production

    looked at the dashboards

    Reconciler-Environment: production
    Reconciler-Stage: shift
    Reconciler-Plan: 64 hexadecimal digits
    Reconciler-Verdict: approve

Only the last paragraph is read, and the writer always ends with one of its own: no reason can say something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from reconciler.core.model import Stage
from reconciler.errors import UsageError
from reconciler.spelling import clip, shown

MOST_REASON = 2000  # characters
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PLAN = re.compile(r"[0-9a-f]{64}")
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ?(.*)")
_KEYS = ("Reconciler-Environment", "Reconciler-Stage", "Reconciler-Plan", "Reconciler-Verdict")
_OURS = re.compile(r"\s*(?:reconciler-|-----|#)", re.IGNORECASE)  # what git or we could take for something else


@dataclass(frozen=True, slots=True)
class VoteText:
    environment: str
    stage: Stage
    plan: str
    approve: bool
    reason: str = ""

    @property
    def verdict(self) -> str:
        return "approve" if self.approve else "reject"

    @property
    def subject(self) -> str:
        return f"{self.verdict} {self.stage} of {self.environment}"


def compose(environment: str, stage: str, plan: str, verdict: str, reason: str = "") -> str:
    """The message of a vote. Raises UsageError for what `parse` would not read."""
    values = (environment, str(stage), plan, verdict)
    vote = _vote(values, "")
    if vote is None:
        text = f"nobody can vote '{clip(shown(' '.join(values)))}'"
        raise UsageError(f"{text}; expected an environment, a stage, a plan's digest, and approve or reject")
    trailers = "\n".join(f"{key}: {value}" for key, value in zip(_KEYS, values, strict=True))
    told = _harmless(reason)
    return "\n\n".join([vote.subject, *([told] if told else []), trailers]) + "\n"


def parse(message: str) -> VoteText | None:
    """None for what is no vote, or not exactly one."""
    lines = message.replace("\r\n", "\n").rstrip().split("\n")
    begins = max((index + 1 for index, line in enumerate(lines) if not line.strip()), default=0)
    trailers = [_TRAILER.fullmatch(line) for line in lines[begins:]]
    found: dict[str, str] = {}
    for trailer in trailers:
        if trailer is None or trailer[1] in found:
            return None
        found[trailer[1]] = trailer[2].strip() if trailer[1] in _KEYS else ""
    return _vote(tuple(found.get(key, "") for key in _KEYS), "\n".join(lines[:begins]))


def _vote(values: tuple[str, ...], before: str) -> VoteText | None:
    environment, stage, plan, verdict = values
    known = _NAME.fullmatch(environment) and _PLAN.fullmatch(plan) and stage in list(Stage)
    if not known or verdict not in ("approve", "reject"):
        return None
    vote = VoteText(environment, Stage(stage), plan, verdict == "approve")
    first, _, rest = before.strip().partition("\n")
    reason = rest if first.rstrip() == vote.subject else before
    return replace(vote, reason=_printable(reason).strip()[:MOST_REASON])


def _harmless(reason: str) -> str:
    """A line that could be read as a trailer, a signature or a comment is quoted."""
    lines = (f"> {line}" if _OURS.match(line) else line for line in _printable(reason).split("\n"))
    return "\n".join(lines).strip()[:MOST_REASON]


def _printable(text: str) -> str:
    return "\n".join(shown(line.expandtabs(4)).rstrip() for line in text.splitlines())
