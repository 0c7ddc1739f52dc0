"""The background worker: state in rows, not messages, so that a killed one loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.accounts.sessions import close_expired_sessions
from apps.cdp.factory import get_client
from apps.consumers import spool
from apps.consumers.looks import take_due_look
from apps.consumers.settling import mark_overdue_unknown
from apps.consumers.storing import drain_spool
from apps.core import signs
from apps.core.actor import Actor

logger = logging.getLogger("apps.worker")
PAUSE_SECONDS = 1.0
SIGN_SECONDS = 5.0
LOOKS_AT_A_TIME = 10  # then the other duties have their turn


class Command(BaseCommand):
    help = (
        "Finds out what became of unknown outcomes, and clears up, until it is stopped. Run any number of it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        actor = Actor.system("worker")
        signed_at = -SIGN_SECONDS

        def give_sign() -> None:
            nonlocal signed_at
            if time.monotonic() - signed_at >= SIGN_SECONDS:
                signs.give(signs.WORKER, waiting_files=len(spool.paths()))
                signed_at = time.monotonic()

        duties: tuple[Callable[[], object], ...] = (
            give_sign,
            lambda: drain_spool(actor),
            lambda: mark_overdue_unknown(actor),
            lambda: take_due_looks(actor, stop),
            close_expired_sessions,
        )
        while not stop.is_set():
            for duty in duties:
                if not done(duty):
                    break
            stop.wait(PAUSE_SECONDS)


def done(duty: Callable[[], object]) -> bool:
    """Whether a duty could be done; a lost database is waited for, and what is due stays due."""
    try:
        duty()
    except (DatabaseError, InterfaceError):
        logger.warning("worker_waits_for_the_database")
        return False
    finally:
        close_old_connections()
    return True


def take_due_looks(actor: Actor, stop: threading.Event) -> None:
    """The looks that are due, one after the other: the vendor sees one of them at a time from each worker."""
    for _ in range(LOOKS_AT_A_TIME):
        if stop.is_set() or not take_due_look(actor=actor, client=get_client()):
            return
