"""Giving signs of life, and asking for them."""

from __future__ import annotations

import datetime
import os
import socket

from django.conf import settings

from apps.core.models import SignOfLife

WORKER = "worker"
FORGET_AFTER = datetime.timedelta(days=1)


def give(kind: str, *, waiting_files: int = 0, failing: str = "") -> None:
    """Write down that this process is at work, and forget processes that have been silent for a day."""
    now = datetime.datetime.now(datetime.UTC)
    SignOfLife.objects.update_or_create(
        process=f"{kind}:{socket.gethostname()}:{os.getpid()}"[:200],
        defaults={"seen_at": now, "waiting_files": waiting_files, "failing": failing[:200]},
    )
    SignOfLife.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()


def latest(kind: str) -> SignOfLife | None:
    """The last sign of a process of that kind; None when there was none within the last day."""
    return SignOfLife.objects.filter(process__startswith=f"{kind}:").order_by("-seen_at").first()


def worker_is_alive() -> bool:
    """Whether a worker was seen within ``WORKER_SILENT_SECONDS``; yes where that is 0: nobody asks then."""
    if not settings.WORKER_SILENT_SECONDS:
        return True
    last = latest(WORKER)
    silent = datetime.timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    return last is not None and datetime.datetime.now(datetime.UTC) - last.seen_at <= silent
