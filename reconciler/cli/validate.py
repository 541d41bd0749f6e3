"""`reconcile validate`: every error in every manifest, at the branch's head or in files not yet committed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from reconciler.alerts.addresses import misread
from reconciler.clock import SYSTEM
from reconciler.configuration import Configuration, load, partly
from reconciler.desired.claims import judge
from reconciler.desired.key_files import pgp_names, ssh_keys
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import head_signers
from reconciler.desired.snapshot import Desires, Snapshot
from reconciler.desired.uncommitted import judged
from reconciler.desired.uncommitted import staged as as_staged
from reconciler.drivers.certificates import pair as pairs
from reconciler.errors import InvalidConfiguration, Problem, Refused, UsageError
from reconciler.logs.collector import not_allowed

Read = Manifest | Invalid


@click.command("validate")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--staged", is_flag=True, help="What the next commit would hold: every manifest as it is staged.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, files: tuple[Path, ...], staged: bool, output: str) -> int:
    """Every error in every manifest, all at once: at the branch's head, of FILEs as they lie in the work tree, or as
    they are staged.

    They are judged beside the operator's file, which is checked as well. Reads only; exit code 1 when there are errors.
    """
    if staged and files:
        raise UsageError("--staged is about everything that is staged; leave it, or the files, out")
    verdict = before_commit(config) if staged else validate(config, files)
    click.echo(verdict.as_json() if output == "json" else verdict.as_text())
    return 1 if verdict.problems else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and all that is wrong with it."""

    of: str  # in words
    revision: str  # of the branch's head; empty when there is none, or it was not needed
    environments: tuple[str, ...]  # those without an error
    problems: tuple[Problem, ...]

    def as_text(self) -> str:
        lines = [str(problem) for problem in self.problems]
        good = f"good: {', '.join(self.environments)}" if self.environments else "no good environment"
        wrong = len(self.problems)
        count = f"{wrong} error{'' if wrong == 1 else 's'}" if wrong else "no errors"
        return "\n".join([*lines, f"{count} in {self.of}; {good}"])

    def as_json(self) -> str:
        told = dataclasses.asdict(self)
        return json.dumps({"valid": not self.problems, **told})


def validate(config: str | None, files: tuple[Path, ...]) -> Verdict:
    """Never raises for what is in a file: that is what the verdict tells."""
    operator, problems = _operator(config)
    names, wrong_keys = _keys(operator)
    problems += _misread(operator) + wrong_keys
    if operator is None and not files:
        return Verdict("the operator's file, which says where the manifests are", "", (), problems)
    head = _head(operator) if operator else Snapshot("")
    found = _judged(files, head, operator) if files else list(head.environments.values())
    of = ", ".join(map(str, files)) if files else f"environments/ at {head.revision[:12] or 'no revision'}"
    wrong = [problem for one in found for problem in _wrong(one, names)]
    if (told := head.problem or head.unverified) and not files:
        wrong.insert(0, _unreadable(operator, told))
    usable = files or not head.unverified
    good = tuple(sorted(one.name for one in found if isinstance(one, Manifest) and usable and not _wrong(one, names)))
    beside = list(dict.fromkeys(problem.file for problem in problems))
    places = " and ".join([*beside, *([of] if wrong or not beside else [])])
    return Verdict(places, head.revision, good, (*problems, *wrong))


def _wrong(found: Read, names: frozenset[str] | None) -> tuple[Problem, ...]:
    """`names`: who has a key, in small letters; None: that is not known."""
    if isinstance(found, Invalid):
        return found.problems
    asked = found.spec.approvals
    missing = [
        (index, name)
        for index, name in enumerate(asked.approvers if asked and names is not None else ())
        if name.casefold() not in (names or ())
    ]
    text = "has no key in the files that the operator's file names under [repository.verify]"
    return tuple(
        found.problem(("spec", "approvals", "approvers", index), f"'{name}' {text}, so no vote of theirs would count")
        for index, name in missing
    )


