"""What a monitoring system asks: how far behind, what failed, which source answered. Adapts prometheus-client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from ckpt_indexer.api import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric
    from starlette.types import Scope

PREFIX = "ckpt_indexer_"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
COUNTERS = {
    "dropped_hints": "Hints folded into a wider look since the start.",
    "watcher_restarts": "How often the watching was started again.",
    "writer_restarts": "How often the writer was started again.",
    "lost_events": "How often the kernel dropped events.",
}
GAUGES = {
    "backlog": "Hints that wait for the writer.",
    "waiting": "Files seen but not at rest, not read or not linked yet.",
    "uptime_s": "Seconds since the daemon started.",
}


class Traffic:
    """Counts requests. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.streams = 0
        """Clients of the event stream."""

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that was answered. Streams count, but their duration says nothing."""
        path = _pattern(scope)
        key = (scope["method"] if scope["method"] in _METHODS else "other", path, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        if path.endswith(("/events", "/export.{form}")):
            return
        self.seconds += seconds
        place = next((index for index, limit in enumerate(BUCKETS) if seconds <= limit), len(BUCKETS))
        self.buckets[place] += 1


def _pattern(scope: Scope) -> str:
    """Return the pattern of an address from its beginning: a route knows only what follows where it is mounted."""
    found = scope.get("kept_route") or getattr(scope.get("route"), "path", None)
    if found is None:
        return "other"
    place = next((place for place in _MOUNTED if scope["path"].startswith(place)), "")
    return str(found) if found == "kept" or found.startswith(place) else place + found


_MOUNTED = (options.PREFIX, "/ui")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Now(Collector):
    """The values of one moment."""

    def __init__(
        self,
        traffic: Traffic,
        health: Mapping[str, Any],  # JSON values
        stats: Mapping[str, Any] | None,  # likewise
        sources: Mapping[str | None, int] | None,
    ) -> None:
        self._traffic = traffic
        self._health = health
        self._stats = stats
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        yield from self._daemon()
        yield from self._http()
        if self._stats is not None:
            yield from self._catalog(self._stats)
        if self._sources is not None:
            family = GaugeMetricFamily(
                PREFIX + "rows_by_source", "Present rows by who described them.", labels=["source"]
            )
            for source, count in self._sources.items():
                family.add_metric([source or "none"], count)
            yield family

    def _daemon(self) -> Iterator[Metric]:
        health = self._health
        yield GaugeMetricFamily(PREFIX + "degraded", "1 when something is wrong.", value=health.get("status") != "ok")
        yield GaugeMetricFamily(PREFIX + "busy", "1 while anything is left to do.", value=bool(health.get("busy")))
        for name, words in GAUGES.items():
            if name in health:
                yield GaugeMetricFamily(PREFIX + name.replace("_s", "_seconds"), words, value=health[name])
        for name, words in COUNTERS.items():
            if isinstance(health.get(name), int):
                yield CounterMetricFamily(PREFIX + name, words, value=health[name])

    def _catalog(self, stats: Mapping[str, Any]) -> Iterator[Metric]:  # JSON values
        for key, label in (("presence", "presence"), ("read_state", "state")):
            family = GaugeMetricFamily(f"{PREFIX}rows_by_{key}", f"Rows by {key}.", labels=[label])
            for value, count in stats[key].items():
                family.add_metric([str(value)], count)
            yield family
        for key, name, words in (
            ("seq", "seq", "Number of the last change."),
            ("size_bytes", "size_bytes", "Bytes of the present checkpoints."),
            ("experiments", "experiments", "Experiments."),
            ("problems", "problems", "Open problems."),
        ):
            yield GaugeMetricFamily(PREFIX + name, words, value=stats[key])
        yield from _ages(stats["roots"])

    def _http(self) -> Iterator[Metric]:
        traffic = self._traffic
        requests = CounterMetricFamily(
            PREFIX + "http_requests", "Requests answered.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in traffic.requests.items():
            requests.add_metric([method, route, str(status)], count)
        yield requests
        total, buckets = 0, []
        for limit, count in zip((*map(str, BUCKETS), "+Inf"), traffic.buckets, strict=True):
            total += count
            buckets.append((limit, total))
        yield HistogramMetricFamily(
            PREFIX + "http_request_seconds", "Time to answer.", buckets=buckets, sum_value=traffic.seconds
        )
        yield GaugeMetricFamily(PREFIX + "http_streams", "Clients of the event stream.", value=traffic.streams)


def _ages(roots: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:  # JSON values
    """Yield how old each root's last complete scan is: how far behind the catalog may be."""
    family = GaugeMetricFamily(PREFIX + "scan_age_seconds", "Seconds since the last complete scan.", labels=["root"])
    state = GaugeMetricFamily(PREFIX + "root_reachable", "1 when the root is there.", labels=["root"])
    now = datetime.now(UTC)
    for root in roots:
        state.add_metric([root["name"]], float(root["state"] == "present"))
        if root["as_of"] is not None:
            then = datetime.fromisoformat(root["as_of"])
            family.add_metric([root["name"]], max(0.0, (now - then).total_seconds()))
    yield family
    yield state


def exposition(
    traffic: Traffic,
    health: Mapping[str, Any],  # JSON values
    stats: Mapping[str, Any] | None,  # likewise
    sources: Mapping[str | None, int] | None,
) -> bytes:
    """Return everything in Prometheus's text format; None is what cannot be asked now."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Now(traffic, health, stats, sources))
    return generate_latest(registry)
