"""Connection health: whether the vendor accepts our credentials, and how far the clocks differ.

Each answer is recorded in memory. The row is written when the result has changed, or once a minute, when the
database is in use anyway: after a call of the vendor, or with a heartbeat of the process. If it cannot be
written, the next answer triggers another attempt.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from dataclasses import dataclass

from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce

from apps.cdp.exchange import AnswerHealth
from apps.consumers.models import ConnectionHealth
from apps.core import clock
from apps.core.connections import DATABASE_ERRORS

logger = logging.getLogger(__name__)

REFUSALS = (401, 403)
# Statuses that show that the credentials were accepted. Others, such as 503, show nothing.
ACCEPTED = frozenset({200, 201, 204, 400, 404, 409, 422})
WRITE_INTERVAL = 60.0  # seconds between two writes of the same result


@dataclass(frozen=True, slots=True)
class _Received:
    """An answer, and when it arrived (``time.monotonic``)."""

    health: AnswerHealth
    at: float


class _LatestAnswer:
    """The latest answer that this process received and has not written, and what it wrote last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.received: _Received | None = None
        self.stored: int | None = None  # the status of a refusal, or 0
        self.stored_at = 0.0  # time.monotonic

    def take_due(self) -> _Received | None:
        """Remove the latest answer and return it; None if there is nothing to write yet.

        An answer that is not due yet is kept for a later call: another process may write another result
        before.
        """
        with self.lock:
            received = self.received
            if received is None:
                return None
            refusal = _refusal(received.health)
            if refusal == self.stored and time.monotonic() - self.stored_at < WRITE_INTERVAL:
                return None
            self.received = None
            self.stored, self.stored_at = refusal, time.monotonic()
            return received

    def clear(self) -> None:
        with self.lock:
            self.received, self.stored, self.stored_at = None, None, 0.0


_latest = _LatestAnswer()


def record_answer(health: AnswerHealth, **_: object) -> None:
    """Record an answer of the vendor in memory. Does not use the database: a call is in progress."""
    if health.status in ACCEPTED or health.status in REFUSALS:
        with _latest.lock:
            _latest.received = _Received(health, time.monotonic())


def store_latest() -> None:
    """Write the latest answer if a write is due. Raises nothing: the caller's own work must not fail.

    The answer may have been kept for a while, so it does not replace a newer one of another process.
    """
    received = _latest.take_due()
    if received is None:
        return
    health, refusal = received.health, _refusal(received.health)
    now = clock.now()
    at = now - datetime.timedelta(seconds=time.monotonic() - received.at)
    if refusal:
        logger.error("credentials_refused status=%s", refusal)
    try:
        ConnectionHealth.objects.get_or_create(pk=1)
        # A time later than now is from before the clock was set back.
        row = ConnectionHealth.objects.filter(pk=1).exclude(answered_at__gte=at, answered_at__lte=now)
        row.update(
            answered_at=at,
            refused_since=Coalesce("refused_since", Value(at, DateTimeField())) if refusal else None,
            refused_status=refusal or None,
            **({} if health.clock_ahead is None else {"clock_ahead": health.clock_ahead}),
        )
    except DATABASE_ERRORS:
        _latest.clear()
        logger.warning("connection_health_not_stored")


def clock_ahead() -> datetime.timedelta:
    """By how much our clock is ahead of the vendor's, as last measured; zero before the first measurement."""
    measured = ConnectionHealth.objects.filter(pk=1).values_list("clock_ahead", flat=True).first()
    return datetime.timedelta(seconds=measured or 0.0)


def _refusal(health: AnswerHealth) -> int:
    """The status of the answer if it refuses the credentials; otherwise 0."""
    return health.status if health.status in REFUSALS else 0
