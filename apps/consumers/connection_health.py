"""News of the connection to the vendor: are the credentials good, and do the clocks agree?

Each answer is noted in memory; the row is written where something has changed, or once a minute, at a moment
at which the database is used anyway. News that could not be written comes again with the next answer.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time

from django.db import DatabaseError, InterfaceError
from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce

from apps.cdp.exchange import Contact
from apps.consumers.models import ConnectionHealth
from apps.core import clock

logger = logging.getLogger(__name__)

REFUSALS = (401, 403)
# The vendor knew who asked. Of others, such as a 503, nobody can tell.
ACCEPTED = frozenset({200, 201, 204, 400, 404, 409, 422})
EVERY = 60.0  # seconds between two writes that say the same


class _Latest:
    """The latest answer, and what of it was written; for one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest: Contact | None = None
        self.stored: int | None = None  # the status of a refusal, or 0
        self.stored_at = 0.0  # time.monotonic

    def due(self) -> Contact | None:
        with self.lock:
            latest, self.latest = self.latest, None
            if latest is None:
                return None
            said = _refusal(latest)
            if said == self.stored and time.monotonic() - self.stored_at < EVERY:
                return None
            self.stored, self.stored_at = said, time.monotonic()
            return latest

    def forget(self) -> None:
        with self.lock:
            self.latest, self.stored, self.stored_at = None, None, 0.0


_news = _Latest()
forget_latest = _news.forget


def note(contact: Contact, **_: object) -> None:
    """Remember an answer of the vendor. Asks nothing of the database: a call is under way."""
    if contact.status in ACCEPTED or contact.status in REFUSALS:
        with _news.lock:
            _news.latest = contact


def store_latest() -> None:
    """Write what is new. Raises nothing: it must not cost what it stands beside."""
    contact = _news.due()
    if contact is None:
        return
    now = clock.now()
    refusal = _refusal(contact)
    if refusal:
        logger.error("credentials_refused status=%s", refusal)
    try:
        ConnectionHealth.objects.get_or_create(pk=1)
        ConnectionHealth.objects.filter(pk=1).update(
            answered_at=now,
            refused_since=Coalesce("refused_since", Value(now, DateTimeField())) if refusal else None,
            refused_status=refusal or None,
            **({} if contact.clock_ahead is None else {"clock_ahead": contact.clock_ahead}),
        )
    except (DatabaseError, InterfaceError):
        _news.forget()
        logger.warning("connection_health_not_stored")


def clock_ahead() -> datetime.timedelta:
    """By how much our clock is ahead of the vendor's, as last measured; zero before the first measurement."""
    measured = ConnectionHealth.objects.filter(pk=1).values_list("clock_ahead", flat=True).first()
    return datetime.timedelta(seconds=measured or 0.0)


def _refusal(contact: Contact) -> int:
    return contact.status if contact.status in REFUSALS else 0
