"""The start of the portal as an event: which version, with which settings."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from apps.accounts.practice import has_practice_people
from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.sending.storing import drain_spool
from apps.core.actor import Actor
from apps.core.encryption import keyed_digest
from consumerportal.audit_events import PORTAL_STARTED
from consumerportal.keys import KeysNotAcceptedError, accept_keys
from consumerportal.private_files import tell_readable_files

logger = logging.getLogger(__name__)


def settings_digest() -> str:
    """SHA-256 over the settings of this installation: equal as long as nobody changed one.

    Secrets enter through the keyed digest, so that nobody can try values against what the log shows.
    """
    values = {name: getattr(settings, name) for name in dir(settings) if name.isupper() and name != "LOGGING"}
    readable = json.dumps(values, sort_keys=True, default=_text)
    return hashlib.sha256(keyed_digest("settings", readable).encode()).hexdigest()


def _text(value: object) -> str:
    return str(value) if isinstance(value, Path) else repr(type(value))


def record_start() -> None:
    """Write ``portal.started``, and store what waits in the spool of this machine.

    Leaves no database connection open, because workers are forked after it.

    Raises ``ImproperlyConfigured`` when production holds somebody with a practice password (those are
    public), and when the keys of this process are not those of the database.
    """
    if not settings.PRACTICE_MODE and has_practice_people():
        raise ImproperlyConfigured("The database holds people with practice passwords, which everybody knows")
    tell_readable_files()
    data = {"version": settings.VERSION, "settings_digest": settings_digest()}
    actor = Actor.system("portal")
    try:
        accept_keys(actor)
    except KeysNotAcceptedError as refused:
        raise ImproperlyConfigured(f"The portal does not start. {refused}") from None
    with transaction.atomic():
        record(Event(type=PORTAL_STARTED, actor=actor, data=data))
    try:
        drain_spool(actor)
    except Exception:  # the worker comes back to it; a portal that does not start helps nobody
        logger.exception("spool_not_drained")
    connection.close()
    close_pool = getattr(connection, "close_pool", None)  # PostgreSQL's alone has a pool
    if close_pool is not None:
        close_pool()
