"""Recording of the portal's start as an audit event, with the version and a digest of the settings."""

from __future__ import annotations

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
from consumerportal.private_files import log_readable_files

logger = logging.getLogger(__name__)


def settings_digest() -> str:
    """A digest (64 hex digits) of all settings; it changes when a setting changes.

    The digest is keyed, so that secrets cannot be guessed from the value in the audit log.
    """
    values = {name: getattr(settings, name) for name in dir(settings) if name.isupper() and name != "LOGGING"}
    readable = json.dumps(values, sort_keys=True, default=_text)
    return keyed_digest("settings", readable).hex()


def _text(value: object) -> str:
    return str(value) if isinstance(value, Path) else repr(type(value))


def record_start() -> None:
    """Record ``portal.started``, and store the outcomes in the spool of this machine.

    Closes the database connection, because workers are forked afterwards.

    Raises ``ImproperlyConfigured`` if a production database contains people with practice passwords (which
    are published), or does not accept the keys of this process.
    """
    if not settings.PRACTICE_MODE and has_practice_people():
        raise ImproperlyConfigured("The database has people with practice passwords, which are published")
    log_readable_files()
    actor = Actor.system("portal")
    try:
        accept_keys(actor)
    except KeysNotAcceptedError as refused:
        raise ImproperlyConfigured(f"The portal does not start. {refused}") from None
    data = {"version": settings.VERSION, "settings_digest": settings_digest()}  # needs the key in use
    with transaction.atomic():
        record(Event(type=PORTAL_STARTED, actor=actor, data=data))
    try:
        drain_spool(actor)
    except Exception:  # the worker retries; the portal must start nevertheless
        logger.exception("spool_not_drained")
    connection.close()
    close_pool = getattr(connection, "close_pool", None)  # only PostgreSQL connections have a pool
    if close_pool is not None:
        close_pool()
