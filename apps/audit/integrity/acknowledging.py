"""Acknowledge rows that were written past the portal, so that later rows can be signed again.

The rows stay as they are and are named by every verification. Without the MAC keys nobody can acknowledge
other rows, and the hash of the event covers the rows that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from apps.audit.audit_events import AUDIT_ACKNOWLEDGED
from apps.audit.events import MAX_ITEMS, Event, EventError
from apps.audit.integrity.bulk_hashing import COLUMNS_AND_MAC, SEQ
from apps.audit.integrity.stored_rows import StoredRows, rows_after
from apps.audit.integrity.valid_macs import ValidMacs, acknowledged_rows, last_signed_sequence
from apps.audit.integrity.verification import ROWS_INTACT, Result, verify
from apps.audit.recording import record
from apps.core.actor import Actor
from apps.core.runs import Run, run_text


class NotAcknowledgedError(Exception):
    """The rows were not acknowledged, and nothing was recorded.

    ``result``: of the verification, if something else is wrong with the log; otherwise None.
    """

    def __init__(self, message: str, result: Result | None = None) -> None:
        super().__init__(message)
        self.result = result


def acknowledge(runs: Sequence[Run], *, report: str, actor: Actor) -> int:
    """Record that these rows were written past the portal; returns the event's sequence number.

    ``report``: the reference of the report about it, without blanks. Verifies the whole log: each of the rows
    must have no valid MAC, and nothing else may be wrong. Raises :class:`NotAcknowledgedError`, ``OSError``
    if the file of checkpoints cannot be read, and the database's errors.
    """
    last_row = StoredRows().last_sequence()
    if not runs or len(runs) > MAX_ITEMS:
        raise NotAcknowledgedError(f"Name 1 to {MAX_ITEMS} events or ranges of events")
    macs = ValidMacs(last_signed_sequence(), acknowledged_rows())
    for first, last in runs:
        if not 1 <= first <= last <= last_row:
            raise NotAcknowledgedError(f"There is no event {run_text(first, last)}")
        for rows in rows_after(first - 1, up_to=last, columns=COLUMNS_AND_MAC):
            for row in rows:
                if macs.is_valid(row):
                    raise NotAcknowledgedError(
                        f"Event {row[SEQ]} has a valid MAC, or was acknowledged before: it needs nothing"
                    )
    named = {seq for first, last in runs for seq in range(first, last + 1)}
    result = verify(acknowledging=named)
    if result.verdict not in ROWS_INTACT:
        raise NotAcknowledgedError(f"The log has another problem: {result.verdict.value}", result)
    facts = {"events": [run_text(*run) for run in runs], "report": report}
    try:
        event = Event(AUDIT_ACKNOWLEDGED, actor, data=facts)
    except EventError as error:
        raise NotAcknowledgedError(
            "The reference of the report must be one word, such as INC-2041"
        ) from error
    with transaction.atomic():
        return record(event)
