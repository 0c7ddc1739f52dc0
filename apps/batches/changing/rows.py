"""What a person changes in the rows of a batch: corrections, rows left out, rows that are sent again.

These changes have no events: as drafts are, rows that were not sent are unsent text of their author. The
confirmation of the batch records which warnings were overridden. After each change the other rows are checked
again, because warnings compare them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from apps.batches.changing.held_rows import (
    RowChanged,
    chosen_rows,
    held_batch,
    require_unsent,
    rows_with,
    save_row,
)
from apps.batches.changing.shown import ChosenRows
from apps.batches.checking.accepting import row_of_key
from apps.batches.checking.check import recheck
from apps.batches.checking.evaluation import about_the_order
from apps.batches.checking.findings import Findings
from apps.batches.models import (
    Batch,
    BatchRow,
    OwnState,
    RowState,
)
from apps.consumers.forms.consumer import ConsumerForm
from apps.consumers.forms.lists import LISTS
from apps.consumers.models import CORRECTABLE_OUTCOMES
from apps.consumers.sending.warnings import SIMILAR
from apps.core import personal_data
from apps.core.actor import Actor

_CORRECTED: Final = (
    "token",
    "encrypted_values",
    "encrypted_findings",
    "accepted",
    "similar_reason",
    "release_reason",
    "released",
    "earlier",
    "earlier_differs",
)
_FIELDS: Final = frozenset(ConsumerForm.base_fields) - {"token"}


def correct_row(batch: Batch, row: BatchRow, values: Mapping[str, str], *, actor: Actor) -> None:
    """Replace the values of a row, flat as the form's, and check the batch again. It is not left out then.

    ``row``: as the person saw it, with its version. A row with an outcome that proves that no consumer was
    created gets a new token. What was confirmed about similar rows is to be confirmed again. Raises
    :class:`NotChanged`, and ``MissingKeyError``.
    """
    with transaction.atomic():
        held = held_batch(batch)
        stored = rows_with(held, [row.number])[0]
        if stored.version != row.version:
            raise RowChanged(row.number)
        _renew(stored)
        stored.values = {name: value for name, value in values.items() if _is_of_the_form(name)}
        kept = [
            key for key in stored.accepted if row_of_key(key) is None and not key.startswith(f"{SIMILAR}:")
        ]
        stored.accepted, stored.similar_reason = kept, ""
        stored.release_reason, stored.released = "", []
        stored.earlier, stored.earlier_differs = None, False
        stored.state = OwnState.UNCHECKED
        left = Findings(warnings=about_the_order(stored)).to_json()
        stored.encrypted_findings = personal_data.encrypted(stored, "encrypted_findings", left)
        save_row(stored, *_CORRECTED)
        _withdraw_confirmations_about(held, stored.number)
    recheck(batch)
    row.refresh_from_db()


def leave_out(batch: Batch, chosen: ChosenRows, *, actor: Actor) -> list[int]:
    """Leave out these rows, which have not been sent, or all that need attention. Return their numbers.

    Raises :class:`NotChanged`.
    """
    with transaction.atomic():
        rows = require_unsent(chosen_rows(held_batch(batch), chosen, RowState.NEEDS_ATTENTION))
        for row in rows:
            if row.state != OwnState.LEFT_OUT:
                row.state = OwnState.LEFT_OUT
                save_row(row)
    recheck(batch)
    return [row.number for row in rows]


def take_back_in(batch: Batch, chosen: ChosenRows, *, actor: Actor) -> list[int]:
    """Check these rows again, which were left out, or all that were. Return their numbers.

    Raises :class:`NotChanged`.
    """
    with transaction.atomic():
        rows = require_unsent(chosen_rows(held_batch(batch), chosen, RowState.LEFT_OUT))
        for row in rows:
            if row.state == OwnState.LEFT_OUT:
                row.state = OwnState.UNCHECKED
                save_row(row)
    recheck(batch)
    return [row.number for row in rows]


def send_again(batch: Batch, chosen: ChosenRows, *, actor: Actor) -> list[int]:
    """Give these rows, or all that were not sent, a new token and check them. Return their numbers.

    Their outcome proves that no consumer was created. Raises :class:`NotChanged`.
    """
    with transaction.atomic():
        rows = chosen_rows(held_batch(batch), chosen, RowState.NOT_SENT)
        for row in rows:
            if row.current not in CORRECTABLE_OUTCOMES:
                raise RowChanged(row.number)
            _renew(row)
            row.state = OwnState.UNCHECKED
            save_row(row, "token")
    recheck(batch)
    return [row.number for row in rows]


def _renew(row: Any) -> None:
    """Give a row a new token if its outcome proves that no consumer was created."""
    if row.current in CORRECTABLE_OUTCOMES:
        row.token = uuid.uuid4()
    elif row.current not in OwnState.values:
        raise RowChanged(row.number)


def _withdraw_confirmations_about(batch: Batch, number: int) -> None:
    """Withdraw what was confirmed about the row with this number, because its data have changed."""
    for row in batch.rows.exclude(accepted=[]).only("accepted", "version"):
        kept = [key for key in row.accepted if row_of_key(key) != number]
        if kept != row.accepted:
            row.accepted = kept
            save_row(row, "accepted", state=False)


def _is_of_the_form(name: str) -> bool:
    return name in _FIELDS or name.partition("-")[0] in LISTS
