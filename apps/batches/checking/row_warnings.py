"""Warnings about the rows of a batch: those of the form, and those about other rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.utils.translation import gettext, ngettext

from apps.batches.checking.accepting import row_key
from apps.batches.checking.exchanged_dates import EXCHANGED_DATE
from apps.batches.checking.findings import RowWarning
from apps.batches.checking.similar_rows import SimilarRow
from apps.consumers import labels
from apps.consumers.duplicates.compare import Likeness, Similarity
from apps.consumers.models import Submission
from apps.consumers.sending.warnings import NAMED, SIMILAR, EntryWarning, named_and_counted

SIMILAR_ROW = "similar_row"
SENT_BEFORE = "row_sent_before"
ROW_CODES = (SIMILAR_ROW, SENT_BEFORE, EXCHANGED_DATE)
"""The codes of the warnings that only rows of batches have."""


def form_warnings(warnings: Iterable[EntryWarning]) -> tuple[RowWarning, ...]:
    """Warnings of ``find_warnings``, or of a send that was not confirmed, with the texts of the form.

    Similar consumers after the first ``NAMED`` are one warning; those that only the vendor has are counted on
    their own.
    """
    named, more = named_and_counted(warnings)
    return (*map(_form_warning, named), *map(_more_similar_warning, more))


def _form_warning(warning: EntryWarning) -> RowWarning:
    return RowWarning(
        key=warning.key,
        code=warning.code,
        field=warning.field,
        text=labels.warning_text(warning),
        submission=str(warning.submission.public_id) if warning.submission else "",
        needs_reason=warning.code == SIMILAR,
    )


def _more_similar_warning(more: Sequence[EntryWarning]) -> RowWarning:
    return _with_keys(_form_warning(more[0]), [warning.key for warning in more])


def _with_keys(warning: RowWarning, keys: Sequence[str]) -> RowWarning:
    """The warning about as many similar consumers as there are keys. They are counted and not named."""
    text = labels.more_similar_text(len(keys))
    return replace(warning, key=keys[0], also=tuple(keys[1:]), text=text)


def limited_to(warning: RowWarning, keys: Sequence[str]) -> RowWarning | None:
    """The warning about the consumers of these of its keys; None without any."""
    if len(keys) == len(warning.keys):
        return warning
    return _with_keys(warning, keys) if keys else None


def similar_row_warnings(similar: Sequence[SimilarRow]) -> list[RowWarning]:
    """The warnings at the latest of several similar rows. Those after the first ``NAMED`` are one warning."""
    found = [_similar_row_warning(pair) for pair in similar[:NAMED]]
    if more := similar[NAMED:]:
        keys = [row_key(pair.number, pair.comparison.rule) for pair in more]
        where = ngettext(
            "%(count)s more row of this list is similar to this one.",
            "%(count)s more rows of this list are similar to this one.",
            len(more),
        ) % {"count": len(more)}
        found.append(
            RowWarning(
                key=keys[0],
                code=SIMILAR_ROW,
                field=found[0].field,
                text=where,
                row=more[0].number,
                needs_reason=True,
                also=tuple(keys[1:]),
            )
        )
    return found


def _similar_row_warning(similar: SimilarRow) -> RowWarning:
    """The warning at the later of two similar rows."""
    comparison = similar.comparison
    if comparison.similarity is Similarity.EQUAL:
        where = gettext("The same consumer is in row %(row)s of this list.")
    else:
        where = gettext("A similar consumer is in row %(row)s of this list.")
    alike = comparison.names_of(Likeness.SAME, Likeness.SIMILAR)
    return RowWarning(
        key=row_key(similar.number, comparison.rule),
        code=SIMILAR_ROW,
        field=alike[0],
        text=labels.comparison_text(where % {"row": similar.number}, comparison),
        row=similar.number,
        needs_reason=True,
    )


def earlier_list_warning(submission: Submission) -> RowWarning:
    """The warning at a corrected row whose number was sent with other content from an earlier batch."""
    return RowWarning(
        key=f"{SENT_BEFORE}:{submission.public_id}",
        code=SENT_BEFORE,
        field="",
        text=gettext("This row of the earlier list was already created, with other details."),
        row=submission.batch_row,
        submission=str(submission.public_id),
    )
