"""The drivers of one environment, opened: gateway, hosts, gates. The composition root of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.core.model import Pair, Slot
from reconciler.desired.manifest import GateDriver, Manifest, MemberDriver
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
from reconciler.errors import Refused, Unreachable
from reconciler.measure.rounds import Rounds
from reconciler.measure.samplers import Samplers

WARMING = 3  # requests per weighted member
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
    ) -> None:
        self.manifest, self.gateway, self.hosts = manifest, gateway, hosts
        self.endpoints, self.gates, self.samplers = endpoints, gates, samplers

    def warm(self, slot: Slot) -> None:
        """First requests to each weighted member of a slot, by the forced road. Raises Unreachable until then."""
        road = self.gateway.address(slot)
        with httpx.Client(base_url=road.url, headers=dict(road.headers), timeout=5.0, trust_env=False) as client:
            for endpoint in self.endpoints:
                for _ in range(WARMING):
                    _answers(client, endpoint, slot)

    def close(self, *, keep_gateway: bool = False) -> None:
        """Let go of handles. The gateway and the members run on."""
        self.gates.close()
        self.samplers.close()
        for host in self.hosts.values():
            host.close()
        if not keep_gateway:
            self.gateway.close()


def _answers(client: httpx.Client, endpoint: Endpoint, slot: Slot) -> None:
    where = f"{endpoint.member} in {slot}"
    try:
        response = client.get(endpoint.prefix)
    except httpx.HTTPError as error:
        raise Unreachable(f"{where} does not answer through the gateway: {type(error).__name__}") from error
    by = response.headers.get("x-reconciler-upstream")
    if by is not None and by != endpoint.address[slot]:
        raise Unreachable(f"{where}: {by or 'the gateway itself'} answered instead of {endpoint.address[slot]}")
    if response.status_code in (502, 503, 504):
        raise Unreachable(f"{where} answers {response.status_code} through the gateway")


def open_world(
    manifest: Manifest,
    configuration: Configuration,
    journal: str,
    previous: World | None = None,
    *,
    read_only: bool = False,
    alarm: Callable[[], None] | None = None,
    clock: Clock = SYSTEM,
) -> World:
    """Open every driver that a manifest names. `previous`: its gateway is kept, lock and all, if it is the same."""
    state = configuration.state_dir / manifest.name
    hosts = {member.name: _host(manifest, member, configuration, state) for member in manifest.members}
    endpoints = tuple(_endpoint(member, hosts[member.name]) for member in manifest.members if member.prefix is not None)
    gateway = _kept(previous, manifest) or _gateway(manifest, journal, state, endpoints, read_only)
    samplers = Samplers(manifest.spec.gates, lambda: roads(gateway), alarm=alarm, clock=clock)
    gates = {gate.name: _gate(manifest, gate, configuration, gateway, samplers) for gate in manifest.gates}
    return World(manifest, gateway, hosts, endpoints, Rounds(gates, clock), samplers)


def roads(gateway: Gateway) -> Mapping[str, Road]:
    """Every way through the gateway: users', and the forced ones."""
    return {"users": gateway.users(), **{str(slot): gateway.address(slot) for slot in Slot}}


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
        HostContext(manifest.name, member.name, state / "members" / member.name, app), member.settings
    )
    return opened


def _endpoint(member: MemberDriver, host: MemberHost) -> Endpoint:
    addresses = {slot: host.address(slot) for slot in Slot}
    missing = [str(slot) for slot, address in addresses.items() if address is None]
    if missing:
        raise Refused(
            f"member '{member.name}' takes traffic but has no address in {', '.join(missing)}; give its app ports"
        )
    return Endpoint(member.name, member.prefix or "/", Pair(*(address or "" for address in addresses.values())))


def _gateway(
    manifest: Manifest, journal: str, state: Path, endpoints: tuple[Endpoint, ...], read_only: bool
) -> Gateway:
    context = GatewayContext(manifest.name, journal, state / "gateway", endpoints, read_only=read_only)
    opened: Gateway = driver("gateways", manifest.gateway.kind).open(context, manifest.gateway.settings)
    return opened


def _gate(
    manifest: Manifest, gate: GateDriver, configuration: Configuration, gateway: Gateway, samplers: Samplers
) -> Gate:
    context = GateContext(
        manifest.name,
        gate.name,
        roads=lambda: roads(gateway),
        newcomer_road=lambda window: gateway.address(window.newcomer.slot),
        allowed=configuration.allowed,
        samples=samplers.of,
        warm_up=manifest.spec.warm_up,
        deadline=GATE_DEADLINE,
    )
    opened: Gate = driver("gates", gate.kind).open(context, gate.settings)
    return opened
