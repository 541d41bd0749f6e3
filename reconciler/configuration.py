"""The operator's file: what may be run, reached and unlocked on this machine. It lies outside git.

A manifest only names what is defined here. Relative paths are relative to the file. Without one, embedded defaults
serve the repository in the current folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from reconciler.durations import Duration
from reconciler.errors import InvalidConfiguration
from reconciler.operator_file import find, read, refuse_missing, refuse_tracked, tell
from reconciler.operator_tables import TABLES, defined
from reconciler.sizes import Size
from reconciler.spelling import unknown

if TYPE_CHECKING:
    from reconciler.drivers.alerts.recipient import Recipient
    from reconciler.drivers.haproxy.proxy import Proxy
    from reconciler.drivers.logs.destination import Destination
    from reconciler.drivers.process.app import App
    from reconciler.drivers.windows.machine import Machine


LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANYWHERE = {"0.0.0.0", "::", "*", ""}
_SQLITE = "sqlite:///"


def _address(value: str) -> str:
    from reconciler.drivers.local.addresses import host_and_port  # nothing of the drivers unless it is needed

    host_and_port(value)
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Address = Annotated[str, AfterValidator(_address)]
Author = Annotated[  # as in git: name and e-mail of the reconciler's own commits
    str, StringConstraints(pattern=r"^[^\s<>\x00-\x1f][^<>\x00-\x1f]{0,99} <[^\s<>@]{1,64}@[^\s<>@]{1,180}>$")
]
Tables = Annotated[dict[Name, dict[str, Any]], Field(repr=False)]  # of apps, ...: may hold secrets


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Verify(Section):
    """Whose signatures count, in files of this machine; and whether the branch's head needs one (`head`)."""

    mode: Literal["none", "head"] = "none"
    signers: Text | None = None  # allowed_signers, of SSH
    keyring: Text | None = None  # exported OpenPGP keys

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.mode == "head" and not (self.signers or self.keyring):
            raise ValueError('mode = "head" needs keys; add `signers` (SSH allowed_signers) or `keyring` (OpenPGP)')
        return self


class Signing(Section):
    """The SSH key with which the reconciler signs its own commits."""

    key: Text


class RepositorySection(Section):
    """Where the manifests are committed: a local repository, bare or not. No branch: the one that HEAD names."""

    path: Text = "."
    branch: Text | None = None
    author: Author = "reconciler <reconciler@localhost>"
    verify: Verify = Verify()
    signing: Signing | None = None


class JournalSection(Section):
    url: Text = "sqlite:///state/journal.db"


class StateSection(Section):
    """Where drivers keep what must outlive us: gateways' files, processes' records and logs. `log_limit`: how much of
    our own log."""

    dir: Text = "state"
    log_limit: Size = Field(default="64MiB", ge=1 << 20, validate_default=True)


class EvidenceSection(Section):
    """Where the evidence pack of each transition is written; relative to the file. No folder: in the state's."""

    folder: Text | None = None
    record: bool = True


class Metrics(Section):
    """Where `reconcile run` serves metrics for Prometheus, `host:port`; nowhere unless it is named."""

    listen: Address | None = None


class Security(Section):
    """Hosts that may be asked, and where gateways may listen (`host` or `host:port`); `*` stands for anything."""

    allow_hosts: tuple[Text, ...] = LOOPBACK
    listen: tuple[Text, ...] = LOOPBACK


class SnapshotsSection(Section):
    """Where recovery points lie, how many are kept and for how long, and what a file that changes meanwhile means."""

    folder: Text | None = None  # without: `snapshots` in the state's folder
    keep: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    keep_for: Annotated[Duration, Field(gt=0)] | None = None
    changing: Literal["refuse", "record"] = "refuse"
    timeout: Annotated[Duration, Field(gt=0)] = 3600.0
    restore: dict[Name, Name] = {}  # the command that makes a dump -> the one that loads it


