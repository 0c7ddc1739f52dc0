"""The choice that a person made for the last batch with the same headers."""

from __future__ import annotations

from typing import Final

from apps.batches.columns.matching import Choice
from apps.batches.models import Batch, BatchState, SourceKind

_LATEST: Final = 50
"""How many of the person's latest batches are compared. The headers of each have to be decrypted."""


def remembered_choice(person_id: int, headers: tuple[str, ...]) -> Choice | None:
    """The fields and the date order of this person's latest batch with equal headers; None without one.

    Nothing is remembered for a table without headers: its columns may be in another order. A column that is
    not sent was left out by the person only if it had content, as far as that can still be read.
    """
    if not any(headers):
        return None
    earlier = Batch.objects.filter(author_id=person_id).exclude(state=BatchState.MATCHING)
    earlier = earlier.exclude(encrypted_headers=b"").exclude(source=SourceKind.ROWS)
    for batch in earlier.order_by("-created_at", "-id")[:_LATEST]:
        if batch.headers == headers:
            targets = tuple(map(str, batch.targets))
            return Choice(True, targets, batch.date_order, _blank_columns(batch, targets))
    return None


def _blank_columns(batch: Batch, targets: tuple[str, ...]) -> frozenset[int]:
    """The columns without a field in which no row of the batch has content."""
    blank = {at for at, target in enumerate(targets) if not target}
    for row in batch.rows.only("public_id", "encrypted_cells") if blank else ():
        blank -= {at for at, cell in enumerate(row.cells or ()) if cell.strip()}
        if not blank:
            break
    return frozenset(blank)
