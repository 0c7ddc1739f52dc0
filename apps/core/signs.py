"""Giving signs of life, and asking for them."""

from __future__ import annotations

import datetime
import os
import socket

from django.conf import settings
from django.db.models import QuerySet

from apps.core import clock
from apps.core.models import SignOfLife

WORKER = "worker"
FORGET_AFTER = datetime.timedelta(days=1)


def give(kind: str, *, place: str = "", waiting_files: int = 0, failing: str = "") -> None:
    """Write down that this process is at work, and forget processes that have been silent for a day.

    ``place`` names the folder whose files wait; without it the host. Of a place where files wait the last
    sign is kept: somebody has to store them.
    """
    now = clock.now()
    host = socket.gethostname()
    here = f"{kind}:{place or host}:"[:100]
    process = f"{here}{host[:60]}:{os.getpid()}"
    SignOfLife.objects.update_or_create(
        process=process,
        defaults={"seen_at": now, "waiting_files": waiting_files, "failing": failing[:200]},
    )
    # This sign says what waits here; what an earlier process said of the same place is past.
    SignOfLife.objects.filter(process__startswith=here).exclude(process=process).update(waiting_files=0)
    SignOfLife.objects.filter(seen_at__lt=now - FORGET_AFTER, waiting_files=0).delete()


def latest(kind: str) -> SignOfLife | None:
    """The last sign of a process of that kind; None when there was none within the last day."""
    return _signs(kind).order_by("-seen_at").first()


def alive(kind: str) -> list[SignOfLife]:
    """The signs of the processes of that kind that are not silent."""
    return list(_signs(kind).filter(seen_at__gte=clock.now() - _silence()))


def _signs(kind: str) -> QuerySet[SignOfLife]:
    """Those of that kind that count: one from the future would stand for a process long after its end."""
    future = clock.now() + datetime.timedelta(seconds=clock.TOLERANCE)
    return SignOfLife.objects.filter(process__startswith=f"{kind}:", seen_at__lte=future)


def _silence() -> datetime.timedelta:
    return datetime.timedelta(seconds=settings.WORKER_SILENT_SECONDS)
