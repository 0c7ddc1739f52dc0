"""Submissions as rows of lists, and the start page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext

from apps.consumers import labels
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import taking
from apps.consumers.reconciliation.resolution import needs_resolution
from apps.consumers.viewer import Viewer


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


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of submissions, and the address that lists them."""

    label: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class RecentOrder:
    """An order that the person used: its number, or its reference without one, and the form for it."""

    name: str
    url: str


def recent_order(submission: Submission) -> RecentOrder:
    """The order of a submission, to continue with."""
    query = urlencode({"order": submission.order_ref})
    return RecentOrder(submission.order_number or submission.order_ref, f"{reverse('consumers:new')}?{query}")


@dataclass(frozen=True, slots=True)
class StartPage:
    """The start page. ``unknown_count``: all unknown submissions, of which some are shown;
    ``overdue_count``: those that have been unknown for too long.

    ``today``: the person's own figures; empty before their first submission of the day. ``recent_orders``:
    the orders that they used last, latest first. ``is_long``: more submissions need attention than are shown.
    """

    recent_orders: tuple[RecentOrder, ...]
    today: tuple[Figure, ...]
    is_long: bool

    unknown: tuple[SubmissionLine, ...]
    unknown_count: int
    overdue_count: int
    contradicted: tuple[SubmissionLine, ...]
    doubtful: tuple[SubmissionLine, ...]
    latest: tuple[SubmissionLine, ...]

    @property
    def shown_count(self) -> int:
        """The number of rows on the page."""
        return sum(map(len, (self.unknown, self.contradicted, self.doubtful, self.latest)))


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


def line(submission: Submission) -> SubmissionLine:
    """A submission as a row of a list, with the consumer's name."""
    return SubmissionLine(
        url=reverse("consumers:receipt", args=[submission.public_id]),
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        consumer=consumer_name(submission),
        order_ref=submission.order_ref,
        order_number=submission.order_number,
        outcome=submission.outcome,
        duration=duration_text(submission.duration_ms),
        note=_note(submission),
    )


def _note(submission: Submission) -> str:
    """What to know about a submission in a list: its state, whether it is overdue, who is resolving it."""
    notes = [labels.line_note(submission)]
    if taking.is_overdue(submission):
        notes.append(gettext("Overdue"))
    if needs_resolution(submission) and taking.is_taken(submission):
        notes.append(gettext("Taken by %(who)s") % {"who": submission.taken_by_name})
    return "; ".join(filter(None, notes))


def consumer_name(submission: Submission) -> str:
    """The consumer's name; empty if the consumer was erased."""
    consumer = submission.consumer
    if consumer is not None:
        return f"{consumer.first_name} {consumer.last_name}"
    return "" if submission.is_erased else gettext("(unreadable)")


def lines(submissions: Iterable[Submission]) -> tuple[SubmissionLine, ...]:
    """Submissions as rows of a list, in the given order."""
    return tuple(map(line, submissions))


def duration_text(milliseconds: int | None) -> str:
    """A duration below a second in milliseconds, otherwise in seconds with one decimal; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return gettext("%(number)s ms") % {"number": milliseconds}
    # Round as the log does: number_format alone truncates.
    return gettext("%(number)s s") % {"number": number_format(round(milliseconds / 1000, 1), 1)}
