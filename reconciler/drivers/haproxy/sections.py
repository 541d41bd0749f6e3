"""The configuration: what HAProxy must be given so that one map entry moves an environment's traffic.

`sections` is one environment's part, to be included by an operator's own configuration; `whole` is that of an HAProxy
of ours. No weight stands in it, and no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import Slot
from reconciler.drivers.entry import KEY
from reconciler.drivers.haproxy import names
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.protocols import Endpoint
from reconciler.drivers.roads import ROAD_HEADER, UPSTREAM_HEADER
from reconciler.errors import Refused

QUIET = "1h"  # a silent WebSocket, download or event stream is cut after this; nothing else ever is
ODD = re.compile(r"""["'\\\s,()#$;]""")
FIELDS = ("weight.blue", "weight.green", "admission.blue", "admission.green", "fallback")
LOG = (
    '{"start":"%[var(txn.ms),div(1000),utime(%Y-%m-%dT%H:%M:%S)].%[var(txn.ms),mod(1000),add(1000),regsub(^1,)]+00:00",'
    '"id":"%[var(txn.id),json(utf8s)]","method":"%[var(txn.method),json(utf8s)]","path":"%[var(txn.path),json(utf8s)]",'
    '"status":%ST,"flags":"%ts","route":"%[var(txn.route)]","cluster":"%b","upstream":"%si:%sp","attempts":"%rc",'
    '"milliseconds":%Ta}'
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration is made from. `cookie` names the sticky cookie; None: every request is drawn on its own.
    `log` is a `log` line's target; None: no access log."""

    environment: str
    listen: str
    endpoints: tuple[Endpoint, ...]
    map_: Path
    secret: str
    cookie: str | None
    log: str | None

    @property
    def digest(self) -> str:
        return names.digest(self.listen, "sticky" if self.cookie else "shared", self.endpoints, self.secret)


@dataclass(frozen=True, slots=True)
class Machine:
    """What an HAProxy of ours is started with, beside the sections."""

    socket: Path
    threads: int


def whole(plan: Plan, machine: Machine) -> str:
    head = [
        "global",
        f"    stats socket {checked(machine.socket)} mode 600 level admin expose-fd listeners thread 1/1",
        f"    nbthread {machine.threads}",
        "    stats timeout 1h",
    ]
    return "\n".join(head) + "\n\n" + sections(plan)


def sections(plan: Plan) -> str:
    """Raises Refused for a map's path that cannot be written into a configuration."""
    lines = [f"# The environment '{plan.environment}', written by reconcile. Weights are in the map.", ""]
    for block in (_frontend(plan), *_backends(plan)):
        head, *body = block
        lines += [head, *(f"    {line}" for line in body), ""]
    return "\n".join(lines)


def checked(path: Path) -> Path:
    if ODD.search(str(path)):
        raise Refused(f"HAProxy cannot be told the path {path}: it has a space, a quote or another special sign")
    return path


def _timeouts() -> list[str]:
    return ["mode http", "timeout connect 1s", f"timeout server {QUIET}", f"timeout tunnel {QUIET}"]


# ---- the way in ----


def _frontend(plan: Plan) -> list[str]:
    return [
        f"frontend {names.frontend(plan.environment)}",
        "mode http",
        f"bind {_bind(plan.listen)}",
        f"timeout client {QUIET}",
        "timeout http-request 30s",
        "timeout http-keep-alive 1h",
        "option forwardfor",
        *_access_log(plan),
        *_read_map(plan),
        *_member(plan.endpoints),
        *_forced(plan),
        *_drawn(plan),
        *_chosen(plan),
    ]


def _bind(listen: str) -> str:
    host, port = host_and_port(listen)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _access_log(plan: Plan) -> Iterator[str]:
    """Taken down before anything is decided: what a request was when it came."""
    yield "http-request set-header x-request-id %[uuid()] unless { req.hdr(x-request-id) -m found }"
    if plan.log is None:
        return
    yield f"log {plan.log}"
    yield f"log-format '{LOG}'"
    yield "http-request set-var(txn.ms) date(0,ms)"
    yield "http-request set-var(txn.id) req.hdr(x-request-id)"
    yield "http-request set-var(txn.method) method"
    yield "http-request set-var(txn.path) path"  # without the query, which may hold secrets
    yield "http-request set-var(txn.route) str(none)"


def _read_map(plan: Plan) -> Iterator[str]:
    """The entry is looked up once, so a request goes by one write and never by halves of two."""
    yield f"http-request set-var(txn.entry) str({KEY}),map_str({checked(plan.map_)})"
    for number, name in enumerate(FIELDS, 1):
        yield f"http-request set-var(txn.{name}) var(txn.entry),field({number},/)"


def _member(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """The longest prefix wins; `/api` is the road to /api and /api/x, but not to /apix."""
    for one in sorted(endpoints, key=lambda endpoint: len(endpoint.prefix), reverse=True):
        found = f"!{{ var(txn.member) -m found }} {{ path_beg {one.prefix.rstrip('/')}/ }}"
        yield f"http-request set-var(txn.member) str({one.member}) if {found}"
        if not one.prefix.endswith("/"):
            yield (
                f"http-request set-var(txn.member) str({one.member}) "
                f"if !{{ var(txn.member) -m found }} {{ path {one.prefix} }}"
            )
    yield "http-request return status 404 unless { var(txn.member) -m found }"


def _forced(plan: Plan) -> Iterator[str]:
    """The road to one slot for whoever knows the secret, of which only the hash stands here. No app ever sees it."""
    given = f"req.hdr({ROAD_HEADER}),sha2(256),hex"
    for slot in Slot:
        yield f"http-request set-var(txn.probe) str({slot}) if {{ {given} -m str {names.hashed(plan.secret, slot)} }}"
    yield f"http-request del-header {ROAD_HEADER}"


def _drawn(plan: Plan) -> Iterator[str]:
    """Clients that belong to a slot stay there until it is closed; everybody else is drawn by weight."""
    yield "acl probing var(txn.probe) -m found"
    yield "acl chosen var(txn.slot) -m found"
    if plan.cookie is not None:
        for slot in Slot:
            yield (
                f"http-request set-var(txn.slot) str({slot}) if {{ req.cook({plan.cookie}) -m str {slot} }} "
                f"{{ var(txn.admission.{slot}) -m str open draining }}"
            )
        yield "http-request set-var(txn.new) bool(true) unless chosen"
    yield "http-request set-var(txn.draw) rand(100)"
    yield (
        "http-request set-var(txn.slot) str(green) if !chosen { var(txn.draw),sub(txn.weight.green) lt 0 } "
        "{ var(txn.weight.green) -m found }"
    )
    yield "http-request set-var(txn.slot) str(blue) unless chosen"


def _chosen(plan: Plan) -> Iterator[str]:
    """The backend. A slot that is closed, or a map without an entry: nobody is let in."""
    for slot in Slot:
        closed = f"{{ var(txn.slot) -m str {slot} }} !{{ var(txn.admission.{slot}) -m str open draining }}"
        yield f"http-request return status 503 if !probing {closed}"
    member = "%[var(txn.member)]"
    yield f"http-request set-var-fmt(txn.way) {plan.environment}.{member}.%[var(txn.slot)]"
    for slot in Slot:
        guarded = f"{{ var(txn.slot) -m str {slot} }} {{ var(txn.fallback) -m str {slot.other} }}"
        yield f"http-request set-var-fmt(txn.way) %[var(txn.way)].guarded if {guarded}"
    yield f"http-request set-var-fmt(txn.way) {plan.environment}.{member}.%[var(txn.probe)].probe if probing"
    if plan.log is not None:
        yield f"http-request set-var-fmt(txn.route) users/{member}"
        yield f"http-request set-var-fmt(txn.route) probe/{member}/%[var(txn.probe)] if probing"
    yield "use_backend %[var(txn.way)]"
    if plan.cookie is not None:
        value = f"{plan.cookie}=%[var(txn.slot)]; Path=/; HttpOnly; SameSite=Lax"
        yield f'http-response add-header set-cookie "{value}" if {{ var(txn.new) -m bool }} !probing'


# ---- the ways out ----


def _backends(plan: Plan) -> Iterator[list[str]]:
    yield [f"backend {names.marker(plan.environment, plan.digest)}", *_timeouts(), "http-request return status 503"]
    for one in plan.endpoints:
        for slot in Slot:
            yield _plain(plan, one, slot)
            yield _guarded(plan, one, slot)
            yield _probe(plan, one, slot)


def _plain(plan: Plan, one: Endpoint, slot: Slot) -> list[str]:
    """A member that is being restarted is tried once more, a second later."""
    head = f"backend {names.plain(plan.environment, one.member, slot)}"
    return [head, *_timeouts(), "option http-server-close", "retries 1", _server(one, slot)]


def _guarded(plan: Plan, one: Endpoint, slot: Slot) -> list[str]:
    """Given up for failures to reach it, never for what it answers: a bad version must stay visible. What cannot have
    taken effect is tried again; a request that was sent to a server that then died, only if it changes nothing."""
    return [
        f"backend {names.guarded(plan.environment, one.member, slot)}",
        *_timeouts(),
        "option http-server-close",
        "retries 3",
        "option redispatch 1",
        "retry-on conn-failure empty-response",
        "http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
        f"{_server(one, slot)} check inter 1s fastinter 200ms downinter 200ms rise 1 fall 3 "
        "observe layer4 error-limit 1 on-error mark-down",
        f"{_server(one, slot.other)} backup",
    ]


def _probe(plan: Plan, one: Endpoint, slot: Slot) -> list[str]:
    head = f"backend {names.probe(plan.environment, one.member, slot)}"
    told = f"http-after-response set-header {UPSTREAM_HEADER} {one.address[slot]}"
    return [head, *_timeouts(), "option http-server-close", "retries 1", told, _server(one, slot)]


def _server(one: Endpoint, slot: Slot) -> str:
    return f"server {slot} {_bind(one.address[slot])}"
