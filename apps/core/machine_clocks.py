"""Clocks of all machines: each process stores its latest measurement for the status page."""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db.models import Q

from apps.core import clock
from apps.core.connections import DATABASE_ERRORS
from apps.core.models import MachineClock

logger = logging.getLogger(__name__)

MAX_AGE = datetime.timedelta(minutes=10)
"""Older measurements are ignored. A machine in use, or checked for readiness, measures every minute."""
DELETE_AFTER = datetime.timedelta(days=1)


def store_measurement() -> None:
    """Store the latest measurement of this process for its machine. Raises nothing: callers do other work."""
    measured = clock.last_measurement()
    if measured is None:
        return
    now = clock.now()
    row = MachineClock(machine=settings.MACHINE_NAME[:200], ahead=measured.ahead, measured_at=now)
    try:
        MachineClock.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["machine"], update_fields=["ahead", "measured_at"]
        )
        MachineClock.objects.filter(measured_at__lt=now - DELETE_AFTER).delete()
    except DATABASE_ERRORS as error:  # not migrated yet, or just lost
        logger.warning("machine_clock_not_stored %s", type(error).__name__)


def wrong_clocks() -> list[MachineClock]:
    """The machines whose clocks differ by more than :data:`clock.TOLERANCE` seconds, ordered by name."""
    differs = Q(ahead__gt=clock.TOLERANCE) | Q(ahead__lt=-clock.TOLERANCE)
    current = MachineClock.objects.filter(measured_at__gte=clock.now() - MAX_AGE)
    return list(current.filter(differs).order_by("machine"))
