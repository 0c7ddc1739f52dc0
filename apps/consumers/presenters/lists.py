"""Submissions as rows of lists, and the start page."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from apps.consumers import labels
from apps.consumers.list_columns import COLUMNS, DEFAULT_COLUMNS
from apps.consumers.models import Outcome, Submission
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.reconciliation import taking
from apps.consumers.selectors import Pending
from apps.consumers.viewer import Viewer
from apps.core.references import reference_key


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column of a list. ``url``: sorts by it; ``sorted``: how it is sorted, as in ``aria-sort``."""

    key: str
    heading: str
    url: str = ""
    sorted: str = ""


def list_columns(keys: Iterable[str] = DEFAULT_COLUMNS) -> tuple[ListColumn, ...]:
    """These columns with their headings, without sort links."""
    return tuple(ListColumn(key, str(COLUMNS[key])) for key in keys)


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    """One row of a list of submissions."""

    url: str
    submitted_at: datetime
    person: str
    consumer: str
    order_ref: str
    outcome: str
    duration: str
    note: str = ""
    order_number: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of submissions, and the address that lists them."""

    label: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class RecentOrder:
    """An order that the person used. ``name``: its number, or its reference without one.

    ``url``: the form for it; ``order_url``: its page. ``used_at``: the person's latest submission to it.
    ``added``: how many consumers they created on it.
    """

    name: str
    url: str
    order_url: str
    used_at: datetime
    added: int


def recent_orders(latest: Sequence[Submission], created: Mapping[str, int]) -> tuple[RecentOrder, ...]:
    """Orders to continue with. ``latest``: the person's latest submission to each, latest first.

    ``created``: how many consumers the person created on each, by the key of its reference.
    """
    return tuple(
        RecentOrder(
            name=one.order_number or one.order_ref,
            url=f"{reverse('consumers:new')}?{urlencode({'order': one.order_ref})}",
            order_url=record_url("orders:order", one.order_ref),
            used_at=one.submitted_at,
            added=created.get(reference_key(one.order_ref), 0),
        )
        for one in latest
    )


@dataclass(frozen=True, slots=True)
class AttentionLine:
    """Submissions that need attention, in a line: how many, what to do, and the address that shows them.

    ``shape``: the name of its icon.
    """

    shape: str
    text: str
    advice: str
    url: str


def attention_lines(
    found: Iterable[Pending], *, may_resolve: bool, opens_single: bool = False
) -> tuple[AttentionLine, ...]:
    """The lines about submissions that need attention, for the start page and the list.

    ``opens_single``: a line about one submission leads to its receipt, not to the list of one.
    """
    return tuple(
        AttentionLine(
            shape="unknown" if one.kind == "unknown" else "warning",
            text=_attention_text(one),
            advice=_advice(one.kind, may_resolve=may_resolve),
            url=reverse("consumers:receipt", args=[one.only])
            if opens_single and one.only
            else _list_url(_ATTENTION_FILTERS[one.kind]),
        )
        for one in found
    )


_ATTENTION_FILTERS: Final = {
    "unknown": {"outcome": Outcome.UNKNOWN.value, "period": "all"},
    "contradicted": {"attention": "contradicted"},
    "doubtful": {"attention": "doubtful"},
}


def _attention_text(pending: Pending) -> str:
    texts = {
        "unknown": ngettext(
            "%(number)s submission of unknown outcome",
            "%(number)s submissions of unknown outcome",
            pending.count,
        ),
        "contradicted": gettext("%(number)s contradicted after the resolution"),
        "doubtful": gettext("%(number)s created, to be checked"),
    }
    text = texts[pending.kind] % {"number": pending.count}
    if pending.overdue:
        text = gettext("%(text)s (%(number)s overdue)") % {"text": text, "number": pending.overdue}
    return text


def _advice(kind: str, *, may_resolve: bool) -> str:
    if kind == "contradicted":
        return gettext("Sitecore CDP's answer contradicts how these were resolved.")
    if kind == "doubtful":
        return (
            gettext("Sitecore CDP's answers do not fit. Check each order in Sitecore CDP.")
            if may_resolve
            else gettext("Sitecore CDP's answers do not fit. A supervisor checks them.")
        )
    return _advice_on_unknown(may_resolve=may_resolve)


def _advice_on_unknown(*, may_resolve: bool) -> str:
    if not settings.CDP_RECONCILIATION:
        return (
            gettext("Check the order in Sitecore CDP and resolve each of them.")
            if may_resolve
            else gettext("Do not enter these again. A supervisor resolves them.")
        )
    if may_resolve:
        return gettext(
            "A check may find the outcome. Otherwise check the order in Sitecore CDP and resolve each of"
            " them."
        )
    return gettext(
        "Do not enter these again. A check may find the outcome; otherwise a supervisor resolves them."
    )


@dataclass(frozen=True, slots=True)
class StartPage:
    """The start page.

    ``today``: the person's own figures; empty before their first submission of the day. ``recent_orders``:
    the orders that they used last, latest first. ``latest``: their latest submissions.
    """

    recent_orders: tuple[RecentOrder, ...]
    attention: tuple[AttentionLine, ...]
    today: tuple[Figure, ...]
    latest: tuple[SubmissionLine, ...]
    columns: tuple[ListColumn, ...]


def own_figures(outcomes: Mapping[str, int], since: date, viewer: Viewer) -> tuple[Figure, ...]:
    """The numbers of the person's submissions since a day, all and by outcome, each with its list."""
    if not outcomes:
        return ()
    filters = {"since": since.isoformat()} | ({"person": viewer.person_id} if viewer.sees_all else {})
    shown = [Figure(gettext("Submitted"), sum(outcomes.values()), _list_url(filters))]
    shown += [
        Figure(str(outcome.label), outcomes[outcome], _list_url(filters | {"outcome": outcome.value}))
        for outcome in Outcome
        if outcomes.get(outcome)
    ]
    return tuple(shown)


