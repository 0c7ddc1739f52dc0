"""Dates of birth in which a spreadsheet program may have exchanged day and month."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.utils.translation import gettext

from apps.batches.checking.findings import RowWarning
from apps.batches.models import Batch
from apps.batches.reading.table import FindingCode
from apps.cdp.consumers import NewConsumer

EXCHANGED_DATE: Final = "exchanged_date"
"""The code of the warning, and the key that confirms it at a row."""
_DATE: Final = "date_of_birth"


def suspicious_dates(batch: Batch) -> dict[int, str]:
    """The uploaded date of birth of each row in which it may be exchanged, by the row's number.

    One statement if the batch has such rows, otherwise none.
    """
    numbers = _rows_of_finding(batch)
    if not numbers or _DATE not in batch.targets:
        return {}
    at = batch.targets.index(_DATE)
    rows = batch.rows.filter(number__in=numbers).only("public_id", "number", "encrypted_cells")
    return {row.number: cells[at].strip() for row in rows if (cells := row.cells) and at < len(cells)}


def finding_about(batch: Batch, numbers: Collection[int]) -> list[dict[str, Any]]:
    """The finding about these dates, as it is stored, for a batch with a copy of the rows of these numbers.

    Empty if none of them has such a date.
    """
    rows = [number for number in _rows_of_finding(batch) if number in numbers]
    found = (one for one in batch.findings if one["code"] == FindingCode.DATES_MAY_BE_EXCHANGED)
    return [{**one, "count": len(rows), "rows": rows} for one in found if rows]


def _rows_of_finding(batch: Batch) -> Collection[int]:
    for finding in batch.findings:
        if finding["code"] == FindingCode.DATES_MAY_BE_EXCHANGED:
            return list(finding["rows"])
    return ()


def exchanged_date_warnings(uploaded: str, consumer: NewConsumer) -> list[RowWarning]:
    """The warning at a row whose date of birth is still the one that was uploaded; otherwise none."""
    if not uploaded or consumer.date_of_birth is None or consumer.date_of_birth.isoformat() != uploaded:
        return []
    text = gettext(
        "The spreadsheet program may have exchanged day and month of this date. Compare it with the original"
        " list."
    )
    return [RowWarning(key=EXCHANGED_DATE, code=EXCHANGED_DATE, field=_DATE, text=text)]
