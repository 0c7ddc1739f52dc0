"""The background worker: state in rows, not messages, so that a killed one loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.accounts.sessions import close_expired_sessions
from apps.consumers.settling import mark_overdue_unknown
from apps.core.actor import Actor

logger = logging.getLogger("apps.worker")
PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Settles what lost processes left behind, and clears expired sessions away, until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        actor = Actor.system("worker")
        while not stop.is_set():
            try:
                mark_overdue_unknown(actor)
                close_expired_sessions()
            except (DatabaseError, InterfaceError):
                # A lost database is waited for; what is due stays due.
                logger.warning("worker_waits_for_the_database")
            finally:
                close_old_connections()
            stop.wait(PAUSE_SECONDS)
