"""The worker's duty for the audit log: sign checkpoints while events arrive, and verify regularly."""

from __future__ import annotations

import logging
import time
from typing import Final

from django.conf import settings

from apps.audit.audit_events import AUDIT_CHECKPOINT_SIGNED, AUDIT_VERIFIED
from apps.audit.integrity import checkpoints
from apps.audit.integrity.past_verifications import latest_whole_verification
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.stored_rows import read_head
from apps.audit.integrity.verification import GOOD, record_result, verify
from apps.audit.models import AuditEvent
from apps.core import clock
from apps.core.actor import Actor

logger = logging.getLogger("apps.audit")

SIGN_AFTER_EVENTS: Final = 1_000
SIGN_AFTER: Final = 60.0  # seconds with something unsigned
VERIFY_EVERY: Final = 600.0  # seconds: what came after the last checkpoint
VERIFY_WHOLE_EVERY: Final = 24 * 60 * 60.0  # seconds: from the first event

# The events of this duty do not count as activity; otherwise it would record new ones for ever.
_OWN = (AUDIT_CHECKPOINT_SIGNED.name, AUDIT_VERIFIED.name)


class IntegrityMonitor:
    """One for each worker process. Any number of them may run: only one signs at a time."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.signed = 0  # the sequence up to which nothing is left to sign
        self.unsigned_since: float | None = None
        self.not_before = 0.0  # after a failure, the time of the next attempt
        self.verified_at = time.monotonic()
        self.reported: tuple[str, int | None] | None = None

    def run_due(self) -> None:
        """Do what is due now. Raises the database's errors; what failed is due again after its usual time."""
        if time.monotonic() >= self.not_before:
            self.not_before = time.monotonic() + SIGN_AFTER
            try:
                self._sign()
            except NotSignedError as error:
                logger.error("audit_log_not_signed", extra={"verdict": error.result.verdict.value})
            except OSError as error:
                logger.error("audit_checkpoint_not_written", extra={"error": type(error).__name__})
            else:
                self.not_before = 0.0
        if time.monotonic() - self.verified_at >= VERIFY_EVERY:
            self.verified_at = time.monotonic()  # first: what fails is tried again at the next turn
            try:
                self._verify()
            except OSError as error:
                logger.error("audit_log_not_verified", extra={"error": type(error).__name__})

    def _sign(self) -> None:
        head = read_head()
        if head is None or head[0] <= self.signed:
            return
        if not _something_happened_after(max(self.signed, self._last_signed())):
            self.signed = head[0]
            return
        now = time.monotonic()
        self.unsigned_since = now if self.unsigned_since is None else self.unsigned_since
        if head[0] - self.signed < SIGN_AFTER_EVENTS and now - self.unsigned_since < SIGN_AFTER:
            return
        sign_checkpoint(self.actor)
        self.signed, self.unsigned_since = head[0], None

    def _last_signed(self) -> int:
        keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
        found = checkpoints.last_valid(settings.AUDIT_CHECKPOINT_FILE, keys)
        return found[1].seq if found else 0

    def _verify(self) -> None:
        """Verify what came since the last checkpoint, once a day the whole log.

        A good result is recorded if there were events since the last one, a bad one once.
        """
        latest = latest_whole_verification()
        # An event from a time to come, too: whoever has moved it there must not put off the next one.
        whole = latest is None or abs(clock.seconds() - latest.time / 1e6) >= VERIFY_WHOLE_EVERY
        result = verify(from_checkpoint=not whole)
        finding = (result.verdict.value, result.seq)
        good = result.verdict in GOOD
        if (good and not whole and not _something_happened_after(_last_verification())) or (
            not good and finding == self.reported
        ):
            return
        record_result(self.actor, result)
        self.reported = None if good else finding


def _something_happened_after(seq: int) -> bool:
    return AuditEvent.objects.filter(seq__gt=seq).exclude(action__in=_OWN).exists()


def _last_verification() -> int:
    verified = AuditEvent.objects.filter(action=AUDIT_VERIFIED.name).order_by("-seq")
    return verified.values_list("seq", flat=True).first() or 0
