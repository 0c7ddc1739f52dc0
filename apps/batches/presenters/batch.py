"""The page of one list: where it is, what is wrong, what can be done next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apps.batches import labels
from apps.batches.models import Batch, BatchRow, BatchState, RowState, SourceKind
from apps.batches.presenters.rows import RowLine, WarningGroup, findings_of
from apps.batches.reading.table import Finding, FindingCode
from apps.batches.sending.control import CAN_BE_CONFIRMED
from apps.batches.sending.shown import digest_of_rows, digest_of_warnings
from apps.consumers.presenters.record_urls import record_url
from apps.core.web.filters import with_query

ALL: Final = "all"
"""The value of the filter that shows every row."""
FEW_ERRORS: Final = 10
"""Up to so many rows with errors are best corrected on the page; more in the file."""
NOT_CONFIRMED: Final = (BatchState.MATCHING, BatchState.CHECKED)
"""The states of a list of which nothing was sent yet: it can be discarded."""
_DONE: Final = (
    RowState.CREATED,
    RowState.REJECTED,
    RowState.NOT_SENT,
    RowState.UNKNOWN,
    RowState.NOT_CREATED,
)


_LEFT: Final = (
    *(RowState.REJECTED, RowState.NOT_SENT, RowState.NOT_CREATED),
    *(RowState.NEEDS_ATTENTION, RowState.READY, RowState.UNCHECKED),
)
"""The states of rows that a finished list has not created, and that somebody can do something about."""


@dataclass(frozen=True, slots=True)
class StateFilter:
    """A state with the number of its rows, as a filter of the rows. ``shape``: empty for all rows."""

    label: str
    shape: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Rows that are not done with, in a sentence. ``url``: where they are shown."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far sending is. ``announced``: the same in steps, so that it is not read out every second.

    ``shape``: of the whole list; created only if nothing is left to do. ``notes``: what is left.
    """

    state: BatchState
    is_running: bool
    percent: int
    words: str
    announced: str
    results: str
    pause_text: str
    shape: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What pressing Send does. ``left``: how many rows are not sent because they need attention.

    ``shown``: the ``digest_of_rows`` of the rows that are sent. ``was_read``: whether the consumers on the
    order could be read when the rows were checked.
    """

    rows: int
    shown: str
    left: int
    was_read: bool
    overridden: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything of the page. ``confirmation``: None while nothing can be sent.

    ``errors``: how many rows have errors; ``few_errors``: whether they are best corrected here.
    ``unsent``: how many rows were not sent and can be sent again; ``failed``: how many rows a
    new list of what failed has. ``replacement_url``: of the list that was made in place of this one; empty
    without one.
    ``may_leave_out_all``, ``may_take_back_all``: how many rows one button is for; 0 without it.
    ``replaced_by_url``: where a corrected file is uploaded. ``warnings_shown``, ``attention_shown``: the
    ``digest_of_warnings`` and ``digest_of_rows`` of the rows that need attention.
    """

    batch: Batch
    is_own: bool
    order_name: str
    order_url: str
    findings: tuple[str, ...]
    source: str
    total: int
    filters: tuple[StateFilter, ...]
    lines: tuple[RowLine, ...]
    warnings: tuple[WarningGroup, ...]
    warnings_shown: str
    attention_shown: str
    errors: int
    few_errors: bool
    confirmation: Confirmation | None
    progress: Progress
    unchecked: int
    unsent: int
    failed: int
    may_edit: bool
    may_change_rows: bool
    may_control: bool
    may_leave_out_all: int
    may_take_back_all: int
    may_discard: bool
    replaced_by_url: str
    replaces_url: str
    replacement_url: str
    replacement_is_file: bool
    first_error_url: str

    @property
    def needs_reason(self) -> bool:
        """Whether a warning can be confirmed only with a reason."""
        return any(group.needs_reason for group in self.warnings)


def order_name(batch: Batch) -> str:
    """The number of the order, or its reference without one."""
    return batch.order_number or batch.order_ref


def batch_url(batch: Batch) -> str:
    """The address of a list."""
    return reverse("batches:batch", args=[batch.public_id])


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


