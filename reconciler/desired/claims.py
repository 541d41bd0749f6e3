"""What only shows between manifests, or beside the operator's file: one name, one address, or one thing on a
machine claimed twice, an app or a command that nobody defined, an app that takes no traffic, an address where no
gateway may listen, signatures that nobody could verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from pydantic import BaseModel

from reconciler.desired.manifest import Invalid, Manifest
from reconciler.desired.yaml_strict import Path
from reconciler.drivers.named import names
from reconciler.errors import Problem

Read = Manifest | Invalid
T = TypeVar("T")
_LISTEN: Path = ("spec", "gateway", "listen")
_FARM: Path = ("spec", "gateway", "farm")
_ANY = {"0.0.0.0", "::", "*", ""}


class Operator(Protocol):
    """The operator's decisions, as far as a manifest can run against them. Empty text: no objection."""

    def listen_problem(self, address: str) -> str: ...

    def app_problem(self, name: str, *, weighted: bool, standby: bool) -> str: ...

    def problem(self, section: str, name: str) -> str: ...

    def member_problem(self, section: str, name: str, *, weighted: bool, standby: bool) -> str: ...

    def claims(self, section: str, name: str, environment: str, member: str) -> Mapping[str, str]: ...

    def dump_problem(self, name: str, *, dumps: bool) -> str: ...

    def signers_problem(self) -> str: ...


def judge(found: Iterable[Read], operator: Operator | None) -> dict[str, Read]:
    """Every environment by its name. One whose name cannot be read goes by its file's, where that is free."""
    every = list(found)
    problems = _objections(every, operator)
    judged = [_with(one, problems.get(one.file, [])) for one in every]
    named: dict[str, Read] = {}
    for one in sorted((one for one in judged if one.name), key=lambda one: one.file):
        before = named.get(one.name or "")
        named[one.name or ""] = _joined(before, one) if isinstance(before, Invalid) else one
    for one in judged:
        if not one.name:
            stem = one.file.rpartition("/")[2].rpartition(".")[0]
            named[one.file if stem in named else stem] = one
    return named


def judge_one(found: Read, operator: Operator | None) -> Read:
    """One environment by itself, beside the operator's file."""
    return _with(found, _objections([found], operator).get(found.file, []))


def _objections(found: list[Read], operator: Operator | None) -> dict[str, list[Problem]]:
    objections: dict[str, list[Problem]] = {}
    beside = (*_by_operator(found, operator), *_same_thing(found, operator)) if operator else ()
    for problem in (*_same_name(found), *_same_address(found), *_same_farm(found), *beside):
        objections.setdefault(problem.file, []).append(problem)
    return objections


def _with(found: Read, problems: list[Problem]) -> Read:
    if not problems:
        return found
    before = found.problems if isinstance(found, Invalid) else ()
    return Invalid(found.file, found.name, (*before, *dict.fromkeys(problems)))


def _joined(one: Invalid, other: Read) -> Invalid:
    """Two files of one name are one environment that cannot be used."""
    return Invalid(one.file, one.name, (*one.problems, *(other.problems if isinstance(other, Invalid) else ())))


def _same_name(found: list[Read]) -> Iterator[Problem]:
    named: dict[str, list[Read]] = {}
    for one in found:
        if one.name:
            named.setdefault(one.name, []).append(one)
    for name, claimants in named.items():
        for one, other in _both_ways(claimants):
            text = f"environment '{name}' is also in {_at(other, ('metadata', 'name'))}; give one another name"
            yield one.problem(("metadata", "name"), text)


def _same_address(found: list[Read]) -> Iterator[Problem]:
    by_port: dict[str, list[Manifest]] = {}
    for one in found:
        if isinstance(one, Manifest) and (address := _address(one)):
            by_port.setdefault(address.rpartition(":")[2], []).append(one)
    for neighbours in by_port.values():
        for one in neighbours:
            other = next((other for other in neighbours if other.name != one.name and _overlap(one, other)), None)
            if other is not None:
                text = f"the gateway address {_address(one)} is also claimed by '{other.name}' in {_at(other, _LISTEN)}"
                yield one.problem(_LISTEN, f"{text}; give one another address")


def _same_farm(found: list[Read]) -> Iterator[Problem]:
    """A gateway of the operator's that has one site: the rules of two environments there would meet."""
    claimants: dict[str, list[Read]] = {}
    for one in found:
        farm = getattr(one.gateway.settings, "farm", None) if isinstance(one, Manifest) else None
        if isinstance(farm, str):
            claimants.setdefault(farm, []).append(one)
    for farm, each in claimants.items():
        for one, other in _both_ways(each):
            if one.name != other.name:
                text = f"the farm '{farm}' is also claimed by '{other.name}' in {_at(other, _FARM)}"
                yield one.problem(_FARM, f"{text}; give one another site, and a [farms] of its own")


