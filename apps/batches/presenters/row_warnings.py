"""Warnings about rows, with the consumer or row that each is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.urls import reverse
from django.utils.translation import gettext

from apps.batches import selectors
from apps.batches.checking.findings import RowWarning
from apps.batches.models import Batch
from apps.consumers.models import Submission
from apps.consumers.presenters.entry import WarningLine, similar_fields, warning_line
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning, consumer_of_key
from apps.consumers.viewer import Viewer
from apps.core.references import UUID_SHAPED, with_dashes


def row_url(batch: Batch, number: int) -> str:
    """The address of the page of a row."""
    return reverse("batches:row", args=[batch.public_id, number])


def submissions_of_warnings(warnings: Iterable[RowWarning]) -> Mapping[str, Submission]:
    """The submissions that these warnings are about, by public id. One statement."""
    return selectors.submissions_with_ids(one.submission for one in warnings if one.submission)


def line_of_warning(
    batch: Batch, warning: RowWarning, earlier: Mapping[str, Submission], viewer: Viewer
) -> WarningLine:
    """A warning, with who sent the earlier consumer and when, and a link if the reader may open it."""
    if warning.also:  # several rows, counted
        return WarningLine(warning.text)
    if warning.row is not None and not warning.submission:
        return WarningLine(
            warning.text, url=row_url(batch, warning.row), url_text=gettext("Open the other row")
        )
    submission = earlier.get(warning.submission)
    if submission is None:
        return _vendors_line(warning, viewer)
    may_open = viewer.may_open(submission.actor_id)
    return WarningLine(
        warning.text,
        who=submission.actor_name,
        when=submission.submitted_at,
        reference=submission.consumer_ref or submission.late_consumer_ref,
        url=reverse("consumers:receipt", args=[submission.public_id]) if may_open else "",
        url_text=gettext("Open the receipt"),
    )


def _vendors_line(warning: RowWarning, viewer: Viewer) -> WarningLine:
    """A consumer that only the vendor has, by the key of its reference; or a warning about no consumer."""
    ref = with_dashes(consumer_of_key(warning.key))
    if warning.submission or not UUID_SHAPED.fullmatch(ref):
        return WarningLine(warning.text)
    return WarningLine(
        warning.text,
        reference=ref,
        url=record_url("orders:order_consumer", ref) if viewer.may_view_vendor_records else "",
        url_text=gettext("Open the consumer"),
    )


def compared_lines(
    batch: Batch,
    warnings: Iterable[RowWarning],
    on_order: Mapping[str, EntryWarning],
    in_list: Mapping[str, Similar],
    viewer: Viewer,
) -> tuple[WarningLine, ...]:
    """The warnings of one row, similar consumers and rows beside it, as the form shows them.

    ``on_order``, ``in_list``: from ``checking.comparing``. What is not in them has no comparison.
    """
    warnings = tuple(warnings)
    earlier = submissions_of_warnings(one for one in warnings if one.key not in on_order)
    lines = []
    for warning in warnings:
        if warning.key in on_order:
            lines.append(warning_line(on_order[warning.key], viewer))
        elif warning.key in in_list:
            lines.append(_other_row(batch, warning, in_list[warning.key]))
        else:
            lines.append(line_of_warning(batch, warning, earlier, viewer))
    return tuple(lines)


def _other_row(batch: Batch, warning: RowWarning, similar: Similar) -> WarningLine:
    number = warning.row or 0
    return WarningLine(
        warning.text,
        url=row_url(batch, number),
        url_text=gettext("Open the other row"),
        rows=similar_fields(similar, is_shown=True),
        source=gettext("Row %(number)s") % {"number": number},
        is_shown=True,
    )
