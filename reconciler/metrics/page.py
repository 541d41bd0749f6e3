"""The page that Prometheus reads, in threads of its own: `GET /metrics`, and nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from socket import AF_INET, AF_INET6
from socketserver import TCPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from reconciler.drivers.local.addresses import host_and_port
from reconciler.errors import InvalidConfiguration
from reconciler.metrics.families import FAMILIES, Family, Sample

log = logging.getLogger("reconciler.metrics")

PATH = "/metrics"
PATIENCE = 5.0  # seconds that a client may take for one request
KINDS = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily, "summary": SummaryMetricFamily}


class Everything(Collector):
    """`samples` tells all numbers as they are now; it must not wait for anybody."""

    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would collect

    def collect(self) -> Iterator[Metric]:
        order = {name: number for number, name in enumerate(FAMILIES)}
        found = sorted(self._samples(), key=lambda sample: order[_family(sample)])
        for name, several in groupby(found, _family):
            yield _metric(name, FAMILIES[name], list(several))


def _family(sample: Sample) -> str:
    """A summary has two numbers of other names."""
    name = sample[0]
    return name if name in FAMILIES else name.rpartition("_")[0]


def _metric(name: str, family: Family, samples: list[Sample]) -> Metric:
    metric: Metric = KINDS[family.kind](name, family.says, labels=family.labels)
    for each, values, number in samples:
        labels = dict(zip(family.labels, map(str, values), strict=True))
        metric.add_sample(each, labels, float(number))
    return metric


class Page:
    """Listens from `start` to `stop`. Raises InvalidConfiguration, naming the place, when it cannot."""

    def __init__(self, listen: str, samples: Callable[[], Iterable[Sample]]) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Everything(samples))
        host, port = host_and_port(listen)
        handler = type("Handler", (_Handler,), {"registry": registry})
        try:
            self._server = _Server6((host, port), handler) if ":" in host else _Server((host, port), handler)
        except OSError as error:
            cure = "end whoever listens there, or name another place under [metrics] in the operator's file"
            problem = f"metrics cannot be served at {listen}: {error.strerror or error}"
            raise InvalidConfiguration(f"{problem}; {cure}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = AF_INET
    request_queue_size = 16

    def server_bind(self) -> None:
        """Without asking anybody for this machine's name, as the standard library would: that may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        log.debug("a client of the metrics went away", exc_info=True)


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    timeout = PATIENCE
    server_version, sys_version = "reconciler", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(404, "there is only " + PATH)
            return
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        try:
            body = encode(self.registry)
        except Exception:
            log.exception("a defect in the reconciler: its metrics cannot be told")
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody wants a line for every scrape."""
