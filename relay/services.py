"""What the product is made of, built once from settings and handed to whoever needs it."""

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay import pricing
from relay.admission.apart import Reading
from relay.billing import Office
from relay.database import Database
from relay.gateways.claude import Claude
from relay.gateways.mail import Mail
from relay.gateways.objects import Objects, open_objects
from relay.gateways.payments import Payments
from relay.hub import Hub
from relay.ids import new_id
from relay.limits import Limits
from relay.pricing import PriceTable
from relay.settings import Settings
from relay.settling.keeping import Drawer, Slate
from relay.settling.open_calls import OpenCalls
from relay.settling.unbooked import Unbooked
from relay.stopping import told_to_stop
from relay.storage import Storehouse
from relay.sync import Clock

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SWITCH_SECONDS = 0.0005
COLLECT_EVERY = 10_000
"""Objects between two looks at the youngest: a hundred requests or so, whose objects nearly all went by themselves."""


@dataclass(slots=True)
class Services:
    """One process's gateways and state. `worker` names the process in holds and leases."""

    settings: Settings
    database: Database
    prices: PriceTable
    limits: Limits
    mail: Mail
    payments: Payments
    claude: Claude
    objects: Objects
    hub: Hub
    unbooked: Unbooked
    open_calls: OpenCalls
    worker: str
    tracer: "Tracer | None" = None
    reading: Reading = field(default_factory=Reading)
    relaying: set[str] = field(default_factory=set[str])
    """Requests that this process is relaying now."""

    @property
    def office(self) -> Office:
        """What billing works with."""
        return Office(self.database, self.payments, self.settings)

    @property
    def storehouse(self) -> Storehouse:
        """What storage works with."""
        return Storehouse(self.database, self.objects, self.settings, self.prices)

    def alive(self) -> set[str]:
        """Requests whose truth only this process knows: their holds are renewed, and its sweep passes them by."""
        return self.relaying | self.unbooked.request_ids()


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Everything open and its background work running; closed in the reverse order. Misconfigured when it cannot."""
    for name in ("SECRET_KEY", "ANTHROPIC_API_KEY", "RESEND_API_KEY", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"):
        settings.secret(name)
    database, claude, payments, tracer = _outside(settings)
    worker = new_id("worker")
    drawer, slate = Drawer(settings, worker), Slate(settings, worker)
    try:
        prices = database.read_now(pricing.current)
        hub = Hub(database)
        services = Services(
            settings,
            database,
            prices,
            Limits(settings),
            Mail(settings),
            payments,
            claude,
            open_objects(settings),
            hub,
            Unbooked(database, drawer, hub.changed),
            OpenCalls(database, slate, settings.HOLD_TTL_SECONDS),
            worker,
            tracer=tracer,
        )
        background = _begin(services)
        try:
            with told_to_stop(services.hub.stop):
                yield services
        finally:
            await _end(services, background)
    finally:
        database.close()
        drawer.close()
        slate.close()


def _outside(settings: Settings) -> "tuple[Database, Claude, Payments, Tracer | None]":
    """What requests wait for. With a collector each of them tells how long; without one no tracing is loaded."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return Database(settings.database_url), Claude(settings), Payments(settings), None
    from relay import spans
    from relay.gateways.traces import open_tracer

    tracer = open_tracer(settings)
    database = spans.WatchedDatabase(settings.database_url, tracer)
    return database, spans.WatchedClaude(settings, tracer), spans.WatchedPayments(settings, tracer), tracer


def _begin(services: Services) -> list[asyncio.Task[None]]:
    """What goes on in the background for as long as the services are open."""
    ticking = Clock(services)
    works = (
        services.hub.run(),
        services.unbooked.run(),
        services.open_calls.run(),
        services.limits.keep_places(),
        ticking.run(),
        ticking.keep_holds(),
        ticking.work_events(),
    )
    return [asyncio.create_task(work) for work in works]


async def _end(services: Services, background: list[asyncio.Task[None]]) -> None:
    for task in background:
        task.cancel()
    for task in background:
        with suppress(asyncio.CancelledError):
            await task
    await services.reading.aclose()
    services.claude.close()
    await services.mail.aclose()
    await services.payments.aclose()
    await services.limits.aclose()


def get_ready_to_answer() -> None:
    """For a server whose services are open.

    Modules and tables are never garbage, so no collection walks them again: a full one over all that Reflex loads
    stops every stream for a tenth of a second. And the writer's thread hands the interpreter back ten times sooner
    than Python would, as chunks wait for it.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    gc.enable()
