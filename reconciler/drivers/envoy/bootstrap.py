"""Envoy's static configuration: the listener, the clusters, the admin socket. Weights are in the routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.model import Slot
from reconciler.drivers.envoy import names
from reconciler.drivers.local.addresses import host_and_port, is_ip
from reconciler.drivers.protocols import Endpoint

Json = dict[str, Any]

TYPES = "type.googleapis.com/envoy.extensions"
CONNECT_TIMEOUT = "1s"
STREAM_IDLE = "3600s"  # a quiet WebSocket or event stream is cut after this; nothing else ever is
LIMIT = 4096  # connections, requests and pending requests per cluster; Envoy's own 1024 is reached by one busy test
RETRIES = 100  # at the same time; Envoy's own 3 overflows as soon as a slot dies under load


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bootstrap is made from. `idle_timeout` in seconds; `access_log` None writes none."""

    environment: str
    listen: tuple[str, int]
    endpoints: tuple[Endpoint, ...]
    routes: Path
    access_log: Path | None
    idle_timeout: float


def bootstrap(plan: Plan, admin: Path) -> Json:
    """`admin` is where the admin socket will be."""
    clusters = [cluster for endpoint in plan.endpoints for slot in Slot for cluster in _clusters(plan, endpoint, slot)]
    return {
        "node": {"id": plan.environment, "cluster": "reconciler"},  # Envoy takes no dynamic routes without a name
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "static_resources": {"listeners": [_listener(plan)], "clusters": clusters},
    }


def places(document: Mapping[str, Any]) -> Json:
    """What users can notice of a configuration: where it listens, and where each cluster leads."""
    resources = document["static_resources"]
    clusters = {one["name"]: one["load_assignment"]["endpoints"] for one in resources["clusters"] if "type" in one}
    return {"listen": resources["listeners"][0]["address"], "clusters": clusters}


def _listener(plan: Plan) -> Json:
    return {
        "name": names.LISTENER,
        "address": _address(*plan.listen),
        "enable_reuse_port": False,  # or a second Envoy starts silently on the same port and takes a share
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _connections(plan)}]}],
    }


def _connections(plan: Plan) -> Json:
    return {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": names.LISTENER,
        "use_remote_address": True,
        "normalize_path": True,  # members are told apart by their path's prefix
        "preserve_external_request_id": True,  # evidence matches a client's record to the access log by it
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": STREAM_IDLE,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "rds": {"route_config_name": names.ROUTES, "config_source": _source(plan.routes)},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router", "suppress_envoy_headers": True},
            }
        ],
        "access_log": [_access_log(plan.access_log)] if plan.access_log else [],
    }


def _source(file: Path) -> Json:
    """A directory of its own: in a shared one, every rename makes Envoy read every file again."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(file), "watched_directory": {"path": str(file.parent)}},
    }


def _access_log(file: Path) -> Json:
    """One JSON line per request; `upstream` is the address that really answered, not the one that was meant."""
    return {
        "name": "file",
        "typed_config": {
            "@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog",
            "path": str(file),
            "log_format": {
                "json_format": {
                    "start": "%START_TIME%",
                    "id": "%REQ(X-REQUEST-ID)%",
                    "method": "%REQ(:METHOD)%",
                    "path": "%PATH(NQ)%",  # without the query, which may hold secrets
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "route": "%ROUTE_NAME%",
                    "cluster": "%UPSTREAM_CLUSTER%",
                    "upstream": "%UPSTREAM_HOST%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    "milliseconds": "%DURATION%",
                }
            },
        },
    }


def _clusters(plan: Plan, endpoint: Endpoint, slot: Slot) -> list[Json]:
    member, address = endpoint.member, endpoint.address[slot]
    return [
        _cluster(plan, names.plain(member, slot), address),
        _cluster(plan, names.probe(member, slot), address),
        _cluster(plan, names.guarded(member, slot), address) | {"outlier_detection": _outlier_detection()},
        _aggregate(names.first(member, slot), [names.guarded(member, slot), names.plain(member, slot.other)]),
    ]


def _cluster(plan: Plan, name: str, address: str) -> Json:
    host, port = host_and_port(address)
    limits = {"max_connections": LIMIT, "max_pending_requests": LIMIT, "max_requests": LIMIT, "max_retries": RETRIES}
    return {
        "name": name,
        "type": "STATIC" if is_ip(host) else "STRICT_DNS",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, port)}}]}],
        },
        # At once: Envoy would keep a second change of health for up to a second, and send on to who is dead.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
                # Below the app's own keep-alive time: else it may close a connection just as we send on it.
                "common_http_protocol_options": {"idle_timeout": f"{plan.idle_timeout:.3f}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _outlier_detection() -> Json:
    """Gives a place up for failures to reach it, never for what it answers: a bad version must stay visible."""
    never = ("consecutive_5xx", "consecutive_gateway_failure", "success_rate", "failure_percentage")
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_failure_percentage_local_origin": 0,
        **{f"enforcing_{kind}": 0 for kind in never},
        "interval": "0.5s",
        "base_ejection_time": "2s",
        "max_ejection_percent": 100,
    }


def _aggregate(name: str, clusters: list[str]) -> Json:
    """Weighted routing picks the cluster before any retry, so only a cluster of clusters can step in for a dead one."""
    return {
        "name": name,
        "connect_timeout": CONNECT_TIMEOUT,
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": {"thresholds": [{"max_retries": RETRIES}]},
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": f"{TYPES}.clusters.aggregate.v3.ClusterConfig", "clusters": clusters},
        },
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
