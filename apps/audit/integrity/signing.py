"""Sign checkpoints. A lock admits one writer, and altered rows are never signed."""

from __future__ import annotations

import errno
import logging
import os
import sys

from django.conf import settings
from django.db import connection, transaction

from apps.audit.audit_events import AUDIT_CHECKPOINT_SIGNED
from apps.audit.events import Event, Value
from apps.audit.integrity import checkpoints
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.own_checkpoints import last_own_checkpoint
from apps.audit.integrity.verification import ROWS_INTACT, Result, record_result, verify
from apps.audit.models import AuditEvent
from apps.audit.recording import lock_head, record
from apps.core import clock
from apps.core.actor import Actor

logger = logging.getLogger("apps.audit")


class NotSignedError(Exception):
    """The log was altered and must not be signed; ``result`` is the verification's result."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"The audit log is not signed: {result.verdict.value}, event {result.seq}")
        self.result = result


def sign_checkpoint(actor: Actor, *, beginning: Beginning | None = None) -> Checkpoint | None:
    """Verify the events since the last checkpoint, sign a new one, append it to the file and print it.

    Returns None if there are no new events. ``beginning``: the new beginning of the log, if its oldest rows
    are about to be removed; None leaves it unchanged. Raises :class:`NotSignedError`, ``OSError`` if the file
    cannot be read or written, and the database's errors.

    The head of the chain stays locked from reading the file to writing it, so that one of several workers
    signs and the others find nothing left to sign.

    If the file has no checkpoint although the log was signed before, it may have been deleted. So that
    verification is recorded first, as ``unsigned``; afterwards the log would verify as unchanged again.
    """
    return _sign(verify(from_checkpoint=True), beginning, actor)


def adopt_beginning(elsewhere: Checkpoint, actor: Actor) -> Checkpoint | None:
    """Sign the beginning of the log that another machine has signed into this machine's checkpoint file.

    ``elsewhere``: a valid checkpoint of that machine. All rows from its beginning on are verified first.
    Returns and raises as :func:`sign_checkpoint` does.
    """
    result = verify(beginning=elsewhere.beginning, elsewhere=elsewhere)
    return _sign(result, elsewhere.beginning, actor)


def _sign(result: Result, beginning: Beginning | None, actor: Actor) -> Checkpoint | None:
    if result.verdict not in ROWS_INTACT:  # appending to a file with a problem does no harm
        raise NotSignedError(result)
    path, key = settings.AUDIT_CHECKPOINT_FILE, checkpoints.signing_key(settings.AUDIT_SIGNING_KEY)
    with transaction.atomic():
        with connection.cursor() as cursor:
            lock_head(cursor)
        last = last_own_checkpoint()
        if result.last < result.first or (last is not None and last.seq >= result.last):
            return None
        if last is None and result.checkpoint is not None:  # deleted since it was read: verify again
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if last is None and result.verdict is Verdict.UNSIGNED and _was_signed_before():
            logger.error("audit_log_unsigned", extra={"last": result.last})
            record_result(actor, result)
        first, anchor = beginning or (last.beginning if last else Beginning())
        checkpoint = Checkpoint(
            seq=result.last,
            hash=result.last_hash,
            time=max(clock.microseconds(), last.time if last else 0),
            first=first,
            anchor=anchor,
            key=checkpoints.key_id(key.public_key()),
            previous=last.signature if last else "",
            previous_line=last.line_hash() if last else "",
        ).signed_with(key)
        checkpoints.append(path, checkpoint)
        facts: dict[str, Value] = {"last": checkpoint.seq, "key": checkpoint.key}
        facts["file"] = checkpoints.file_id(path)
        record(Event(AUDIT_CHECKPOINT_SIGNED, actor, data=facts))
    # Also on standard output, for a log shipper.
    sys.stdout.write(checkpoint.line() + "\n")
    sys.stdout.flush()
    return checkpoint


def _was_signed_before() -> bool:
    """Whether any machine has signed the log."""
    return AuditEvent.objects.filter(action=AUDIT_CHECKPOINT_SIGNED.name).exists()