def progress_of(batch: Batch, counts: Mapping[RowState, int], *, not_confirmed: int = 0) -> Progress:
    """How far sending is. Rows that need attention or are left out do not count.

    ``not_confirmed``: how many of the ready rows were changed since the confirmation.
    """
    done = sum(counts[state] for state in _DONE)
    total = done + counts[RowState.READY] + counts[RowState.SENDING]
    percent = done * 100 // total if total else 100
    words = ngettext(
        "%(done)s of %(total)s row has an outcome", "%(done)s of %(total)s rows have an outcome", total
    )
    announced = gettext("%(percent)s %% done") % {"percent": percent // 10 * 10}
    results = ", ".join(
        f"{counts[state]} {str(state.label).lower()}" for state in (*_DONE, RowState.SENDING) if counts[state]
    )
    return Progress(
        state=BatchState(batch.state),
        is_running=batch.state == BatchState.SENDING,
        percent=percent,
        words=words % {"done": done, "total": total},
        announced=announced,
        results=results,
        pause_text=labels.pause_text(batch.pause_reason) if batch.pause_reason else "",
        shape=_shape_of(BatchState(batch.state), counts),
        notes=_notes(batch, counts, not_confirmed),
    )


def _shape_of(state: BatchState, counts: Mapping[RowState, int]) -> str:
    """The shape of a list: of an ended one, that of its least certain rows."""
    if state in (BatchState.FINISHED, BatchState.STOPPED) and counts[RowState.UNKNOWN]:
        return "unknown"
    if state == BatchState.FINISHED and any(counts[one] for one in _LEFT):
        return "warning"
    return _BATCH_SHAPES[state]


def _notes(batch: Batch, counts: Mapping[RowState, int], not_confirmed: int) -> tuple[Note, ...]:
    """What is left of a list that is not being sent."""
    state = batch.state
    if state not in (BatchState.PAUSED, BatchState.FINISHED, BatchState.STOPPED):
        return ()
    unknown, waiting = counts[RowState.UNKNOWN], counts[RowState.NEEDS_ATTENTION]
    found = [
        (
            RowState.UNKNOWN,
            unknown,
            ngettext(
                "%(n)s row is unknown. Do not enter it again: the portal checks it.",
                "%(n)s rows are unknown. Do not enter them again: the portal checks them.",
                unknown,
            ),
        )
    ]
    if state != BatchState.STOPPED:
        text = ngettext("%(n)s row needs attention.", "%(n)s rows need attention.", waiting)
        found.append((RowState.NEEDS_ATTENTION, waiting, text))
    if state == BatchState.FINISHED:
        text = ngettext(
            "%(n)s row is ready. It is sent once you confirm it.",
            "%(n)s rows are ready. They are sent once you confirm them.",
            not_confirmed,
        )
        found.append((RowState.READY, not_confirmed, text))
    if state == BatchState.PAUSED:
        text = ngettext(
            "%(n)s row was changed since the list was confirmed. After Resume, it is sent once you"
            " confirm it.",
            "%(n)s rows were changed since the list was confirmed. After Resume, they are sent once you"
            " confirm them.",
            not_confirmed,
        )
        found.append((RowState.READY, not_confirmed, text))
    url = batch_url(batch)
    return tuple(
        Note(text % {"n": count}, with_query(url, {"show": one.value})) for one, count, text in found if count
    )


def finding_texts(batch: Batch) -> tuple[str, ...]:
    """What the reader has to know about the file, and which of its columns are not sent."""
    texts = [
        labels.finding_text(Finding(FindingCode(one["code"]), one.get("count", 0), one.get("detail", "")))
        for one in batch.findings
    ]
    names = _unsent_columns(batch)
    if names:
        text = ngettext(
            "This column is not sent: %(names)s.", "These columns are not sent: %(names)s.", len(names)
        )
        texts.append(text % {"names": ", ".join(names)})
    return tuple(texts)


def _unsent_columns(batch: Batch) -> list[str]:
    """The columns without a field, by their headers, or by their numbers where there are none."""
    headers = batch.headers
    return [
        (headers[index] if index < len(headers) else "")
        or gettext("column %(number)s") % {"number": index + 1}
        for index, target in enumerate(batch.targets)
        if not target
    ]


def batch_page(
    batch: Batch,
    counts: Mapping[RowState, int],
    *,
    person_id: int,
    shown: str,
    lines: tuple[RowLine, ...],
    warnings: tuple[WarningGroup, ...],
    waiting: Sequence[BatchRow],
    to_confirm: Sequence[BatchRow],
    not_confirmed: int,
    replacement: Batch | None,
    failed: int,
    overridden: tuple[tuple[str, int], ...],
    may_edit: bool,
    may_change_rows: bool,
    may_control: bool,
) -> BatchPage:
    """The page's data. ``counts``: the rows by state; ``shown``: the filter of the rows in effect.

    ``waiting``: the rows that need attention. ``to_confirm``: the rows that can be confirmed now;
    ``not_confirmed``: how many ready ones are not. ``replacement``: the list that was made in place of this.
    ``failed``: how many rows a new list of what failed has.
    """
    errors = tuple(row.number for row in waiting if findings_of(row).errors)
    attention = counts[RowState.NEEDS_ATTENTION]
    can_be_sent = may_change_rows and to_confirm and batch.state in CAN_BE_CONFIRMED
    new_url = with_query(reverse("batches:new"), {"order": batch.order_ref, "replaces": str(batch.public_id)})
    return BatchPage(
        batch=batch,
        is_own=batch.author_id == person_id,
        order_name=order_name(batch),
        order_url=record_url("orders:order", batch.order_ref),
        findings=finding_texts(batch),
        source=str(batch.get_source_display()),
        total=sum(counts.values()),
        filters=state_filters(batch, counts, shown),
        lines=lines,
        warnings=warnings,
        warnings_shown=digest_of_warnings(waiting),
        attention_shown=digest_of_rows(waiting),
        errors=len(errors),
        few_errors=len(errors) <= FEW_ERRORS,
        confirmation=Confirmation(
            len(to_confirm),
            digest_of_rows(to_confirm),
            attention,
            batch.refs_at_check is not None,
            overridden,
        )
        if can_be_sent
        else None,
        progress=progress_of(batch, counts, not_confirmed=not_confirmed),
        unchecked=counts[RowState.UNCHECKED],
        unsent=counts[RowState.NOT_SENT],
        failed=failed,
        may_edit=may_edit,
        may_change_rows=may_change_rows,
        may_control=may_control,
        may_leave_out_all=attention if may_change_rows and shown == RowState.NEEDS_ATTENTION else 0,
        may_take_back_all=counts[RowState.LEFT_OUT] if may_change_rows and shown == RowState.LEFT_OUT else 0,
        may_discard=may_control and batch.erased_at is None and batch.state in NOT_CONFIRMED,
        replaced_by_url=new_url,
        replacement_url=batch_url(replacement) if replacement else "",
        replacement_is_file=replacement is not None and replacement.source != SourceKind.ROWS,
        first_error_url=reverse("batches:row", args=[batch.public_id, errors[0]]) if errors else "",
        replaces_url=batch_url(batch.replaces) if batch.replaces is not None else "",
    )


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A list in the list of lists, and on the start page."""

    url: str
    order_name: str
    created_at: dt.datetime
    author: str
    state: str
    shape: str
    total: int
    results: str
    percent: int
    is_running: bool


_BATCH_SHAPES: Final[Mapping[BatchState, str]] = {
    BatchState.MATCHING: "unchecked",
    BatchState.CHECKED: "ready",
    BatchState.SENDING: "sending",
    BatchState.PAUSED: "warning",
    BatchState.STOPPED: "not_sent",
    BatchState.FINISHED: "created",
}


def batch_line(batch: Batch, counts: Mapping[RowState, int]) -> BatchLine:
    """The line of a list, with its rows counted by state."""
    progress = progress_of(batch, counts)
    state = BatchState(batch.state)
    texts = [f"{one.label}: {count}" for one, count in counts.items() if count]
    return BatchLine(
        url=batch_url(batch),
        order_name=order_name(batch),
        created_at=batch.created_at,
        author=batch.author_name,
        state=str(state.label),
        shape=progress.shape,
        total=sum(counts.values()),
        results=", ".join(texts),
        percent=progress.percent,
        is_running=progress.is_running,
    )
