"""The drivers of one environment, opened: gateway, hosts, gates. The composition root of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.core.model import Pair, Release, Slot
from reconciler.core.steps import Migrate, TakeSnapshot, TryRestore
from reconciler.desired.manifest import GateDriver, Manifest, MemberDriver
from reconciler.drivers.commands.migrator import Migrating, Migrator
from reconciler.drivers.protocols import (
    Endpoint,
    Gate,
    GateContext,
    Gateway,
    GatewayContext,
    HostContext,
    MemberHost,
    Road,
)
from reconciler.drivers.registry import driver
from reconciler.drivers.snapshots.saver import Saver
from reconciler.drivers.words import named
from reconciler.errors import InvalidConfiguration, Refused
from reconciler.measure.ledger import Ledger
from reconciler.measure.notebook import Notebook
from reconciler.measure.rounds import Rounds
from reconciler.measure.sampler import Tape
from reconciler.measure.samplers import Samplers

if TYPE_CHECKING:  # loaded when a recovery point is taken, or tried
    from reconciler.drivers.snapshots.saver import Work

GATE_DEADLINE = 60.0  # seconds; gates have time-outs of their own, and never keep the loop waiting


class World:
    """What one environment can be asked, and told. Opening it changes nothing."""

    def __init__(
        self,
        manifest: Manifest,
        gateway: Gateway,
        hosts: Mapping[str, MemberHost],
        endpoints: tuple[Endpoint, ...],
        gates: Rounds,
        samplers: Samplers,
        ledger: Ledger,
        migrator: Migrator,
        migrating: Callable[[Migrate], Migrating],
        saver: Saver,
        saving: Callable[[TakeSnapshot | TryRestore], Work],
        notebook: Notebook | None = None,
    ) -> None:
        self.manifest, self.gateway, self.hosts = manifest, gateway, hosts
        self.endpoints, self.gates, self.samplers, self.ledger = endpoints, gates, samplers, ledger
        self.migrator, self._migrating = migrator, migrating
        self.saver, self._saving = saver, saving
        self.notebook = notebook or Notebook()

    def migrate(self, act: Migrate) -> None:
        """Begin a migration, by the commands that the intent names. Raises Refused, and Conflict: not now."""
        self.migrator.begin(self._migrating(act), act.transition, only_ask=act.only_ask)

    def save(self, act: TakeSnapshot | TryRestore) -> None:
        """Begin a recovery point of what the intent names, or put that one back beside. Raises Refused, and Conflict:
        not now."""
        self.saver.begin(self._saving(act))

    def warm(self, slot: Slot) -> None:
        """First requests to each weighted member of a slot, by the forced road. Raises Unreachable until then."""
        from reconciler.drivers.warming import warm

        warm(self.gateway.address(slot), self.endpoints, slot)

    def close(self, *, keep_gateway: bool = False) -> None:
        """Let go of handles. The gateway and the members run on."""
        self.gates.close()
        self.samplers.close()
        for host in self.hosts.values():
            host.close()
        if not keep_gateway:
            self.gateway.close()


def open_world(
    manifest: Manifest,
    configuration: Configuration,
    journal: str,
    previous: World | None = None,
    *,
    read_only: bool = False,
    alarm: Callable[[], None] | None = None,
    tape: Tape | None = None,
    clock: Clock = SYSTEM,
) -> World:
    """Open every driver that a manifest names. `previous`: its gateway is kept, lock and all, if it is the same, and so
    is what is sampled for gates that are."""
    state = configuration.state_dir / manifest.name
    hosts = {member.name: _host(manifest, member, configuration, state) for member in manifest.members}
    endpoints = endpoints_of(manifest, hosts)
    earlier = previous.samplers.untouched(manifest.spec.gates) if previous else {}
    gateway = _kept(previous, manifest) or gateway_of(manifest, configuration, journal, endpoints, read_only=read_only)
    ways = partial(roads, gateway, endpoints)
    samplers = Samplers(manifest.spec.gates, ways, alarm=alarm, clock=clock, earlier=earlier, tape=tape)
    ledger = Ledger(manifest.spec.gates)
    notebook = previous.notebook if previous else Notebook()
    gates = {
        gate.name: _gate(manifest, gate, configuration, journal, ways, samplers, ledger, notebook)
        for gate in manifest.gates
    }
    migrator = previous.migrator if previous else Migrator(state)
    migrating = partial(_migrating, manifest, configuration)
    saver = previous.saver if previous else Saver()
    saving = partial(_saving, manifest, configuration, journal, clock)
    rounds = Rounds(gates, clock, alarm)
    return World(
        manifest, gateway, hosts, endpoints, rounds, samplers, ledger, migrator, migrating, saver, saving, notebook
    )  # fmt: skip


def _migrating(manifest: Manifest, configuration: Configuration, act: Migrate) -> Migrating:
    wanted = act.migration
    if wanted is None:
        raise Refused("it names no command")
    try:
        command, check = (configuration.named("commands", name) for name in (wanted.command, wanted.check))
    except InvalidConfiguration as error:
        raise Refused(str(error)) from error
    values = named(manifest.name, Release(act.slot, act.version), act.transition)
    return Migrating(wanted, command, check, values)


def _saving(
    manifest: Manifest, configuration: Configuration, journal: str, clock: Clock, act: TakeSnapshot | TryRestore
) -> Work:
    from reconciler.drivers.snapshots.policy import Policy
    from reconciler.drivers.snapshots.shelf import Shelf
    from reconciler.drivers.snapshots.taking import Taking
    from reconciler.drivers.snapshots.trying import Trying

    shelf, wanted = Shelf(configuration.snapshots_dir / manifest.name), act.snapshot
    said = configuration.snapshots
    if isinstance(act, TryRestore):
        return Trying(wanted, act.transition, act.name, act.digest, shelf, said.timeout, clock)
    try:
        folders = {name: configuration.named("folders", name) for name in wanted.folders}
        command = configuration.named("commands", wanted.command) if wanted.command else None
    except InvalidConfiguration as error:
        raise Refused(str(error)) from error
    values = named(manifest.name, Release(act.slot, act.version), act.transition)
    policy = Policy(said.keep, said.keep_for, said.changing == "record", said.timeout)
    return Taking(wanted, folders, command, values, shelf, policy, journal, act.version, clock, drill=act.drill or "")


def roads(gateway: Gateway, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Road]:
    """Every way through the gateway: users', and the forced ones with who must answer there."""
    return {"users": gateway.users(), **{str(slot): _forced(gateway, endpoints, slot) for slot in Slot}}


