"""The page of a batch: its progress, what is wrong in it, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext

from apps.batches import labels, selectors
from apps.batches.changing.shown import digest_of_rows, digest_of_warnings
from apps.batches.checking.findings import findings_of
from apps.batches.models import Batch, BatchRow, RowState, SourceKind
from apps.batches.presenters.columns import choice_text
from apps.batches.presenters.findings import finding_texts
from apps.batches.presenters.naming import batch_url, order_name
from apps.batches.presenters.progress import (
    NOT_CONFIRMED,
    Progress,
    has_no_worker,
    progress_of,
    state_text,
)
from apps.batches.presenters.rows import RowLine, WarningGroup, confirmed_warnings
from apps.batches.sending.control import CAN_BE_CONFIRMED
from apps.batches.storing.columns import columns_may_change
from apps.consumers.presenters.record_urls import record_url
from apps.core.web.filters import with_query

ALL: Final = "all"
"""The value of the filter that shows every row."""
FEW_ERRORS: Final = 10
"""Up to so many rows with errors are best corrected on the page; more in the file."""


@dataclass(frozen=True, slots=True)
class StateFilter:
    """A state with the number of its rows, as a filter of the rows. ``shape``: empty for all rows."""

    label: str
    shape: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What pressing Send does. ``left``: how many rows are not sent because they need attention.

    ``shown``: the ``digest_of_rows`` of the rows that are sent. ``comparison``: with what rows are
    compared before they are sent, if the order could not be read when they were checked; otherwise empty.
    """

    rows: int
    shown: str
    left: int
    comparison: str
    overridden: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, repr=False)
class RowsOfPage:
    """The rows that the forms of the page are about, each read once: what is shown is what is posted back.

    ``waiting``: those that need attention. ``left_out``, ``unsent``: those that are left out, and those that
    were not sent. ``to_confirm``: those that can be confirmed now.
    """

    waiting: Sequence[BatchRow]
    left_out: Sequence[BatchRow]
    unsent: Sequence[BatchRow]
    to_confirm: Sequence[BatchRow]


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader may do with the batch, which ``views.visible`` decides."""

    may_edit: bool
    may_change_rows: bool
    may_control: bool


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything of the page. ``confirmation``: None while nothing can be sent.

    ``errors``: how many rows have errors; ``few_errors``: whether they are best corrected here.
    ``unsent``: how many rows were not sent and can be sent again; ``not_created``: how many rows a new batch
    can be made of. ``replacement_url``: of the batch that was made in place of this one; empty without one.
    ``may_leave_out_all``, ``may_take_back_all``: how many rows one button is for; 0 without it.
    ``columns``: the fields of the columns; ``columns_url``: where they are changed, empty if they cannot be.
    ``corrected_file_url``: where a corrected file is uploaded. ``warnings_shown``, ``attention_shown``: the
    ``digest_of_warnings`` and ``digest_of_rows`` of the rows that need attention; ``left_out_shown``,
    ``unsent_shown``: the latter of the rows that are left out, and that were not sent.
    """

    batch: Batch
    order_name: str
    order_url: str
    findings: tuple[str, ...]
    source: str
    state: str
    filters: tuple[StateFilter, ...]
    lines: tuple[RowLine, ...]
    warnings: tuple[WarningGroup, ...]
    warnings_shown: str
    attention_shown: str
    left_out_shown: str
    unsent_shown: str
    errors: int
    few_errors: bool
    confirmation: Confirmation | None
    progress: Progress
    unchecked: int
    unsent: int
    not_created: int
    rights: Rights
    may_leave_out_all: int
    may_take_back_all: int
    may_discard: bool
    columns: str
    columns_url: str
    corrected_file_url: str
    replaces_url: str
    replacement_url: str
    replacement_is_file: bool
    first_error_url: str

    @property
    def needs_reason(self) -> bool:
        """Whether a warning can be confirmed only with a reason."""
        return any(group.needs_reason for group in self.warnings)


