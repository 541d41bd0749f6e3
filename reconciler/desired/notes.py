"""What is noted at a revision: one section per environment, among whatever other people note there.

    production: RolledBack (AnalysisFailed): green@1.4.2 went back to blue@1.4.1
      put back: 1f2e3d...
      transition: 17
      journal: 0b9c... 412 5f6a...

The last line seals it: journal, number and digest of the entry that the note rests on. A journal that knows it no more
has been cut off, or is another one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from reconciler.desired.committing import Committer, Entry, named
from reconciler.desired.plumbing import Plumbing
from reconciler.desired.put_back import one_line
from reconciler.desired.repository import MOST_BYTES
from reconciler.errors import Refused

REFERENCE = "refs/notes/reconciler"
_TRANSITION, _JOURNAL = "  transition: ", "  journal: "
_NUMBER = re.compile(r"([0-9]{6,18})-")  # that a transition's id begins with, of its journal
_SEAL = re.compile(r"(\S+) ([0-9]{1,18}) ([0-9a-f]{64})")
_NAME = re.compile(r"([a-z0-9-]+): ")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Anchor(NamedTuple):
    """What the journal was when an environment's end was noted at a revision."""

    environment: str
    revision: str
    journal: str
    entry: int
    digest: str


def section(environment: str, text: str, transition: str, seal: str) -> str:
    """Only its first line begins at the margin, so no text can pretend to be another environment's; and only its last
    two lines count, so none can pretend to be the seal."""
    first, *more = [one_line(line) for line in text.splitlines() if line.strip()] or ["ended"]
    lines = [f"{environment}: {first}", *(f"  {line}" for line in more)]
    return "\n".join([*lines, f"{_TRANSITION}{one_line(transition)}", f"{_JOURNAL}{one_line(seal)}"])


def merged(existing: str, section: str) -> str:
    """A note with this section in place of the same environment's; all else stays as it is. So does everything where a
    later transition is noted: one that git refused at first is tried again when it will, also after its successor."""
    blocks, name = _blocks(existing.rstrip("\n")), _environment(section)
    places = [number for number, block in enumerate(blocks) if _environment(block) == name]
    if any(_later(blocks[number], section) for number in places):
        return existing
    if places:
        blocks[places[0]] = section
        blocks = [block for number, block in enumerate(blocks) if number not in places[1:]]
    else:
        apart = [""] if blocks and not _environment(blocks[-1]) else []
        blocks += [*apart, section]
    return "\n".join(blocks) + "\n"


def anchors(git: Plumbing) -> list[Anchor]:
    """Of every note that can be read. Raises Refused and Unreachable."""
    tip = named(git, REFERENCE)
    listed = git.ask("ls-tree", "-r", "-l", "-z", tip).split("\0") if tip else []
    found = []
    for head, _, path in (line.partition("\t") for line in listed if line):
        _, kind, blob, size = head.split()
        revision = path.replace("/", "")
        if kind == "blob" and int(size) <= MOST_BYTES and _COMMIT.fullmatch(revision):
            found += _anchors(_text(git, blob), revision)
    return found


def write(git: Plumbing, committer: Committer, revision: str, section: str) -> None:
    """Raises Conflict when somebody else noted something at the same moment: then nothing is written."""
    if git.run("cat-file", "-e", f"{revision}^{{commit}}").status:
        raise Refused(f"{git.path}: there is no commit {revision[:12]} (any more), so nothing can be noted there")
    tip = named(git, REFERENCE)
    path, blob = _place(git, tip, revision)
    before = _text(git, blob) if blob else ""
    after = merged(before, section)
    if after == before:
        return
    made = git.ask("hash-object", "-w", "--stdin", stdin=after.encode("utf-8", "surrogateescape"))
    commit = committer.commit(git, tip, Entry(path, made), f"What became of {revision[:12]}\n")
    committer.move(git, REFERENCE, commit, tip, "reconciler: note")


def _place(git: Plumbing, tip: str, revision: str) -> tuple[str, str]:
    """Where the note of a revision is, or will be, and its blob. Git spreads many notes over folders, as deep as it
    sees fit, and finds them at any depth; two notes of one revision would be two."""
    cuts = [revision[: 2 * depth] for depth in range(6)]
    paths = ["/".join([*re.findall("..", cut), revision[len(cut) :]]) for cut in cuts]
    listed = git.ask("ls-tree", "-z", tip, "--", *paths).split("\0") if tip else []
    for head, _, path in (line.partition("\t") for line in listed if line):
        _, kind, blob = head.split()
        if kind == "blob":
            return path, blob
    return paths[1], ""


def _text(git: Plumbing, blob: str) -> str:
    size = git.ask("cat-file", "-s", blob)
    if int(size) > MOST_BYTES:
        raise Refused(f"{git.path}: a note of {size} bytes is too long; shorten it: git notes --ref=reconciler edit")
    return git.run("cat-file", "blob", blob).out.decode("utf-8", "surrogateescape")


def _blocks(text: str) -> list[str]:
    """Lines at the margin, each with the indented lines below it."""
    blocks: list[str] = []
    for line in text.split("\n") if text else []:
        if line.startswith("  ") and blocks and blocks[-1]:
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return blocks


def _environment(block: str) -> str:
    """Whose section it is; empty for what somebody else wrote."""
    lines, name = block.split("\n"), _NAME.match(block)
    ours = len(lines) > 2 and lines[-2].startswith(_TRANSITION) and lines[-1].startswith(_JOURNAL)
    return name[1] if name and ours else ""


def _later(one: str, other: str) -> bool:
    """Is that section of a later transition of the same journal?"""
    (journal, number), (others, before) = _order(one), _order(other)
    return journal == others and before is not None and number is not None and number > before


def _order(section: str) -> tuple[str, int | None]:
    """Its journal, and the number of its transition there; None for an id that has none."""
    transition, _, seal = section.rpartition(_JOURNAL)
    found = _NUMBER.match(transition.rpartition(_TRANSITION)[2])
    return seal.partition(" ")[0], int(found[1]) if found else None


def _anchors(text: str, revision: str) -> list[Anchor]:
    blocks = [(_environment(block), block.rpartition(_JOURNAL)[2]) for block in _blocks(text.rstrip("\n"))]
    seals = [(name, _SEAL.fullmatch(seal)) for name, seal in blocks if name]
    return [Anchor(name, revision, found[1], int(found[2]), found[3]) for name, found in seals if found]
