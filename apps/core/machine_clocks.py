"""Which machine's clock is wrong: each process says at times what it measured, for the status page."""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Q

from apps.core import clock
from apps.core.models import MachineClock

logger = logging.getLogger(__name__)

CURRENT = datetime.timedelta(minutes=10)
"""A machine that is used, or asked for its readiness, measures every minute."""
FORGET_AFTER = datetime.timedelta(days=1)


def report() -> None:
    """Store what this process measured last, for its machine. Raises nothing: it stands beside other work."""
    measured = clock.last_measurement()
    if measured is None:
        return
    now = clock.now()
    row = MachineClock(machine=settings.MACHINE_NAME[:200], ahead=measured.ahead, measured_at=now)
    try:
        MachineClock.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["machine"], update_fields=["ahead", "measured_at"]
        )
        MachineClock.objects.filter(measured_at__lt=now - FORGET_AFTER).delete()
    except (DatabaseError, InterfaceError) as error:  # a database that is not migrated yet, or has just gone
        logger.warning("machine_clock_not_stored %s", type(error).__name__)


def wrong() -> list[MachineClock]:
    """The machines whose clocks differ by more than :data:`clock.TOLERANCE` seconds, by name."""
    differs = Q(ahead__gt=clock.TOLERANCE) | Q(ahead__lt=-clock.TOLERANCE)
    current = MachineClock.objects.filter(measured_at__gte=clock.now() - CURRENT)
    return list(current.filter(differs).order_by("machine"))
