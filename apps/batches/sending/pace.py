"""What the outcome of a row means for the rows after it: when the next one is sent, and when to pause."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from apps.batches.models import Batch, PauseReason, SendCounters
from apps.cdp.errors import ErrorCode, http_code
from apps.consumers.models import Outcome, Submission

MOST_IN_A_ROW: Final = 5
"""Unknown outcomes, sends that did not reach the vendor, or answers "too many requests", until a pause."""
CREDENTIALS: Final = frozenset({ErrorCode.UNAUTHORIZED.value, ErrorCode.FORBIDDEN.value, http_code(403)})
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds after "too many requests"
AFTER_FAILURE: Final = 1.0  # seconds after the first unknown or not_sent in a row; twice as long each time
FIRST_SLOWER, SLOWEST = 500, 10_000  # milliseconds between two rows
FASTER: Final = 0.8  # of the milliseconds between two rows, with each row that was created
SOON: Final = 1.0  # seconds until a row that this process could not send now is tried again
LATER: Final = 10.0  # seconds until rows that wait for another submission are tried again


@dataclass(frozen=True, slots=True)
class Turn:
    """How a turn of a batch ended.

    ``wait``: seconds from the start of the turn until the next one. ``pause``: why the batch is paused.
    ``again``: the token of a row that was answered "too many requests" and is ready again. ``counters``: of
    the batch from now on.
    """

    wait: float = 0.0
    pause: PauseReason | None = None
    again: uuid.UUID | None = None
    counters: SendCounters = field(default_factory=SendCounters)


def turn_without_send(batch: Batch, *, wait: float = 0.0, pause: PauseReason | None = None) -> Turn:
    """A turn in which nothing was sent. The counters stay as they are."""
    return Turn(wait=max(wait, _between_rows()), pause=pause, counters=batch.counters)


def turn_after_send(batch: Batch, submission: Submission, outcome: str, error_code: str) -> Turn:
    """The turn in which a row was sent with this outcome. ``error_code``: of the submission or its answer."""
    if outcome == Outcome.REJECTED and error_code == ErrorCode.RATE_LIMITED:
        return turn_after_limit(batch, submission.token)
    between = _between_rows()
    if outcome == Outcome.UNKNOWN:
        count = batch.unknown_in_a_row + 1
        return Turn(
            wait=max(between, _growing(AFTER_FAILURE, count)),
            pause=PauseReason.SEVERAL_UNKNOWN if count >= MOST_IN_A_ROW else None,
            counters=SendCounters(batch.pause_ms, unknown_in_a_row=count),
        )
    if outcome == Outcome.NOT_SENT:
        count = batch.not_sent_in_a_row + 1
        return Turn(
            wait=max(between, _growing(AFTER_FAILURE, count)),
            pause=PauseReason.NOT_REACHED if count >= MOST_IN_A_ROW else None,
            counters=SendCounters(batch.pause_ms, not_sent_in_a_row=count),
        )
    refused = outcome == Outcome.REJECTED and error_code in CREDENTIALS
    faster = int(batch.pause_ms * FASTER) if outcome == Outcome.CREATED else batch.pause_ms
    return Turn(
        wait=max(between, faster / 1000),
        pause=PauseReason.CREDENTIALS if refused else None,
        counters=SendCounters(faster if faster >= FIRST_SLOWER / 10 else 0),
    )


def turn_after_limit(batch: Batch, token: uuid.UUID) -> Turn:
    """The turn in which the vendor answered "too many requests": it created nothing, so the row is ready."""
    count = batch.limited_in_a_row + 1
    slower = min(max(2 * batch.pause_ms, FIRST_SLOWER), SLOWEST)
    return Turn(
        wait=min(_growing(FIRST_WAIT, count), LONGEST_WAIT),
        pause=PauseReason.RATE_LIMITED if count >= MOST_IN_A_ROW else None,
        again=token,
        counters=SendCounters(slower, limited_in_a_row=count),
    )


def _between_rows() -> float:
    return 1 / settings.BATCH_ROWS_PER_SECOND


def _growing(first: float, count: int) -> float:
    """Seconds to wait after ``count`` failures in a row."""
    return float(first * 2 ** min(count - 1, 10))
