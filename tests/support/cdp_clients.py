"""Clients for tests, with short limits and marker values that must not leak."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pytest_django import Settings

from apps.cdp.attempt import Clock, Limits, utc_now
from apps.cdp.client import CdpClient
from apps.cdp.consumers import Creation, NewConsumer
from apps.cdp.errors import CdpError
from apps.cdp.exchange import AnswerHealth, Exchange, ignore_health
from apps.cdp.factory import get_client
from apps.cdp.links import BaseUrl
from apps.cdp.transport import Credentials, Transport

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
JANE = NewConsumer("Jane-Marker", "Roe-Marker", passport_number="PASSPORT-MARKER")
GOOD = {"ref": "b2f2d1d0-0000-4000-8000-000000000001"}


def client_of(
    url: str,
    *,
    connect: float = 1.0,
    read: float = 1.0,
    total: float = 2.0,
    ca_file: str = "",
    proxy: str = "",
    max_answer_bytes: int = 100_000,
    credentials: tuple[str, str] = ("KEY-MARKER", "TOKEN-MARKER"),
    clock: Clock = utc_now,
    pauses: list[float] | None = None,
    report_health: Callable[[AnswerHealth], None] = ignore_health,
) -> CdpClient:
    """A client for a base URL. With `pauses` it records each pause (seconds) instead of sleeping."""
    transport = Transport(
        base=BaseUrl.parse(url),
        credentials=Credentials(*credentials),
        max_answer_bytes=max_answer_bytes,
        pool_size=4,
        ca_file=ca_file,
        proxy=proxy,
        settings_prefix="CDP_",
    )
    limits = Limits(connect=connect, read=read, total=total)
    noted = pauses if pauses is not None else []
    return CdpClient(
        Exchange(transport, limits, clock=clock, sleep=noted.append, report_health=report_health)
    )


@contextmanager
def lookup_slots_taken(settings: Settings) -> Iterator[None]:
    """Look-ups hold every slot of the portal's client that they may hold; one is free for a create."""
    settings.CDP_IN_FLIGHT = 2
    slots = get_client()._wire().slots
    taken = (slots._free_for_lookups, slots._free)
    assert all(one.acquire(blocking=False) for one in taken)
    try:
        yield
    finally:
        for one in taken:
            one.release()


def far_deadline() -> dt.datetime:
    """A deadline that no test reaches."""
    return utc_now() + dt.timedelta(seconds=60)


def create(client: CdpClient, *, deadline: dt.datetime | None = None) -> Creation:
    """Create the usual consumer on the usual order."""
    return client.create_order_consumer(ORDER, JANE, deadline=deadline or far_deadline())


def failed_create(client: CdpClient, *, deadline: dt.datetime | None = None) -> CdpError:
    """The error that the usual create raises."""
    with pytest.raises(CdpError) as caught:
        create(client, deadline=deadline)
    return caught.value
