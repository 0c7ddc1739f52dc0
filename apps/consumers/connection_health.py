"""Health of the connection to the vendor: whether the credentials are accepted and the clocks agree.

Each answer is stored in memory. The database row is updated if the state changed, or once a minute, when the
database is in use anyway. After a failed update the next answer is stored again.
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
# Statuses that prove accepted credentials. Others, such as 503, prove nothing.
ACCEPTED = frozenset({200, 201, 204, 400, 404, 409, 422})
STORE_INTERVAL = 60.0  # seconds between two updates without a change


class _LatestAnswer:
    """The latest answer and the last stored state, for one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest: Contact | None = None
        self.stored: int | None = None  # the refused status, or 0
        self.stored_at = 0.0  # time.monotonic

    def take_due(self) -> Contact | None:
        """Take the latest answer if it has to be stored, and mark it as stored; otherwise None."""
        with self.lock:
            latest, self.latest = self.latest, None
            if latest is None:
                return None
            refused = _refused_status(latest)
            if refused == self.stored and time.monotonic() - self.stored_at < STORE_INTERVAL:
                return None
            self.stored, self.stored_at = refused, time.monotonic()
            return latest

    def reset(self) -> None:
        """Discard the latest answer and the stored state."""
        with self.lock:
            self.latest, self.stored, self.stored_at = None, None, 0.0


_latest = _LatestAnswer()
reset_latest = _latest.reset


def note_answer(contact: Contact, **_: object) -> None:
    """Keep an answer of the vendor in memory. Uses no database, because a call is in progress."""
    if contact.status in ACCEPTED or contact.status in REFUSALS:
        with _latest.lock:
            _latest.latest = contact


def store_latest() -> None:
    """Store the latest answer if due. Errors are logged, not raised, to protect the caller's work."""
    contact = _latest.take_due()
    if contact is None:
        return
    now = clock.now()
    refused = _refused_status(contact)
    if refused:
        logger.error("credentials_refused status=%s", refused)
    try:
        ConnectionHealth.objects.get_or_create(pk=1)
        ConnectionHealth.objects.filter(pk=1).update(
            answered_at=now,
            refused_since=Coalesce("refused_since", Value(now, DateTimeField())) if refused else None,
            refused_status=refused or None,
            **({} if contact.clock_ahead is None else {"clock_ahead": contact.clock_ahead}),
        )
    except (DatabaseError, InterfaceError):
        _latest.reset()
        logger.warning("connection_health_not_stored")


def clock_ahead() -> datetime.timedelta:
    """By how much the portal's clock is ahead of the vendor's, as last measured; zero if never measured."""
    measured = ConnectionHealth.objects.filter(pk=1).values_list("clock_ahead", flat=True).first()
    return datetime.timedelta(seconds=measured or 0.0)


def _refused_status(contact: Contact) -> int:
    return contact.status if contact.status in REFUSALS else 0
