"""The drivers of one environment, opened: its gateway, its members' hosts, its gates. The composition root of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.core.model import Slot, Traffic
from reconciler.desired.manifest import Manifest
from reconciler.drivers.protocols import (
    Endpoint,
    Gateway,
    MemberHost,
    Road,
)
from reconciler.errors import Unreachable
from reconciler.measure.rounds import Rounds
from reconciler.measure.samplers import Samplers

WARMING = 3  # requests per weighted member


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
        """First requests to every weighted member of a slot, by the forced road. Raises Unreachable until they answer."""
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
    """Open every driver that a manifest names. `previous`: its gateway is kept, lock and all, if it is the same one."""
    state = configuration.state_dir / manifest.name
    hosts = {member.name: _host(manifest, member.name, configuration, state) for member in manifest.members}
    endpoints = tuple(_endpoint(manifest, name, hosts[name]) for name in manifest.spec.names(Traffic.WEIGHTED))
    same = previous is not None and previous.manifest.spec.gateway == manifest.spec.gateway
    if previous is not None:
        previous.close(keep_gateway=same)
    gateway = (
        previous.gateway if previous is not None and same else _gateway(manifest, journal, state, endpoints, read_only)
    )
    samplers = Samplers(manifest.gates, lambda: roads(gateway), alarm=alarm)
    gates = {gate.name: _gate(manifest, gate.name, configuration, gateway, samplers) for gate in manifest.gates}
    return World(manifest, gateway, hosts, endpoints, Rounds(gates, clock), samplers)


def roads(gateway: Gateway) -> Mapping[str, Road]:
    """Every way through the gateway: users', and the forced ones."""
    return {"users": gateway.users(), **{str(slot): gateway.address(slot) for slot in Slot}}