class Configuration(Section):
    """What the operator has decided."""

    repository: RepositorySection = RepositorySection()
    journal: JournalSection = JournalSection()
    state: StateSection = StateSection()
    evidence: EvidenceSection = EvidenceSection()
    apps: Tables = {}
    proxies: Tables = {}
    certificates: Tables = {}
    commands: Tables = {}
    queries: Tables = {}
    folders: Tables = {}
    alerts: Tables = {}
    metrics: Metrics = Metrics()
    logs: Tables = {}
    machines: Tables = {}
    shares: Tables = {}
    farms: Tables = {}
    sites: Tables = {}
    services: Tables = {}
    security: Security = Security()
    snapshots: SnapshotsSection = SnapshotsSection()

    _file: Path | None = PrivateAttr(None)
    _base: Path = PrivateAttr(Path())
    _digest: str = PrivateAttr("")
    _defined: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """None: there is no file, and these are the embedded defaults."""
        return self._file

    @property
    def digest(self) -> str:
        """Of the file's text, as it was read; empty where there is no file."""
        return self._digest

    @property
    def repository_path(self) -> Path:
        return self._base / self.repository.path

    @property
    def signers_path(self) -> Path | None:
        """The allowed_signers file of SSH; None when there is none."""
        return self._named(self.repository.verify.signers)

    @property
    def keyring_path(self) -> Path | None:
        return self._named(self.repository.verify.keyring)

    @property
    def signing_key_path(self) -> Path | None:
        """The private key of the reconciler's own commits; None: they are not signed."""
        return self._named(self.repository.signing.key if self.repository.signing else None)

    def beside(self) -> dict[str, Path]:
        """Key -> the file that it names, which must be there and outside of git, as this one."""
        named = {"verify.signers": self.signers_path, "verify.keyring": self.keyring_path}
        named["signing.key"] = self.signing_key_path
        return {f"repository.{key}": path for key, path in named.items() if path}

    def _named(self, file: str | None) -> Path | None:
        return self._base / file if file else None

    def signers_problem(self) -> str:
        """Why nobody's signature can be verified here; empty when somebody's can."""
        if self.signers_path or self.keyring_path:
            return ""
        cure = "add `signers` (SSH allowed_signers) or `keyring` (OpenPGP) to [repository.verify]"
        return f"this needs verified signatures, and no keys are known; {cure} in {self._file or 'reconciler.toml'}"

    @property
    def state_dir(self) -> Path:
        return self._base / self.state.dir

    @property
    def evidence_path(self) -> Path:
        """Below it, one folder for each environment, and in that one for each transition."""
        return self._named(self.evidence.folder) or self.state_dir / "evidence"

    @property
    def snapshots_dir(self) -> Path:
        """Where recovery points lie, in a folder for each environment."""
        return self._named(self.snapshots.folder) or self.state_dir / "snapshots"

    @property
    def journal_url(self) -> str:
        """With an absolute path, where the journal is a file."""
        url = self.journal.url
        return _SQLITE + str(self._base / url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else url

    def app(self, name: str) -> App:
        """Raises InvalidConfiguration when the operator has defined none of that name."""
        app: App = self.named("apps", name)
        return app

    def proxy(self, name: str) -> Proxy:
        """Raises InvalidConfiguration when the operator has defined none of that name."""
        proxy: Proxy = self.named("proxies", name)
        return proxy

    def machine(self, name: str) -> Machine:
        """Raises InvalidConfiguration when the operator has defined none of that name, or does not let it be asked."""
        machine: Machine = self.named("machines", name)
        return machine

    @property
    def recipients(self) -> dict[str, Recipient]:
        """Where alerts go, by name. None: nobody is told anything."""
        return self._defined.get("alerts", {})

    @property
    def destinations(self) -> dict[str, Destination]:
        """Where the log goes beside stderr and the state's folder, by name."""
        return self._defined.get("logs", {})

    def entries(self, section: str) -> dict[str, Any]:
        """All of `[SECTION.NAME]`, by name."""
        return self._defined.get(section, {})

    def named(self, section: str, name: str) -> Any:
        """What stands under `[SECTION.NAME]`, as its driver's own model. Raises InvalidConfiguration."""
        if problem := self.problem(section, name):
            raise InvalidConfiguration(problem)
        return self._defined[section][name]

    def problem(self, section: str, name: str) -> str:
        """Why a manifest may not name this entry of a section; empty when it may."""
        known = self._defined.get(section, {})
        if name in known and section == "machines":
            return self._out_of_reach(known[name].host)
        if name in known:
            from reconciler.drivers.named import names

            for host in getattr(known[name], "asks", ()):
                if problem := self._out_of_reach(host):
                    return problem
            return next((one for _, other, inner in names(known[name]) if (one := self.problem(other, inner))), "")
        return f"{unknown(TABLES[section].one, name, known)}; define {self._place(section, name)}"

    def member_problem(self, section: str, name: str, *, weighted: bool, standby: bool) -> str:
        """Why an entry that may be named may not be named by such a member; empty when it may. Not of `apps`: they have
        rules of their own."""
        misfit = getattr(self._defined.get(section, {}).get(name), "misfit", None)
        return misfit(name, weighted=weighted, standby=standby) if misfit and section != "apps" else ""

    def claims(self, section: str, name: str, environment: str, member: str) -> dict[str, str]:
        """What a member that names this entry must have to itself, in words, and how it can be called otherwise. Of an
        entry that has `claims`: what there is, and by which key."""
        entry = self._defined.get(section, {}).get(name)
        if entry is None or not hasattr(entry, "claims"):
            return {}
        machine = self._defined.get("machines", {}).get(entry.machine)
        host, place = machine.host if machine else entry.machine, self._place(section, name)
        found: Mapping[str, str] = entry.claims(environment, member)
        return {f"{what} on {host}": f"give `{key}` of {place} another value" for what, key in found.items()}

    def _out_of_reach(self, host: str) -> str:
        if self.allowed(host):
            return ""
        place = f"[security] of {self._file or 'reconciler.toml'}"
        return f"the host '{host}' may not be asked: add it to allow_hosts in {place}"

    def dump_problem(self, name: str, *, dumps: bool) -> str:
        """Why this command may not be named where it is told `{dump}`, or where it is not; empty when it may."""
        told = "{dump}" in self.named("commands", name).argv
        if told == dumps:
            return ""
        if told:
            return f"command '{name}' asks for `{{dump}}`, which only the command of a `snapshot` is told"
        place = self._place("commands", name)
        return f"command '{name}' is not told where to write its dump; add the word `{{dump}}` to argv of {place}"

    def loads_problem(self, name: str) -> str:
        """Why this command can neither write nor load a dump; empty when it can."""
        return self.problem("commands", name) or self.dump_problem(name, dumps=True)

    def app_problem(self, name: str, *, weighted: bool = False, standby: bool = False) -> str:
        """Why a manifest may not name this app for such a member; empty when it may."""
        problem = self.problem("apps", name)
        problem = problem or self.app(name).misfit(name, standby=standby)
        if problem or not weighted or self.app(name).ports is not None:
            return problem
        why = "has no ports, so no traffic can reach a weighted member that names it"
        return f"app '{name}' {why}; add `ports = {{blue = PORT, green = PORT}}` to {self._place('apps', name)}"

    def _place(self, section: str, name: str) -> str:
        return f"[{section}.{name}] in {self._file or 'reconciler.toml'}"

    def allowed(self, host: str) -> bool:
        """May this host be asked at all? `*.corp.example` means everything below it, not itself."""
        return _matches(host, self.security.allow_hosts)

    def listen_problem(self, address: str) -> str:
        """Why no gateway may listen on `host:port`; empty when it may."""
        return self.unlisted(address) or self._served(address)

    def _served(self, address: str) -> str:
        served = self.metrics.listen
        if not served or not _overlap(served, address):
            return ""
        place = f"`listen` under [metrics] in {self._file or 'reconciler.toml'}"
        return f"'{address}' is where metrics are served, by {place}; give one of them another port"

    def unlisted(self, address: str) -> str:
        """Why nothing of ours may listen on `host:port`; empty when it may."""
        host, _, port = address.rpartition(":")
        if _matches(host, self.security.listen) or _matches(f"{_bare(host)}:{port}", self.security.listen):
            return ""
        known = ", ".join(self.security.listen)
        cure = f"add it to `listen` under [security] in {self._file or 'reconciler.toml'}"
        return f"listening on '{address}' is not allowed, only on: {known}; {cure}"


def load(
    explicit: Path | None = None, environ: Mapping[str, str] = os.environ, folder: Path | None = None
) -> Configuration:
    """The operator's file: as named, else by RECONCILER_CONFIG, else in `folder` (the current one), the user's and the
    machine's place; else the defaults. Raises InvalidConfiguration with everything that is wrong."""
    here = (folder or Path.cwd()).absolute()
    file = find(explicit, environ, here)
    if file is None:
        return _placed(Configuration(), None, here)
    refuse_tracked(file)
    found = parse(read(file), file)
    for key, beside in found.beside().items():
        refuse_missing(file, key, beside)
        refuse_tracked(beside)
    for one in found.entries("certificates").values():
        for beside in one.files():
            if beside.parent.is_dir():  # whether they can be used is told elsewhere: they may just be renewed
                refuse_tracked(beside)
    return found


def partly(
    explicit: Path | None = None, environ: Mapping[str, str] = os.environ, folder: Path | None = None
) -> Configuration:
    """What can be used of an operator's file with which something is wrong: enough to find what else is."""
    try:
        file = find(explicit, environ, (folder or Path.cwd()).absolute())
        return weigh(read(file), file)[0] if file else Configuration()
    except InvalidConfiguration:
        return Configuration()


def parse(text: str, file: Path) -> Configuration:
    """The content of an operator's file that lies at `file`. Raises InvalidConfiguration."""
    found, wrong = weigh(text, file)
    if wrong:
        raise InvalidConfiguration("\n".join(f"{file}: {one}" for one in wrong))
    return found


def weigh(text: str, file: Path) -> tuple[Configuration, list[str]]:
    """What can be used of it, and all that is wrong with it. Raises InvalidConfiguration for what is no TOML."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidConfiguration(f"{file}: not valid TOML: {error}") from error
    wrong: list[str] = []
    configuration, whole = Configuration(), True
    try:
        configuration = Configuration.model_validate(data)
    except ValidationError as error:
        wrong, whole = [*tell(error, Configuration, ())], False
    if (listen := configuration.metrics.listen) and (problem := configuration.unlisted(listen)):
        wrong.append(f"metrics.listen: {problem}")
    named = {section: defined(section, data.get(section), file.parent, wrong) for section in TABLES}
    configuration._defined = named if whole else {}  # what may be asked is not known then
    configuration._digest = sha256(text.encode()).hexdigest()[:16]
    placed = _placed(configuration, file, file.parent)
    if not wrong:  # else a command that is there may look as if it were not
        commands = chain(*configuration.snapshots.restore.items())
        wrong += [f"snapshots.restore: {one}" for name in commands if (one := placed.loads_problem(name))]
    return placed, wrong


def _placed(configuration: Configuration, file: Path | None, base: Path) -> Configuration:
    configuration._file, configuration._base = file, base
    return configuration


def _matches(host: str, patterns: tuple[str, ...]) -> bool:
    name = _bare(host)
    return bool(name) and any(fnmatchcase(name, _bare(pattern).replace("[", "[[]")) for pattern in patterns)


def _overlap(one: str, other: str) -> bool:
    """Of two `host:port`: would both be asked to listen in one place?"""
    (host, _, port), (beside, _, same) = one.rpartition(":"), other.rpartition(":")
    hosts = {"127.0.0.1" if name == "localhost" else name for name in (_bare(host), _bare(beside))}
    return port == same and (len(hosts) == 1 or bool(hosts & _ANYWHERE))


def _bare(host: str) -> str:
    """Hosts are compared in small letters, IPv6 without brackets, names without the root's dot."""
    inside = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return inside.lower().rstrip(".")