def _same_thing(found: list[Read], operator: Operator) -> Iterator[Problem]:
    """What members have on a machine of the operator's, a site say, by whatever template: of one name it would be read,
    and stopped, as the other's. Those machines see no difference between small and capital letters."""
    claimants: dict[str, list[tuple[Manifest, Path, str, str]]] = {}
    for one in (read for read in found if isinstance(read, Manifest)):
        for index, member in enumerate(one.members):
            for at, section, name in names(member.settings):
                path = ("spec", "members", index, "host", *at)
                for what, cure in operator.claims(section, name, one.name or "", member.name).items():
                    text = f"give the member or the environment another name, or {cure}"
                    claimants.setdefault(what.casefold(), []).append((one, path, what, text))
    told = set()
    for each in claimants.values():
        for (one, path, what, cure), (other, place, *_) in _both_ways(each):
            if (one.file, path) not in told:
                told.add((one.file, path))
                yield one.problem(path, f"{what} is also claimed by '{other.name}' in {_at(other, place)}; {cure}")


def _by_operator(found: list[Read], operator: Operator) -> Iterator[Problem]:
    for one in found:
        if not isinstance(one, Manifest):
            continue
        if (address := _address(one)) and (text := operator.listen_problem(address)):
            yield one.problem(_LISTEN, text)
        for path, section, name in _named(one):
            text = operator.problem(section, name)
            if not text and section == "commands":
                text = operator.dump_problem(name, dumps=path[:2] == ("spec", "snapshot"))
            if text:
                yield one.problem(path, text)
        if (place := _signed(one)) and (text := operator.signers_problem()):
            yield one.problem(place, text)
        for index, member in enumerate(one.members):
            app = getattr(member.settings, "app", None)
            asks = {"weighted": member.prefix is not None, "standby": member.standby}
            for path, section, name in names(member.settings):
                if text := operator.member_problem(section, name, **asks):
                    yield one.problem(("spec", "members", index, "host", *path), text)
            if isinstance(app, str) and (text := operator.app_problem(app, **asks)):
                yield one.problem(("spec", "members", index, "host", "app"), text)


def _signed(manifest: Manifest) -> Path | None:
    """Where a manifest first asks for approvals that need a signature; None when it does not."""
    asked = manifest.spec.approvals
    if asked is None or not asked.signed:
        return None
    key = "approvers" if asked.approvers else "minimum" if asked.minimum > 1 else "selfApproval"
    return "spec", "approvals", key


def _named(manifest: Manifest) -> Iterator[tuple[Path, str, str]]:
    """What a manifest names of the operator's file: where, in which section, and the name."""
    places: list[tuple[Path, BaseModel]] = [(("spec", "gateway"), manifest.gateway.settings)]
    places += [(("spec", "members", at, "host"), one.settings) for at, one in enumerate(manifest.members)]
    places += [(gate.path, gate.settings) for gate in manifest.gates]
    places += [(("spec", "snapshot"), manifest.snapshot)] if manifest.snapshot else []
    places += [(("spec", "migrate"), manifest.migrate)] if manifest.migrate else []
    for place, settings in places:
        yield from (((*place, *at), section, name) for at, section, name in names(settings))


def _both_ways(found: list[T]) -> Iterator[tuple[T, T]]:
    """Each with one of the others: as many pairs as claimants, however many they are."""
    return zip(found, found[1:] + found[:1], strict=True) if len(found) > 1 else iter(())


def _at(found: Read, path: Path) -> str:
    problem = found.problem(path, "")
    return f"{problem.file}:{problem.line}:{problem.column}"


def _address(manifest: Manifest) -> str:
    """host:port where users come in; empty for a gateway that has none of its own."""
    listen = getattr(manifest.gateway.settings, "listen", None)
    return listen if isinstance(listen, str) else ""


def _overlap(one: Manifest, other: Manifest) -> bool:
    """Of two gateways on the same port."""
    hosts = {_host(one), _host(other)}
    return len(hosts) == 1 or bool(hosts & _ANY)


def _host(manifest: Manifest) -> str:
    host = _address(manifest).rpartition(":")[0].lower().strip("[]")
    return "127.0.0.1" if host == "localhost" else host
