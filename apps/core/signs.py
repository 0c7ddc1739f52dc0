"""Giving signs of life, and asking for them."""

from __future__ import annotations

import datetime
import os
import socket

from django.conf import settings

from apps.core.models import SignOfLife

WORKER = "worker"
FORGET_AFTER = datetime.timedelta(days=1)


def give(kind: str, *, waiting_files: int = 0) -> None:
    """Write down that this process is at work, and forget processes that have been silent for a day."""
    now = datetime.datetime.now(datetime.UTC)
    SignOfLife.objects.update_or_create(
        process=f"{kind}:{socket.gethostname()}:{os.getpid()}"[:200],
        defaults={"seen_at": now, "waiting_files": waiting_files},
    )
    SignOfLife.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()


def latest(kind: str) -> datetime.datetime | None:
    """When a process of that kind was last seen; None when none was within the last day."""
    signs = SignOfLife.objects.filter(process__startswith=f"{kind}:").order_by("-seen_at")
    return signs.values_list("seen_at", flat=True).first()


def worker_is_alive() -> bool:
    """Whether a worker was seen within ``WORKER_SILENT_SECONDS``; yes where that is 0: nobody asks then."""
    if not settings.WORKER_SILENT_SECONDS:
        return True
    seen = latest(WORKER)
    silent = datetime.timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    return seen is not None and datetime.datetime.now(datetime.UTC) - seen <= silent
