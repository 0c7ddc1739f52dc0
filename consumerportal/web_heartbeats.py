"""Heartbeats of web processes: which keys each of them has, for the replacement of keys.

With each, a process also writes the latest answer of Sitecore CDP if no create has written it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from apps.consumers import connection_health
from apps.core import heartbeats, key_fingerprints
from apps.core.connections import DATABASE_ERRORS, release_database_connections

logger = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two heartbeats of a process: less than ``heartbeats.WEB_SILENT_SECONDS``."""


def start(is_alive: Callable[[], bool]) -> None:
    """Record heartbeats of this process in a thread of their own, as long as it is alive.

    Not with requests: a process that answers none for a while still writes with its keys afterwards.
    """
    threading.Thread(target=_record_while, args=(is_alive,), name="web-heartbeats", daemon=True).start()


def _record_while(is_alive: Callable[[], bool]) -> None:
    while is_alive():
        record()
        time.sleep(INTERVAL)


def record() -> None:
    """Record one heartbeat. Raises nothing: the next one follows."""
    try:
        heartbeats.record_heartbeat(heartbeats.WEB, keys=key_fingerprints.own_labels())
        connection_health.store_latest()
    except DATABASE_ERRORS as error:
        logger.warning("web_heartbeat_not_stored %s", type(error).__name__)
    finally:
        release_database_connections()  # also one that the server has closed, which no heartbeat could use
