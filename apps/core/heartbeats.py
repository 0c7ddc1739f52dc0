"""Heartbeats of workers and web processes: recording them and reading them."""

from __future__ import annotations

import datetime
import os
import socket
from collections.abc import Sequence

from django.conf import settings
from django.db.models import QuerySet

from apps.core import clock
from apps.core.models import Heartbeat

WORKER = "worker"
WEB = "web"
WEB_SILENT_SECONDS = 180
"""Age from which a web process counts as stopped: three of its heartbeats are missing."""
DELETE_AFTER = datetime.timedelta(days=1)


def record_heartbeat(
    kind: str, *, folder: str = "", waiting_files: int | None = 0, failing: str = "", keys: Sequence[str] = ()
) -> None:
    """Store that this process is running, and delete heartbeats that are older than a day.

    ``folder``: the id of the folder with the ``waiting_files`` files; by default the host. With None instead
    of their number, the folder cannot be read, and the last known number stays. ``failing`` names the duties
    that failed since the last heartbeat, ``keys`` the process's keys by label. Old heartbeats with waiting
    files are not deleted: those files still have to be stored.
    """
    now = clock.now()
    host = socket.gethostname()
    here = f"{kind}:{folder or host}:"[:100]
    process = f"{here}{host[:60]}:{os.getpid()}"
    values = {"seen_at": now, "failing": failing[:200], "keys": list(keys)}
    if waiting_files is not None:
        values["waiting_files"] = waiting_files
    Heartbeat.objects.update_or_create(process=process, defaults=values)
    if waiting_files is not None:  # so the numbers of earlier processes for the folder are outdated
        Heartbeat.objects.filter(process__startswith=here).exclude(process=process).update(waiting_files=0)
    Heartbeat.objects.filter(seen_at__lt=now - DELETE_AFTER, waiting_files=0).delete()


def latest(kind: str) -> Heartbeat | None:
    """The newest heartbeat of a kind; None if there was none within the last day."""
    return _of_kind(kind).order_by("-seen_at").first()


def current(kind: str) -> list[Heartbeat]:
    """The heartbeats of a kind that are at most ``WORKER_SILENT_SECONDS`` old, or ``WEB_SILENT_SECONDS``."""
    seconds = WEB_SILENT_SECONDS if kind == WEB else settings.WORKER_SILENT_SECONDS
    silence = datetime.timedelta(seconds=seconds)
    return list(_of_kind(kind).filter(seen_at__gte=clock.now() - silence))


def _of_kind(kind: str) -> QuerySet[Heartbeat]:
    """The heartbeats of a kind without those from the future, which would look current for too long."""
    future = clock.now() + datetime.timedelta(seconds=clock.TOLERANCE)
    return Heartbeat.objects.filter(process__startswith=f"{kind}:", seen_at__lte=future)