def _keys(operator: Configuration | None) -> tuple[frozenset[str] | None, tuple[Problem, ...]]:
    """Who has a key, and what is wrong with the files of keys. None: no such file is named, or it cannot be read."""
    signers, keyring = (operator.signers_path, operator.keyring_path) if operator else (None, None)
    if not (signers or keyring):
        return None, ()
    try:
        names, problems = ssh_keys(signers) if signers else (frozenset[str](), ())
        names |= pgp_names(keyring) if keyring else frozenset()
    except OSError:
        return None, ()  # told already: the operator's file cannot be loaded without them
    return frozenset(name.casefold() for name in names), problems


def before_commit(config: str | None) -> Verdict:
    """What the next commit would hold. Where nobody has written an operator's file, as in a clone, manifests are judged
    by themselves: what may be run is decided elsewhere. Never raises for what is in a file."""
    operator, problems = _operator(config)
    if operator is None:
        return Verdict("the operator's file, which says where the manifests are", "", (), problems)
    repository = Repository(operator.repository_path)
    try:
        found = judged(as_staged(repository, _index()), operator if operator.file else None)
    finally:
        repository.close()
    of = "what is staged of environments/" + ("" if operator.file else ", judged without an operator's file")
    wrong = (problem for one in found.values() if isinstance(one, Invalid) for problem in one.problems)
    good = tuple(sorted(one.name for one in found.values() if isinstance(one, Manifest)))
    return Verdict(of, "", good, (*problems, *wrong))


def _index() -> Path | None:
    """In a hook, the one that git commits from: `git commit FILE` and `git commit -a` make one of their own."""
    named = os.environ.get("GIT_INDEX_FILE")
    return Path(named).absolute() if named else None


def _operator(config: str | None) -> tuple[Configuration | None, tuple[Problem, ...]]:
    """None where it cannot be used; what is wrong with the hosts that it names is told beside what else is."""
    file = Path(config) if config else None
    try:
        return load(file), ()
    except InvalidConfiguration as error:
        lines = (line.partition(": ") for line in str(error).splitlines())
        problems = tuple(Problem(place, 0, 0, message) for place, _, message in lines)
        return None, problems + _misread(partly(file))


def _misread(operator: Configuration | None) -> tuple[Problem, ...]:
    """Addresses that stand in the file, and that no alert, or no log, could be sent to."""
    wrong = (*misread(operator), *not_allowed(operator), *_unfit(operator)) if operator else ()
    return tuple(Problem(str(operator and operator.file), 0, 0, line) for line in wrong)


def _unfit(operator: Configuration) -> Iterator[str]:
    """Certificates that no gateway could begin to show now. A loop that runs shows the former ones on."""
    for name, one in operator.entries("certificates").items():
        try:
            wrong = pairs.read(one).outside(SYSTEM.now().timestamp())
        except Refused as error:
            wrong = str(error)
        if wrong:
            yield f"certificates.{name}: {wrong}"


def _head(operator: Configuration) -> Snapshot:
    repository = Repository(operator.repository_path, operator.repository.branch)
    desires = Desires(repository, operator, head_signers(operator))
    try:
        return desires.look()
    finally:
        desires.close()


def _unreadable(operator: Configuration | None, problem: str) -> Problem:
    """The snapshot's problem is text that begins with its place."""
    place = str(operator.repository_path) if operator else ""
    return Problem(place, 0, 0, problem.removeprefix(f"{place}: "))


def _judged(files: Iterable[Path], head: Snapshot, operator: Configuration | None) -> list[Read]:
    """The files as they lie there, beside the other environments of the head: a name or an address may be taken."""
    given = [_read(file, head) for file in dict.fromkeys(files)]
    others = [one for one in head.environments.values() if isinstance(one, Manifest) and not _same(one, given)]
    mine = {one.file for one in given}
    return [one for one in judge([*given, *others], operator).values() if one.file in mine]


def _same(committed: Manifest, given: list[Read]) -> bool:
    """Is this the committed state of a file that was given?"""
    return any(Path(one.file).absolute().match(committed.file) for one in given)


def _read(file: Path, head: Snapshot) -> Read:
    try:
        return read(file.read_bytes(), str(file))
    except OSError as error:
        named = head.environments.get(str(file))
        hint = f"; is that the environment? Its file is {named.file}" if named else ""
        return Invalid(str(file), None, (Problem(str(file), 0, 0, f"cannot be read: {error.strerror}{hint}"),))
