"""The background worker: state in rows, not messages, so that a killed one loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.accounts.sessions import close_expired_sessions
from apps.audit.watch import Watch
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
ACTOR = Actor.system("worker")


class Command(BaseCommand):
    help = (
        "Finds out what became of unknown outcomes, and clears up, until it is stopped. Run any number of it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        duties: dict[str, Callable[[], object]] = {
            "drain_spool": lambda: drain_spool(ACTOR),
            "mark_overdue_unknown": lambda: mark_overdue_unknown(ACTOR),
            "take_due_looks": lambda: take_due_looks(stop),
            "close_expired_sessions": close_expired_sessions,
            "watch_audit_log": Watch(ACTOR).keep,
        }
        signed_at = -SIGN_SECONDS
        while not stop.is_set():
            failing = [name for name, duty in duties.items() if not done(name, duty)]
            due = time.monotonic() - signed_at >= SIGN_SECONDS
            if due and done("give_sign", partial(give_sign, failing)):
                signed_at = time.monotonic()
            stop.wait(PAUSE_SECONDS)


def done(name: str, duty: Callable[[], object]) -> bool:
    """Whether a duty could be done. Each has its turn, whatever became of the others.

    A lost database is waited for: what is due stays due. Any other fault is told in the log and by the sign
    of life, and the duty has its turn again.
    """
    try:
        duty()
    except (DatabaseError, InterfaceError):
        logger.warning("worker_waits_for_the_database")
        return False
    except Exception:  # one row that nobody foresaw must not stop the settling of all others
        logger.exception("worker_duty_failed %s", name)
        return False
    finally:
        close_old_connections()
    return True


def give_sign(failing: list[str]) -> None:
    """Tell that this worker is alive, what waits on its machine, and which duties failed in this round."""
    signs.give(signs.WORKER, waiting_files=len(spool.paths()), failing=", ".join(failing))


def take_due_looks(stop: threading.Event) -> None:
    """The looks that are due, one after the other: the vendor sees one of them at a time from each worker."""
    for _ in range(LOOKS_AT_A_TIME):
        if stop.is_set() or not take_due_look(actor=ACTOR, client=get_client()):
            return
