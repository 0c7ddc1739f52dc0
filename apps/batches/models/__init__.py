"""Batches of people for one order, and their rows."""

from apps.batches.models.batch import (
    ENDED_STATES,
    FINAL_STATES,
    Batch,
    BatchState,
    PauseReason,
    SendCounters,
    SourceKind,
)
from apps.batches.models.row import BatchRow, OwnState, ReleaseReason, RowState

__all__ = [
    "ENDED_STATES",
    "FINAL_STATES",
    "Batch",
    "BatchRow",
    "BatchState",
    "OwnState",
    "PauseReason",
    "ReleaseReason",
    "RowState",
    "SendCounters",
    "SourceKind",
]
