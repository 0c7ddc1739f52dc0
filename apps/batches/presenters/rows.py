"""The rows of a batch as its page shows them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse

from apps.batches.checking.findings import RowWarning, findings_of
from apps.batches.labels import SHAPES, warning_label
from apps.batches.models import Batch, BatchRow, RowState
from apps.batches.presenters.row_warnings import line_of_warning, row_url, submissions_of_warnings
from apps.consumers import labels as consumer_labels
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.presenters.entry import WarningLine
from apps.consumers.viewer import Viewer

CORRECTABLE: Final = frozenset(
    {RowState.UNCHECKED, RowState.NEEDS_ATTENTION, RowState.READY, RowState.ALREADY_SENT}
) | {RowState(outcome) for outcome in CORRECTABLE_OUTCOMES}
"""The states in which a row can be corrected."""
MAY_BE_LEFT_OUT: Final = frozenset({RowState.UNCHECKED, RowState.NEEDS_ATTENTION, RowState.READY})
"""The states in which a row can be left out."""
_MAX_SENTENCES: Final = 5  # of a kind of warning


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``shape``: rejected for an error, warning for what may be confirmed."""

    shape: str
    text: str


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row. ``who``, ``when``: of the earlier submission of a row that was sent already.

    ``open_url``: the page to correct it; ``receipt_url``: of its submission; empty without one, or if the
    reader may not open it. ``act``: "leave_out", "take_back" or empty.
    """

    number: int
    name: str
    state: RowState
    shape: str
    problems: tuple[Problem, ...]
    receipt_url: str
    open_url: str
    act: str
    who: str = ""
    when: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class RowSentence:
    """What a warning says about a row, with the earlier consumer. ``url``: the page of the row.

    ``about``: the warning as it was found.
    """

    number: int
    url: str
    warning: WarningLine
    about: RowWarning


@dataclass(frozen=True, slots=True)
class WarningGroup:
    """The warnings of one kind that nobody has confirmed yet. ``more``: how many sentences are not shown."""

    code: str
    label: str
    rows: int
    sentences: tuple[RowSentence, ...]
    more: int
    needs_reason: bool


def has_warning(row: BatchRow, codes: Collection[str]) -> bool:
    """Whether a warning of one of these kinds is left to confirm, and no error to correct."""
    findings = findings_of(row)
    unconfirmed = findings.unconfirmed(frozenset(row.accepted))
    return not findings.errors and any(one.code in codes for one in unconfirmed)


def row_line(
    row: Any, batch: Batch, submission: Submission | None, viewer: Viewer, *, may_edit: bool
) -> RowLine:
    """The line of a row from ``selectors.rows_of``. ``submission``: ``selectors.submission_of_row``."""
    state = RowState(row.current)
    is_earlier = state is RowState.ALREADY_SENT
    may_open = submission is not None and viewer.may_open(submission.actor_id)
    act = ""
    if may_edit:
        act = "leave_out" if state in MAY_BE_LEFT_OUT else "take_back" if state is RowState.LEFT_OUT else ""
    return RowLine(
        number=row.number,
        name=name_of(row),
        state=state,
        shape=SHAPES[state],
        problems=tuple(_problems(row, state, submission)),
        receipt_url=reverse("consumers:receipt", args=[submission.public_id])
        if submission is not None and may_open
        else "",
        open_url=row_url(batch, row.number) if may_edit and state in CORRECTABLE else "",
        act=act,
        who=submission.actor_name if submission is not None and is_earlier else "",
        when=submission.submitted_at if submission is not None and is_earlier else None,
    )


def name_of(row: BatchRow) -> str:
    """The name of the person; before the columns are chosen, the cells of the row. Empty after erasure."""
    values = row.values
    if values is None:
        return " ".join(filter(None, (cell.strip() for cell in row.cells or ())))[:100]
    return f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()


def _problems(row: BatchRow, state: RowState, submission: Submission | None) -> Iterable[Problem]:
    if state in (RowState.NEEDS_ATTENTION, RowState.READY):
        for error in findings_of(row).errors:
            yield Problem("rejected", _with_field(error.field, error.text))
        for warning in shown_warnings(row):
            yield Problem("warning", warning.text)
    elif submission is not None and (reason := consumer_labels.reason(submission)):
        outcome = submission.known_outcome
        yield Problem(outcome if outcome != Outcome.CREATED else "warning", reason)


def _with_field(control: str, text: str) -> str:
    """The text of an error, with the label of its field unless the text names it."""
    name = control.partition("-")[0]
    label = str(FIELD_LABELS.get(name, ""))
    return f"{label}: {text}" if label and label.lower() not in text.lower() else text


def warning_groups(batch: Batch, rows: Iterable[BatchRow], viewer: Viewer) -> tuple[WarningGroup, ...]:
    """The warnings of these rows that were not confirmed, by kind. Rows with errors are corrected first."""
    found: Mapping[str, list[tuple[int, RowWarning]]] = defaultdict(list)
    for row in rows:
        findings = findings_of(row)
        if findings.errors:
            continue
        for warning in findings.unconfirmed(frozenset(row.accepted)):
            found[warning.code].append((row.number, warning))
    named = [warning for pairs in found.values() for _number, warning in pairs[:_MAX_SENTENCES]]
    earlier = submissions_of_warnings(named)
    return tuple(
        WarningGroup(
            code=code,
            label=warning_label(code),
            rows=len({number for number, _warning in pairs}),
            sentences=tuple(
                RowSentence(
                    number,
                    row_url(batch, number),
                    line_of_warning(batch, warning, earlier, viewer),
                    warning,
                )
                for number, warning in pairs[:_MAX_SENTENCES]
            ),
            more=max(len(pairs) - _MAX_SENTENCES, 0),
            needs_reason=any(warning.needs_reason for _number, warning in pairs),
        )
        for code, pairs in sorted(found.items())
    )


def shown_warnings(row: Any) -> tuple[RowWarning, ...]:
    """The warnings that the line of a row from ``selectors.rows_of`` has."""
    if row.current not in (RowState.NEEDS_ATTENTION, RowState.READY):
        return ()
    return findings_of(row).unconfirmed(frozenset(row.accepted))


def confirmed_warnings(rows: Iterable[BatchRow]) -> tuple[tuple[str, int], ...]:
    """The kinds of warnings that were confirmed in these rows, and in how many rows."""
    counted: dict[str, int] = defaultdict(int)
    for row in rows:
        for code in {one.code for one in findings_of(row).warnings if one.key in row.accepted}:
            counted[code] += 1
    return tuple((warning_label(code), count) for code, count in sorted(counted.items()))