def _forced(gateway: Gateway, endpoints: tuple[Endpoint, ...], slot: Slot) -> Road:
    return replace(gateway.address(slot), expects=tuple(one.address[slot] for one in endpoints))


def _kept(previous: World | None, manifest: Manifest) -> Gateway | None:
    if previous is None:
        return None
    same = previous.manifest.spec.gateway == manifest.spec.gateway
    previous.close(keep_gateway=same)
    return previous.gateway if same else None


def _host(manifest: Manifest, member: MemberDriver, configuration: Configuration, state: Path) -> MemberHost:
    named = getattr(member.settings, "app", None)
    app = configuration.app(named) if named is not None else None
    opened: MemberHost = driver("hosts", member.kind).open(
        HostContext(
            manifest.name,
            member.name,
            state / "members" / member.name,
            app,
            standby=member.standby,
            named=configuration.named,
            exclusive=member.prefix is None and not member.standby,
        ),
        member.settings,
    )
    return opened


def endpoints_of(manifest: Manifest, hosts: Mapping[str, MemberHost]) -> tuple[Endpoint, ...]:
    """Where the gateway leads. Raises Refused for a weighted member without an address."""
    return tuple(_endpoint(member, hosts[member.name]) for member in manifest.members if member.prefix is not None)


def _endpoint(member: MemberDriver, host: MemberHost) -> Endpoint:
    addresses = {slot: host.address(slot) for slot in Slot}
    missing = [str(slot) for slot, address in addresses.items() if address is None]
    if missing:
        raise Refused(
            f"member '{member.name}' takes traffic but has no address in {', '.join(missing)}; give its app ports"
        )
    return Endpoint(member.name, member.prefix or "/", Pair(*(address or "" for address in addresses.values())))


def gateway_for(manifest: Manifest, configuration: Configuration, journal: str) -> Gateway:
    """The gateway alone, in front of the addresses that the operator's file gives its members."""
    state = configuration.state_dir / manifest.name
    hosts = {member.name: _host(manifest, member, configuration, state) for member in manifest.members}
    try:
        return gateway_of(manifest, configuration, journal, endpoints_of(manifest, hosts))
    finally:
        for host in hosts.values():
            host.close()


def gateway_of(
    manifest: Manifest,
    configuration: Configuration,
    journal: str,
    endpoints: tuple[Endpoint, ...],
    *,
    read_only: bool = False,
) -> Gateway:
    """The gateway that a manifest names, opened. A proxy of the operator's is looked up in his file."""
    named = getattr(manifest.gateway.settings, "proxy", None)
    context = GatewayContext(
        manifest.name,
        journal,
        configuration.state_dir / manifest.name / "gateway",
        endpoints,
        read_only=read_only,
        proxy=configuration.proxy(named) if named is not None else None,
        named=configuration.named,
    )
    opened: Gateway = driver("gateways", manifest.gateway.kind).open(context, manifest.gateway.settings)
    return opened


def _gate(
    manifest: Manifest,
    gate: GateDriver,
    configuration: Configuration,
    journal: str,
    ways: Callable[[], Mapping[str, Road]],
    samplers: Samplers,
    ledger: Ledger,
    notebook: Notebook,
) -> Gate:
    context = GateContext(
        manifest.name,
        gate.name,
        roads=ways,
        newcomer_road=lambda window: ways()[str(window.newcomer.slot)],
        allowed=configuration.allowed,
        samples=samplers.of,
        sessions=samplers.of,
        evidence=ledger.of,
        warm_up=manifest.spec.warm_up,
        deadline=GATE_DEADLINE,
        commands=partial(configuration.named, "commands"),
        queries=partial(configuration.named, "queries"),
        folders=partial(configuration.named, "folders"),
        named=configuration.named,
        journal=journal,
        notes=notebook.page(gate.name, gate.settings.model_dump_json()),
    )
    opened: Gate = driver("gates", gate.kind).open(context, gate.settings)
    return opened
