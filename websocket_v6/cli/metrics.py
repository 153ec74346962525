"""What Prometheus is told at the door of `serve --port`: a host's health in the text format. Needs the extra `metrics`.

Made from one `Health`, so that all numbers are of one moment; docs/metrics.md lists them. Labels have few values by
themselves: no codes, no process numbers, no names of clients, or each would be a time series for ever.

Source: Prometheus documentation, "Metric and label naming" and "Writing exporters".
"""

import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from websocket_v6._version import __version__
from websocket_v6.health import Health

from ..protocol.delivery.delays import BOUNDS
from ..protocol.exchange.streams import split
from .readiness import unready

__all__ = ["Metrics"]

_STATES = ("idle", "waiting", "connecting", "open", "refused", "closing")
_PREFIX = "websocket_v6_"


class Metrics:
    """Turns one state after the other into text."""

    def __init__(self, began: float) -> None:
        self._latest = _Latest(began)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self._latest)
        ProcessCollector(registry=self._registry)  # memory, processor time, descriptors

    def text(self, health: Health) -> bytes:
        """Return all metrics as they are now, in the text format 0.0.4."""
        self._latest.health = health
        return generate_latest(self._registry)


class _Latest(Collector):
    def __init__(self, began: float) -> None:
        self.health: Health | None = None
        self._began = began

    def describe(self) -> Iterable[Metric]:
        return ()  # else the registry collects once to learn the names, before there is anything

    def collect(self) -> Iterator[Metric]:
        if self.health is None:
            return
        yield InfoMetricFamily(
            f"{_PREFIX}build",
            "The version that runs.",
            value={"version": __version__, "python": platform.python_version()},
        )
        yield _gauge("start_time_seconds", "When this host started, Unix seconds.", self._began)
        yield _gauge("state_time_seconds", "When these numbers were taken, Unix seconds.", time.time())
        yield _gauge("ready", "1 if all that is wanted is served, as /readyz says it.", int(not unready(self.health)))
        yield from _counters(self.health)
        yield from _connections(self.health)
        yield _delays(self.health)
        yield from _served(self.health)
        yield from _parts(self.health)
        yield from _fleets(self.health)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", help_, value=value)


def _counters(health: Health) -> Iterator[Metric]:
    counters = health.counters
    for name, help_, value in (
        ("messages_received", "Messages that came from the exchange.", counters.received),
        ("messages_delivered", "Messages handed on, once for each that got one.", counters.delivered),
        ("messages_malformed", "Messages that could not be read, and were left out.", counters.malformed),
        ("messages_unrouted", "Strays of a subscription that had just been replaced.", counters.unrouted),
        ("requests_sent", "Subscription requests sent to the exchange.", counters.requests_sent),
        ("slow_clients_cut_off", "Processes and programs cut off because they took data too slowly.", health.cut_off),
    ):
        yield CounterMetricFamily(f"{_PREFIX}{name}", help_, value=value)


def _connections(health: Health) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        f"{_PREFIX}connections", "Connections to the exchange in each state.", labels=["endpoint", "state"]
    )
    up = GaugeMetricFamily(
        f"{_PREFIX}connection_up_seconds", "How long the oldest open connection is open.", labels=["endpoint"]
    )
    epoch = GaugeMetricFamily(
        f"{_PREFIX}epoch", "Rises by 1 with each gap, in which data may be missing.", labels=["endpoint"]
    )
    reconnects = CounterMetricFamily(
        f"{_PREFIX}reconnects", "Connections made after one was lost.", labels=["endpoint"]
    )
    wire = CounterMetricFamily(f"{_PREFIX}wire_bytes", "Bytes that came from the exchange.", labels=["endpoint"])
    payload = CounterMetricFamily(
        f"{_PREFIX}payload_bytes", "Bytes of the messages in them, inflated.", labels=["endpoint"]
    )
    for endpoint in dict.fromkeys(one.endpoint for one in health.connections):
        ours = [one for one in health.connections if one.endpoint == endpoint]
        found = Counter(one.state for one in ours)
        for state in _STATES:
            states.add_metric([endpoint, state], found[state])
        up.add_metric([endpoint], max(one.up_seconds for one in ours))
        epoch.add_metric([endpoint], max(one.epoch for one in ours))
        reconnects.add_metric([endpoint], sum(one.reconnects for one in ours))
        wire.add_metric([endpoint], sum(one.wire_bytes for one in ours))
        payload.add_metric([endpoint], sum(one.payload_bytes for one in ours))
    yield from (states, up, epoch, reconnects, wire, payload)


def _delays(health: Health) -> Metric:
    delays = HistogramMetricFamily(
        f"{_PREFIX}message_delay_seconds",
        "From the exchange's clock to the reading of a live message, sampled.",
        labels=["endpoint"],
    )
    for one in health.delays:
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        delays.add_metric([one.endpoint], list(zip(bounds, accumulate(one.counts), strict=True)), one.total)
    return delays


def _served(health: Health) -> Iterator[Metric]:
    streams = GaugeMetricFamily(f"{_PREFIX}streams", "Streams that are wanted now.", labels=["type"])
    for type_, count in sorted(Counter(split(stream)[0] for stream in health.wanted).items()):
        streams.add_metric([type_], count)
    yield streams
    programs = [one for one in health.visitors if not one.is_onlooker]
    clients = GaugeMetricFamily(
        f"{_PREFIX}clients", "Who is served: processes of this user, programs at the port.", labels=["kind"]
    )
    queued = GaugeMetricFamily(f"{_PREFIX}client_queued_bytes", "Bytes that wait for them, in all.", labels=["kind"])
    clients.add_metric(["process"], health.guests)
    clients.add_metric(["program"], len(programs))
    queued.add_metric(["process"], sum(one.queued_bytes for one in health.members))
    queued.add_metric(["program"], sum(one.queued_bytes for one in programs))
    yield from (clients, queued)


def _fleets(health: Health) -> Iterator[Metric]:
    leads = GaugeMetricFamily(
        f"{_PREFIX}fleet_leads", "1 on the machine that has the connections for all.", labels=["endpoint"]
    )
    machines = GaugeMetricFamily(
        f"{_PREFIX}fleet_machines", "Other machines that want something of the one that leads.", labels=["endpoint"]
    )
    reachable = GaugeMetricFamily(
        f"{_PREFIX}fleet_reachable", "1 while the fleet's server answers.", labels=["endpoint"]
    )
    undone = GaugeMetricFamily(
        f"{_PREFIX}fleet_undone_seconds",
        "How old the oldest message is that a process with a resume name is not done with.",
        labels=["endpoint"],
    )
    for one in health.fleets:
        for endpoint in one.endpoints:
            leads.add_metric([endpoint], int(one.leads))
            machines.add_metric([endpoint], one.machines)
            reachable.add_metric([endpoint], int(one.reachable))
            undone.add_metric([endpoint], one.undone)
    yield from (leads, machines, reachable, undone)


def _parts(health: Health) -> Iterator[Metric]:
    failures = GaugeMetricFamily(
        f"{_PREFIX}part_failures", "How often in a row a part of the engine has failed.", labels=["part"]
    )
    down = GaugeMetricFamily(f"{_PREFIX}part_down", "1 while it waits to be started again.", labels=["part"])
    for one in health.restarts:
        failures.add_metric([one.part], one.failures)
        down.add_metric([one.part], int(one.next_attempt is not None))
    yield from (failures, down)
