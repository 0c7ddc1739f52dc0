"""Submissions as rows of lists, and the start page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext

from apps.consumers import labels
from apps.consumers.models import Submission


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
class StartPage:
    """The submissions on the start page. ``unknown_count``: all unknown ones, of which some are shown."""

    unknown: tuple[SubmissionLine, ...]
    unknown_count: int
    contradicted: tuple[SubmissionLine, ...]
    doubtful: tuple[SubmissionLine, ...]
    latest: tuple[SubmissionLine, ...]

    @property
    def shown_count(self) -> int:
        """The number of rows on the page."""
        return sum(map(len, (self.unknown, self.contradicted, self.doubtful, self.latest)))


def line(submission: Submission) -> SubmissionLine:
    """A submission as a row of a list, with the consumer's name."""
    consumer = submission.consumer
    return SubmissionLine(
        url=reverse("consumers:receipt", args=[submission.public_id]),
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        consumer=f"{consumer.first_name} {consumer.last_name}" if consumer else _unread(submission),
        order_ref=submission.order_ref,
        order_number=submission.order_number,
        outcome=submission.outcome,
        duration=duration_text(submission.duration_ms),
        note=labels.line_note(submission),
    )


def _unread(submission: Submission) -> str:
    """What a list shows in place of the name; empty if the consumer was erased."""
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
