"""What operators graph. Sums over everybody: no label names an account, a key or a request.

Prometheus counts in floats, so money here is for graphs; the ledger alone is exact.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # pyright: ignore[reportUnknownVariableType]

from relay.money import PICO_PER_USD

__all__ = [
    "COMMANDS_IN_COMMIT",
    "COMMIT_SECONDS",
    "CONTENT_TYPE",
    "FIRST_TOKEN_SECONDS",
    "HOLDS_OPEN",
    "HOLD_SECONDS",
    "REFUSED",
    "REQUESTS",
    "REQUEST_SECONDS",
    "STREAMS_OPEN",
    "Figure",
    "forget_worker",
    "observe_queues",
    "observe_settled",
    "text",
]

REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

REQUESTS = Counter("relay_requests", "Relayed calls that ended.", ["model", "ended"], registry=REGISTRY)
REFUSED = Counter("relay_refused", "Calls refused before upstream, by code.", ["code"], registry=REGISTRY)
_OF_ALL: Any = {"registry": REGISTRY, "multiprocess_mode": "livesum"}
STREAMS_OPEN = Gauge("relay_streams_open", "Streams open in this server.", **_OF_ALL)
HOLDS_OPEN = Gauge("relay_holds_open", "Holds of this server not yet settled.", **_OF_ALL)
TOKENS = Counter("relay_tokens", "Tokens settled.", ["model", "kind"], registry=REGISTRY)
PRICE = Counter("relay_price_usd", "What settled calls were sold for.", ["model"], registry=REGISTRY)
COST = Counter("relay_cost_usd", "What settled calls cost us upstream.", ["model"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "relay_request_seconds", "From the request to its end.", registry=REGISTRY, buckets=_LONG_SECONDS
)
FIRST_TOKEN_SECONDS = Histogram(
    "relay_first_token_seconds", "Until the first token.", registry=REGISTRY, buckets=_LONG_SECONDS
)
COMMIT_SECONDS = Histogram(
    "relay_commit_seconds", "One group commit of the writer.", registry=REGISTRY, buckets=_SECONDS
)
HOLD_SECONDS = Histogram(
    "relay_hold_seconds",
    "From asking for a hold until it is on the disk, or refused.",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 10),
)
COMMANDS_IN_COMMIT = Histogram(
    "relay_commands_in_commit",
    "Commands that shared one commit.",
    registry=REGISTRY,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
_QUEUE = Gauge("relay_queue_depth", "Commands that wait for a commit or a look-up.", ["queue"], **_OF_ALL)

Figure = tuple[str, str, Mapping[str, str], float]
"""Name, what it says, labels, value: what is read from the database when it is asked for."""


def observe_settled(
    *,
    model: str,
    ended: str,
    tokens: Mapping[str, int],
    cost_pico: int,
    price_pico: int,
    seconds: float,
    first_token_ms: int | None,
) -> None:
    """One settled call. `tokens` by kind, as on a receipt; `model` is a name of the price table."""
    _labelled(REQUESTS, model, ended).inc()
    for kind, count in tokens.items():
        if count:
            _labelled(TOKENS, model, kind).inc(count)
    _labelled(COST, model).inc(cost_pico / PICO_PER_USD)
    _labelled(PRICE, model).inc(price_pico / PICO_PER_USD)
    REQUEST_SECONDS.observe(seconds)
    if first_token_ms is not None:
        FIRST_TOKEN_SECONDS.observe(first_token_ms / 1000)


@cache
def _labelled(counter: Counter, *values: str) -> Counter:
    """Found once: looking a child up by its labels costs several times its counting."""
    return counter.labels(*values)


def observe_queues(queues: Mapping[str, int]) -> None:
    """How much waits in each queue of this process at this moment."""
    for name, depth in queues.items():
        _QUEUE.labels(name).set(depth)


def text(figures: Iterable[Figure] = ()) -> bytes:
    """Everything, in Prometheus's text format: of all workers of this server together, then `figures`."""
    return generate_latest(_all_workers()) + generate_latest(_Read(figures))


def forget_worker(pid: int | None, folder: str) -> None:
    """What was open in a worker that has died is open no more; what it counted stays counted."""
    mark_process_dead(pid, folder)


def _all_workers() -> CollectorRegistry:
    """`serve` has several workers write to files that each of them can add up; one worker needs none."""
    together = CollectorRegistry()
    try:
        MultiProcessCollector(together)
    except ValueError:
        return REGISTRY
    return together


class _Read(CollectorRegistry):
    """Figures that are read, not counted."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        super().__init__()
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, meaning, labels, value in self._figures:
            family = families.setdefault(name, GaugeMetricFamily(name, meaning, labels=sorted(labels)))
            family.add_metric([labels[label] for label in sorted(labels)], value)
        return families.values()