def state_filters(batch: Batch, counts: Mapping[RowState, int], shown: str) -> tuple[StateFilter, ...]:
    """The states that rows have, with their numbers, beginning with all. ``shown``: the value in effect."""
    url, total = batch_url(batch), sum(counts.values())
    everything = StateFilter(gettext("All rows"), "", total, with_query(url, {"show": ALL}), shown == ALL)
    return (
        everything,
        *(
            StateFilter(
                str(state.label),
                labels.SHAPES[state],
                count,
                with_query(url, {"show": state.value}),
                shown == state.value,
            )
            for state, count in counts.items()
            if count
        ),
    )


def batch_page(
    batch: Batch,
    counts: Mapping[RowState, int],
    rights: Rights,
    rows: RowsOfPage,
    *,
    shown: str,
    lines: tuple[RowLine, ...],
    warnings: tuple[WarningGroup, ...],
) -> BatchPage:
    """The page's data. ``counts``: the rows by state; ``shown``: the filter of the rows in effect."""
    errors = tuple(row.number for row in rows.waiting if findings_of(row).errors)
    attention, left_out = counts[RowState.NEEDS_ATTENTION], counts[RowState.LEFT_OUT]
    replacement = selectors.replacement_of(batch)
    new_url = with_query(reverse("batches:new"), {"order": batch.order_ref, "replaces": str(batch.public_id)})
    return BatchPage(
        batch=batch,
        order_name=order_name(batch),
        order_url=record_url("orders:order", batch.order_ref),
        findings=finding_texts(batch),
        source=str(batch.get_source_display()),
        filters=state_filters(batch, counts, shown),
        lines=lines,
        warnings=warnings,
        warnings_shown=digest_of_warnings(rows.waiting),
        attention_shown=digest_of_rows(rows.waiting),
        left_out_shown=digest_of_rows(rows.left_out),
        unsent_shown=digest_of_rows(rows.unsent),
        errors=len(errors),
        few_errors=len(errors) <= FEW_ERRORS,
        confirmation=_confirmation(batch, rows.to_confirm, attention) if rights.may_change_rows else None,
        state=state_text(batch, counts),
        progress=progress_of(
            batch,
            counts,
            not_confirmed=selectors.count_not_confirmed(batch),
            no_worker=has_no_worker(batch),
            is_own=rights.may_edit,
        ),
        unchecked=counts[RowState.UNCHECKED],
        unsent=counts[RowState.NOT_SENT],
        not_created=selectors.rows_for_new_list(batch).count(),
        rights=rights,
        may_leave_out_all=attention if rights.may_change_rows and shown == RowState.NEEDS_ATTENTION else 0,
        may_take_back_all=left_out if rights.may_change_rows and shown == RowState.LEFT_OUT else 0,
        may_discard=rights.may_control and batch.erased_at is None and batch.state in NOT_CONFIRMED,
        columns=choice_text(batch),
        columns_url=reverse("batches:columns", args=[batch.public_id])
        if rights.may_edit and columns_may_change(batch)
        else "",
        corrected_file_url=new_url,
        replacement_url=batch_url(replacement) if replacement else "",
        replacement_is_file=replacement is not None and replacement.source != SourceKind.ROWS,
        first_error_url=reverse("batches:row", args=[batch.public_id, errors[0]]) if errors else "",
        replaces_url=batch_url(batch.replaces) if batch.replaces is not None else "",
    )


def _confirmation(batch: Batch, to_confirm: Sequence[BatchRow], attention: int) -> Confirmation | None:
    """What pressing Send does; None if nothing can be sent. ``attention``: how many rows need attention."""
    if not to_confirm or batch.state not in CAN_BE_CONFIRMED:
        return None
    return Confirmation(
        len(to_confirm),
        digest_of_rows(to_confirm),
        attention,
        "" if batch.refs_at_check is not None else labels.comparison_text(),
        confirmed_warnings(row for row in to_confirm if row.accepted),
    )