def _list_url(filters: Mapping[str, str]) -> str:
    return f"{reverse('history:submissions')}?{urlencode(filters)}"


_ANY_ID: Final = uuid.UUID(int=0)


def lines(submissions: Iterable[Submission]) -> tuple[SubmissionLine, ...]:
    """Submissions as rows of a list with the consumers' names, in the given order."""
    # Reversed once for all rows: it would take as long as the rest of a row.
    receipt = reverse("consumers:receipt", args=[_ANY_ID])
    return tuple(_line(one, receipt.replace(str(_ANY_ID), str(one.public_id))) for one in submissions)


def _line(submission: Submission, url: str) -> SubmissionLine:
    return SubmissionLine(
        url=url,
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        consumer=consumer_name(submission),
        order_ref=submission.order_ref,
        order_number=submission.order_number,
        outcome=submission.known_outcome,
        duration=duration_text(submission.duration_ms),
        note=_note(submission),
        consumer_ref=submission.consumer_ref,
        guest_ref=submission.guest_ref,
        reason=labels.reason(submission),
    )


def _note(submission: Submission) -> str:
    """What to know about a submission in a list: its state, whether it is overdue, who is resolving it."""
    notes = [labels.line_note(submission)]
    if taking.is_overdue(submission):
        notes.append(gettext("Overdue"))
    if submission.needs_resolution and taking.is_taken(submission):
        notes.append(gettext("Taken by %(who)s") % {"who": submission.taken_by_name})
    return "; ".join(filter(None, notes))


def consumer_name(submission: Submission) -> str:
    """The consumer's name; empty if the consumer was erased."""
    consumer = submission.consumer
    if consumer is not None:
        return f"{consumer.first_name} {consumer.last_name}"
    return "" if submission.is_erased else gettext("(unreadable)")


def duration_text(milliseconds: int | None) -> str:
    """A duration below a second in milliseconds, otherwise in seconds with one decimal; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return gettext("%(number)s ms") % {"number": milliseconds}
    # Round as the log does: number_format alone truncates.
    return gettext("%(number)s s") % {"number": number_format(round(milliseconds / 1000, 1), 1)}
