"""Read a pasted text of either kind into a proposal."""

from __future__ import annotations

from apps.consumers.paste.column_orders import remembered_columns
from apps.consumers.paste.columns import guessed_targets, header_keys, targets_of_headers
from apps.consumers.paste.mrz import read_mrz
from apps.consumers.paste.proposal import Proposal, propose_mrz, propose_row
from apps.consumers.paste.rows import MAX_TEXT, NotOneRow, RowFault, read_row
from apps.core import clock


def read_paste(
    text: str, *, person_id: str, providers: tuple[str, ...], targets: tuple[str, ...] | None = None
) -> Proposal:
    """The proposal of a pasted text: an MRZ, otherwise one row of a spreadsheet.

    ``targets``: the fields of the columns as the person has chosen them. Otherwise they are those of the
    headers; without headers those that this person (``person_id``) chose last for as many columns, or a
    guess.

    Raises :class:`apps.consumers.paste.mrz_lines.NotReadable` and
    :class:`apps.consumers.paste.rows.NotOneRow`.
    """
    if len(text) > MAX_TEXT:
        raise NotOneRow(RowFault.TOO_LONG, len(text))
    mrz = read_mrz(text, today=clock.now().date())
    if mrz is not None:
        return propose_mrz(mrz)
    row = read_row(text, known_headers=header_keys(providers))
    if targets is None and row.headers is not None:
        targets = targets_of_headers(row.headers, providers)
    if targets is None:
        targets = remembered_columns(person_id, len(row.cells))
    return propose_row(row, guessed_targets(row) if targets is None else targets)
