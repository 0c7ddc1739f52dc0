"""Page data of the access report. It has references, people and times, and no personal data of a consumer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.labels import action_label, detail_label, value_label
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import May, actor_label, log_url, record_url
from apps.consumers.audit_keys import BATCH, SUBMISSION_FILTERS
from apps.history.audit_events import EXPORT, EXPORT_STARTED
from apps.privacy import batches
from apps.privacy.exports import Uncertainty
from apps.privacy.report import COUNTED, Counts
from apps.privacy.subjects import Subject
from apps.privacy.verdicts import AccessVerdict, ReportLine

VERDICT_LABELS: Final = {
    AccessVerdict.SHOWED: gettext_lazy("Showed"),
    AccessVerdict.POSSIBLE: gettext_lazy("Could have shown"),
    AccessVerdict.SEARCHED: gettext_lazy("Searched for"),
}
UNCERTAINTY_LABELS: Final = {
    Uncertainty.NOT_COMPLETED: gettext_lazy("the file was not completed; a part of it may have been sent"),
    Uncertainty.WHILE_WRITTEN: gettext_lazy("it was submitted or changed while the file was being written"),
    Uncertainty.CHANGED_SINCE: gettext_lazy("it has changed since, and the filters depend on what changed"),
    Uncertainty.SEARCH_GONE: gettext_lazy("the search of the export no longer exists or cannot be read"),
    Uncertainty.ERASED: gettext_lazy("its data were erased since, so it cannot be compared with the search"),
    Uncertainty.NOT_RECORDED: gettext_lazy("the event does not have the value of a filter"),
    Uncertainty.MORE_SHOWN: gettext_lazy("more records were shown than the event names"),
    Uncertainty.UNREADABLE: gettext_lazy("the event cannot be read"),
    Uncertainty.ALTERED: gettext_lazy(
        "the event was altered, written past the portal, or its key is missing"
    ),
    Uncertainty.COMPARED: gettext_lazy(
        "it said which fields agree with an entry, without the person's values"
    ),
    Uncertainty.COUNTED: gettext_lazy("it counted submissions by the person's value or reference"),
    Uncertainty.COPIED_BEFORE: gettext_lazy(
        "it showed an entry that was filled from the person's record earlier, and may have been typed over"
    ),
    Uncertainty.SEVERAL_VALUES: gettext_lazy(
        "it searched for several values, of which not all are the person's"
    ),
    Uncertainty.ROW_UNCERTAIN: gettext_lazy("the event does not say that it showed this row as it was sent"),
    Uncertainty.HISTORY_ALTERED: gettext_lazy(
        "an event of the submission, on which this depends, was altered, written past the portal, or its key"
        " is missing"
    ),
    Uncertainty.LATER_LIST: gettext_lazy(
        "the list replaces the person's, and has the row with the same number"
    ),
    Uncertainty.LIKE_A_ROW: gettext_lazy("it may have said that a row of the list is similar to the person"),
    Uncertainty.OTHER_SPELLING: gettext_lazy(
        "it has the reference with other dashes than the filter, which earlier versions of the portal did not"
        " find"
    ),
    Uncertainty.TWO_OUTCOMES: gettext_lazy(
        "something contradicts that it was not created, and earlier versions of the portal exported it as not"
        " created, this one as unknown"
    ),
}
_RECORDS: Final = {EXPORT_STARTED.name: EXPORT.name, **dict.fromkeys(batches.SHOWING, BATCH.name)}
"""The key of each event that names a record which the report leads to."""
# The icon and the colour of each verdict.
_SHAPES: Final = {
    AccessVerdict.SHOWED: "created",
    AccessVerdict.POSSIBLE: "unknown",
    AccessVerdict.SEARCHED: "not_sent",
}


@dataclass(frozen=True, slots=True)
class LineOnPage:
    """One event of a report as a row. ``why``: why it is only possible, or why data were exported.

    ``page_url``: the page of the export, or of the list of people, or empty if the reader may not open it.
    ``at``: None if the event was altered.
    """

    url: str
    at: dt.datetime | None
    who: str
    what: str
    page_url: str
    shape: str
    verdict: str
    why: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    """A submission of the person: short id, order, and the address of its events."""

    public_id: str
    row: int
    order_ref: str
    url: str


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A report as its page shows it.

    ``asked_by``: the kinds of what was asked for; ``reference``: empty for a value. ``counts``: None if there
    are too many events to count them. ``begins``: the first event of the log; None in an empty one. ``cut``:
    the direction in which the page reads no more, "newer" or "older"; else empty. ``is_behind_all``: it
    begins after the last event.
    """

    asked_by: Sequence[str]
    reference: str
    since: dt.date | None
    until: dt.date | None
    submissions: Sequence[SubmissionLine]
    counts: Counts | None
    begins: AuditEvent | None
    lines: Sequence[LineOnPage]
    cut: str
    is_behind_all: bool
    first_url: str
    file_url: str
    newer_url: str
    older_url: str
    most_counted: int = COUNTED


def line_on_page(line: ReportLine, may: May) -> LineOnPage:
    """A line for the page. ``may``: the reader's permissions."""
    event = line.event
    key = _RECORDS.get(event.action, "")
    return LineOnPage(
        url=reverse("audit:event", args=[event.seq]) if event.seq >= 0 else "",
        at=event.at,
        who=actor_label(event),
        what=action_label(event.action),
        page_url=record_url(event.action, key, event.details.get(key), may),
        shape=_SHAPES[line.verdict],
        verdict=str(VERDICT_LABELS[line.verdict]),
        why=tuple(reasons(line)),
        origin=event.client_address or "",
    )


def reasons(line: ReportLine) -> list[str]:
    """Why an event is only possible; of an export, why data were exported and whether they were personal."""
    event, found = line.event, []
    if line.uncertainty is not None:
        found.append(str(UNCERTAINTY_LABELS[line.uncertainty]))
    if event.action == EXPORT_STARTED.name:
        found += _export_facts(event)
    return found


def _export_facts(event: AuditEvent) -> list[str]:
    facts = event.details
    found = [
        detail_label(event.action, "reason", facts["reason"])
        if facts.get("reason")
        else _("without personal data")
    ]
    if facts.get("filters"):
        found.append(
            _("filters: %(filters)s") % {"filters": value_label(SUBMISSION_FILTERS, facts["filters"])}
        )
    return found


def submission_lines(subject: Subject) -> list[SubmissionLine]:
    """The submissions of the person, oldest first."""
    return [
        SubmissionLine(
            public_id=str(one.public_id),
            row=one.pk,
            order_ref=one.order_ref,
            url=log_url(group="all", reference=str(one.public_id), sort="oldest"),
        )
        for one in subject.submissions.values()
    ]
