"""The worker's task for the audit log: sign checkpoints while events arrive, and verify regularly."""

from __future__ import annotations

import logging
import time
from typing import Final

from apps.audit.audit_events import AUDIT_VERIFIED
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.past_verifications import (
    has_activity_after,
    latest_whole_verification,
    result_of,
    standing_problems,
)
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.stored_rows import StoredRows, read_head
from apps.audit.integrity.valid_macs import last_signed_sequence
from apps.audit.integrity.verification import GOOD, Result, record_result, verify
from apps.audit.models import AuditEvent
from apps.core import clock
from apps.core.actor import Actor

logger = logging.getLogger("apps.audit")

SIGN_AFTER_EVENTS: Final = 1_000
MAX_UNSIGNED_AGE: Final = 60.0  # seconds
VERIFY_INTERVAL: Final = 600.0  # seconds between verifications of the events after the last checkpoint
VERIFY_WHOLE_INTERVAL: Final = 24 * 60 * 60.0  # seconds between verifications of the whole log


class IntegrityMonitor:
    """Signs and verifies for one worker process. Several may run; a lock admits one signer."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.signed = 0  # everything up to this sequence number is signed or needs no signature
        self.unsigned_since: float | None = None
        self.not_before = 0.0  # after a failure, the time of the next attempt
        self.verified_at = time.monotonic()
        self.verified_whole_at: float | None = None
        self.reported: tuple[Verdict, int] | None = None

    def run_due(self) -> None:
        """Sign and verify if due. A failed step is retried after its interval. Raises database errors."""
        if time.monotonic() >= self.not_before:
            self.not_before = time.monotonic() + MAX_UNSIGNED_AGE
            try:
                self._sign()
            except NotSignedError as error:
                logger.error("audit_log_not_signed", extra={"verdict": error.result.verdict.value})
            except OSError as error:
                logger.error("audit_checkpoint_not_written", extra={"error": type(error).__name__})
            else:
                self.not_before = 0.0
        if time.monotonic() - self.verified_at >= VERIFY_INTERVAL:
            self.verified_at = time.monotonic()  # set first: a failure is retried after the next interval
            try:
                self._verify()
            except OSError as error:
                logger.error("audit_log_not_verified", extra={"error": type(error).__name__})

    def _sign(self) -> None:
        head = read_head()
        if head is None or head[0] <= self.signed:
            return
        if not has_activity_after(max(self.signed, last_signed_sequence())):
            self.signed = min(head[0], StoredRows().last_sequence())  # the head may be altered
            return
        now = time.monotonic()
        self.unsigned_since = now if self.unsigned_since is None else self.unsigned_since
        if head[0] - self.signed < SIGN_AFTER_EVENTS and now - self.unsigned_since < MAX_UNSIGNED_AGE:
            return
        sign_checkpoint(self.actor)
        self.signed, self.unsigned_since = head[0], None

    def _verify(self) -> None:
        """Verify the events since the last checkpoint, or once a day the whole log."""
        latest = latest_whole_verification()
        # abs(): an event altered to a future time must not postpone the next verification.
        whole = latest is None or abs(clock.seconds() - latest.time / 1e6) >= VERIFY_WHOLE_INTERVAL
        # One without checkpoints does not count there, and a known problem is not recorded again. Neither may
        # cause one at every turn.
        now, own = time.monotonic(), self.verified_whole_at
        whole = whole and (own is None or now - own >= VERIFY_WHOLE_INTERVAL)
        result = verify(from_checkpoint=not whole)
        self._record(result, whole=whole)
        if whole:  # set last: one that failed or was not recorded is repeated after the next interval
            self.verified_whole_at = now

    def _record(self, result: Result, *, whole: bool) -> None:
        """Record the result of a verification.

        A good one after the last checkpoint is recorded if there was activity since the last verification or
        if it differs from that one's, as after a verification on a machine without checkpoints. The same
        problem is recorded only once, and again if another machine, whose file of checkpoints does not show
        it, has found the log unchanged since.
        """
        good = result.verdict in GOOD
        if good and not whole and _is_known(result):
            return
        if not good and result.problem == self.reported and _stands(result):
            return
        record_result(self.actor, result)
        self.reported = None if good else result.problem


def _stands(result: Result) -> bool:
    """Whether this problem is among those that were recorded and have not ended."""
    recorded = (result_of(event) for event in standing_problems())
    return any(one is not None and one.problem == result.problem for one in recorded)


def _is_known(result: Result) -> bool:
    """Whether the last verification with a good result has this verdict and there was no activity since."""
    last = AuditEvent.objects.filter(action=AUDIT_VERIFIED.name).order_by("-seq").first()
    if last is None or last.details.get("verdict") != result.verdict.value:
        return False
    return not has_activity_after(last.seq)
